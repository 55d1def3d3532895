"""Signed notes, checked with published examples and with another implementation of Ed25519."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.signing import VerifyKey

from eventtrack.audit.checkpoints import Checkpoint, cosign, cosigned_at
from eventtrack.audit.notes import COSIGNATURE, Note, Signature, Signer, VerifierKey, encode_base64
from eventtrack.errors import VerificationError

# The example of Go's package golang.org/x/mod/sumdb/note, which signed-note was written down from.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
    "ngotpRZb6KE6RyyBwJnAM=\n"
)
# Go's checksum database, as the go command knows it.
SUMDB_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


def signer(name: str = "example.com/log", seed: int = 1) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def signed(text: str = "example.com/log\n3\n" + encode_base64(bytes(32)) + "\n") -> Note:
    return Note(text, (signer().sign(text),))


class TestPublishedExamples:
    def test_gos_note_is_read_verified_and_written(self) -> None:
        note, key = Note.parse(GO_NOTE), VerifierKey.parse(GO_KEY)
        assert note.verify([key]) == key
        assert str(note) == GO_NOTE
        assert str(key) == GO_KEY

    def test_the_key_of_gos_checksum_database_is_read(self) -> None:
        key = VerifierKey.parse(SUMDB_KEY)
        assert (key.name, key.key_id.hex(), str(key)) == ("sum.golang.org", "033de0ae", SUMDB_KEY)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "PeterNeumann",
            GO_KEY.replace("c74f20a3", "c74f20a4"),
            GO_KEY.replace("PeterNeumann", "Peter Neumann"),
            GO_KEY.replace("+A", "+B"),
            GO_KEY[:-1],
            GO_KEY[:-4] + "10TX",
            GO_KEY + "A",
        ],
    )
    def test_what_is_no_key_is_refused(self, text: str) -> None:
        with pytest.raises(VerificationError):
            VerifierKey.parse(text)


class TestNotes:
    def test_signatures_are_ed25519_over_the_text(self) -> None:
        note = signed()
        public = VerifyKey(signer().verifier.public)
        public.verify(note.text.encode(), note.signatures[0].data)

    def test_every_changed_byte_is_refused(self) -> None:
        key, data = VerifierKey.parse(GO_KEY), GO_NOTE.encode()
        for place in range(len(data)):
            for bit in range(8):
                changed = bytearray(data)
                changed[place] ^= 1 << bit
                with pytest.raises(VerificationError):
                    Note.parse(changed.decode("utf-8", "replace")).verify([key])

    def test_every_truncation_is_refused(self) -> None:
        key = VerifierKey.parse(GO_KEY)
        for length in range(len(GO_NOTE)):
            with pytest.raises(VerificationError):
                Note.parse(GO_NOTE[:length]).verify([key])

    def test_lines_of_strangers_are_passed_over(self) -> None:
        note = signed()
        stranger = Signature("stranger", b"abcd", b"anything")
        assert note.with_signatures([stranger]).verify([signer().verifier]) == signer().verifier

    def test_a_false_line_beside_a_true_one_is_refused(self) -> None:
        note = signed()
        false = note.signatures[0]._replace(data=bytes(64))
        with pytest.raises(VerificationError, match="is not of this text"):
            note.with_signatures([false]).verify([signer().verifier])

    def test_a_note_that_no_given_key_signed_is_refused(self) -> None:
        with pytest.raises(VerificationError, match=r"claims to be signed by example\.com/log"):
            signed().verify([signer(seed=2).verifier])
        with pytest.raises(VerificationError):
            signed().verify([])

    def test_a_key_of_witnesses_is_not_taken_for_a_signers(self) -> None:
        with pytest.raises(VerificationError):
            signed().verify([signer().verifier.of_kind(COSIGNATURE)])

    @pytest.mark.parametrize("text", ["tab\there\n", "nul\0\n", "bell\a\n"])
    def test_control_characters_are_refused(self, text: str) -> None:
        with pytest.raises(VerificationError):
            Note.parse(str(signed(text)))

    def test_a_note_beyond_all_measure_is_refused(self) -> None:
        with pytest.raises(VerificationError):
            Note.parse(str(signed("line\n" * 30_000)))


class TestCheckpoints:
    def test_a_head_is_three_lines(self) -> None:
        head = Checkpoint("example.com/log", 3, bytes(32))
        assert head.text == f"example.com/log\n3\n{encode_base64(bytes(32))}\n"
        assert Checkpoint.of(signed(head.text)) == head

    @pytest.mark.parametrize(
        "text",
        [
            "example.com/log\n3\n",
            "example.com/log\n03\n" + encode_base64(bytes(32)) + "\n",
            "example.com/log\n-3\n" + encode_base64(bytes(32)) + "\n",
            "example.com/log\n3\n" + encode_base64(bytes(31)) + "\n",
            "example.com/log\n3\n" + encode_base64(bytes(32)) + "\nmore\n",
            "\n3\n" + encode_base64(bytes(32)) + "\n",
        ],
    )
    def test_what_is_no_head_is_refused(self, text: str) -> None:
        with pytest.raises(VerificationError):
            Checkpoint.of(Note(text, ()))

    def test_a_cosignature_is_what_its_specification_says(self) -> None:
        note, witness = signed(), signer("example.com/witness", 7)
        line = cosign(note, witness, 1_679_315_147)
        message = b"cosignature/v1\ntime 1679315147\n" + note.text.encode()
        VerifyKey(witness.verifier.public).verify(message, line.data[8:])
        assert int.from_bytes(line.data[:8], "big") == 1_679_315_147
        both = Note.parse(str(note.with_signatures([line])))
        assert cosigned_at(both, witness.verifier) == 1_679_315_147
        assert both.verify([signer().verifier]) == signer().verifier

    def test_a_witness_who_did_not_sign_is_told_from_a_false_line(self) -> None:
        note, witness = signed(), signer("example.com/witness", 7)
        assert cosigned_at(note, witness.verifier) is None
        line = cosign(note, witness, 5)
        false = line._replace(data=bytes(8) + line.data[8:])
        with pytest.raises(VerificationError, match="is not of this head"):
            cosigned_at(note.with_signatures([false]), witness.verifier)
