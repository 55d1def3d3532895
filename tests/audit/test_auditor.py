"""Heads, proofs and witnesses of real stores; other people's code computes the same."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pymerkle
import pytest

from eventtrack.audit.auditor import Auditor
from eventtrack.audit.checkpoints import Checkpoint
from eventtrack.audit.notes import Note
from eventtrack.audit.proofs import parse_head_proof, parse_proofs
from eventtrack.audit.verify import verify_file
from eventtrack.errors import (
    ConflictError,
    InvalidStateError,
    NotFoundError,
    StoreError,
    VerificationError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.events.types import HeadSealed
from eventtrack.log.merkle import is_consistent
from eventtrack.store import Store
from tests.attack.damaged import damage_header
from tests.store.machines import send


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "peer")
    yield store
    store.close()


@pytest.fixture
def run_id(store: Store) -> str:
    run_id = store.runs.create("0", run_name="proved").info.run_id
    store.runs.log_params(run_id, {"lr": "0.1"})
    for step in range(5):
        store.metrics.log(run_id, "loss", 1 / (step + 1), step)
    store.runs.set_tags(run_id, {"stage": "done"})
    return run_id


def proof_of(store: Store, run_id: str) -> str:
    proofs = Auditor(store).prove(store.feeds.of_stream(f"run/{run_id}"))
    return "".join(map(str, proofs))


class TestKeys:
    def test_a_key_is_made_once_and_announced_once(self, store: Store) -> None:
        key = Auditor(store).key()
        assert Auditor(store).key() == key
        assert Auditor(store).keys(store.feeds.own) == [key]
        assert key.name == f"eventtrack/{store.feeds.own}"

    def test_only_its_owner_can_read_the_private_key(self, store: Store) -> None:
        Auditor(store).key()
        [path] = (store.path / "keys").iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_processes_that_ask_at_once_get_the_same_key(self, store: Store) -> None:
        ask = (
            "import sys; from pathlib import Path; from eventtrack.audit.keys import signer_of;"
            "print(signer_of(Path(sys.argv[1]), sys.argv[2]).verifier)"
        )
        words = [sys.executable, "-c", ask, str(store.path), store.feeds.own]
        asked = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        assert len({process.communicate()[0] for process in asked}) == 1
        assert len(list((store.path / "keys").iterdir())) == 1

    def test_a_damaged_key_file_is_named(self, store: Store) -> None:
        Auditor(store).key()
        [path] = (store.path / "keys").iterdir()
        path.write_text("not a key")
        with pytest.raises(StoreError, match=path.name):
            Auditor(store).seal()


class TestSeals:
    def test_a_seal_is_the_head_of_the_feed(self, store: Store, run_id: str) -> None:
        Auditor(store).key()
        feed = store.feeds.of_replica(store.feeds.own)[0]
        note = Auditor(store).seal()
        head = Checkpoint.of(note)
        assert (head.size, head.root.hex(), head.replica) == (feed.size, feed.root, feed.replica)
        assert note.verify([Auditor(store).key()])

    def test_nothing_new_needs_no_new_seal(self, store: Store, run_id: str) -> None:
        first = Auditor(store).seal()
        size = store.feeds.of_replica(store.feeds.own)[0].size
        assert Auditor(store).seal() == first
        assert store.feeds.of_replica(store.feeds.own)[0].size == size

    def test_a_later_seal_extends_the_earlier(self, store: Store, run_id: str) -> None:
        first = Auditor(store).seal()
        store.runs.set_tags(run_id, {"more": "1"})
        second = Auditor(store).seal()
        assert Checkpoint.of(second).size > Checkpoint.of(first).size
        assert Auditor(store).seals(store.feeds.own) == [first, second]

    def test_roots_are_those_of_another_implementation(self, store: Store, run_id: str) -> None:
        head = Checkpoint.of(Auditor(store).seal())
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        for envelope in store.feeds.envelopes(store.feeds.own, 0, head.size):
            tree.append_entry(envelope.header_bytes)
        assert tree.get_root(head.size) == head.root
        for size in range(1, head.size):
            ours = store.feeds.tree(store.feeds.own, head.size).consistency(size)
            assert is_consistent(size, tree.get_root(size), head.size, head.root, ours)
            theirs = tree.prove_consistency(size, head.size)
            pymerkle.verify_consistency(tree.get_root(size), head.root, theirs)


class TestProofs:
    def test_a_run_is_proved_without_the_store(self, store: Store, run_id: str) -> None:
        text, key = proof_of(store, run_id), Auditor(store).key()
        report = verify_file(text, [key])
        shown = [event.type for event in report.events]
        assert shown == [event.type for event in store.history.timeline(run_id)]
        assert {event.stream for event in report.events} == {f"run/{run_id}"}

    def test_each_piece_stands_for_itself(self, store: Store, run_id: str) -> None:
        key = Auditor(store).key()
        for proof in parse_proofs(proof_of(store, run_id)):
            assert verify_file(str(proof), [key]).events

    def test_paths_are_those_of_another_implementation(self, store: Store, run_id: str) -> None:
        proofs = parse_proofs(proof_of(store, run_id))
        size = Checkpoint.of(proofs[0].note).size
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        for envelope in store.feeds.envelopes(store.feeds.own, 0, size):
            tree.append_entry(envelope.header_bytes)
        for proof in proofs:
            theirs = tree.prove_inclusion(proof.index + 1, size)
            leaf = Envelope(proof.envelope).leaf_hash
            assert sorted([leaf, *proof.path]) == sorted(theirs.path)

    def test_every_changed_character_is_refused(self, store: Store) -> None:
        run_id = store.runs.create("0").info.run_id
        key, text = Auditor(store).key(), proof_of(store, run_id)
        assert len(verify_file(text, [key]).events) == 1
        for place, character in enumerate(text):
            changed = text[:place] + ("A" if character != "A" else "B") + text[place + 1 :]
            with pytest.raises(VerificationError):
                verify_file(changed, [key])
        for length in range(len(text)):
            with pytest.raises(VerificationError):
                verify_file(text[:length], [key])
        lines = text.splitlines(keepends=True)
        for first in range(len(lines) - 1):
            swapped = [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]
            if swapped != lines:
                with pytest.raises(VerificationError):
                    verify_file("".join(swapped), [key])

    def test_an_erased_payload_leaves_its_proof(self, store: Store, run_id: str) -> None:
        key = Auditor(store).key()
        proof = parse_proofs(proof_of(store, run_id))[1]
        header = Envelope(proof.envelope).header_bytes
        erased = len(header).to_bytes(2, "big") + header
        text = str(type(proof)(erased, proof.index, proof.path, proof.note))
        [event] = verify_file(text, [key]).events
        assert (event.type, event.stream) == (None, f"run/{run_id}")

    def test_an_event_of_a_stranger_is_not_shown_under_our_head(
        self, store: Store, peer: Store, run_id: str
    ) -> None:
        proof = parse_proofs(proof_of(store, run_id))[0]
        [stranger] = peer.feeds.envelopes(peer.feeds.own, 0, 1)
        text = str(type(proof)(stranger.data, proof.index, proof.path, proof.note))
        with pytest.raises(VerificationError, match="but shows envelope"):
            verify_file(text, [Auditor(store).key()])

    def test_a_file_that_is_no_proof_is_refused(self, store: Store) -> None:
        for text in ("", "hello\n", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v2\nindex 0"):
            with pytest.raises(VerificationError):
                verify_file(text, [Auditor(store).key()])


class TestConsistency:
    def test_a_newer_head_is_shown_to_extend_an_older(self, store: Store, run_id: str) -> None:
        auditor = Auditor(store)
        older = auditor.seal()
        store.runs.set_tags(run_id, {"more": "1"})
        newer = auditor.seal()
        text = str(auditor.consistency(older, newer))
        assert parse_head_proof(text).old == Checkpoint.of(older).size
        report = verify_file(text, [auditor.key()], older=str(older))
        assert report.size == Checkpoint.of(newer).size
        for place, character in enumerate(text):
            changed = text[:place] + ("A" if character != "A" else "B") + text[place + 1 :]
            with pytest.raises(VerificationError):
                verify_file(changed, [auditor.key()], older=str(older))

    def test_the_older_head_must_be_handed_over(self, store: Store, run_id: str) -> None:
        auditor = Auditor(store)
        older = auditor.seal()
        text = str(auditor.consistency(older, older))
        with pytest.raises(VerificationError, match="--old"):
            verify_file(text, [auditor.key()])
        assert verify_file(text, [auditor.key()], older=str(older))

    def test_heads_in_the_wrong_order_are_refused(self, store: Store, run_id: str) -> None:
        auditor = Auditor(store)
        older = auditor.seal()
        store.runs.set_tags(run_id, {"more": "1"})
        newer = auditor.seal()
        with pytest.raises(VerificationError, match="older one first"):
            auditor.consistency(newer, older)

    def test_a_head_of_another_history_is_an_alarm(self, store: Store, run_id: str) -> None:
        auditor = Auditor(store)
        true = auditor.seal()
        store.runs.set_tags(run_id, {"more": "1"})
        head = Checkpoint.of(true)
        false = head._replace(root=bytes(32))
        forged = Note(false.text, (auditor._signer().sign(false.text),))
        with pytest.raises(ConflictError, match="are not those that were signed"):
            auditor.consistency(forged, auditor.seal())


class TestWitnesses:
    def test_a_peer_countersigns_what_it_has(self, store: Store, peer: Store, run_id: str) -> None:
        Auditor(store).seal()
        send(store, peer)
        Auditor(peer).witness(store.feeds.own)
        send(peer, store)
        text, witness = proof_of(store, run_id), Auditor(peer).key()
        report = verify_file(text, [Auditor(store).key()], [witness])
        assert len(report.witnessed_s) == 1

    def test_a_proof_without_the_demanded_witness_is_refused(
        self, store: Store, peer: Store, run_id: str
    ) -> None:
        text = proof_of(store, run_id)
        with pytest.raises(VerificationError, match="did not countersign"):
            verify_file(text, [Auditor(store).key()], [Auditor(peer).key()])

    def test_nobody_witnesses_his_own_head(self, store: Store) -> None:
        with pytest.raises(InvalidStateError, match="a witness is somebody else"):
            Auditor(store).witness(store.feeds.own)

    def test_a_feed_without_a_seal_cannot_be_witnessed(self, store: Store, peer: Store) -> None:
        send(store, peer)
        with pytest.raises(InvalidStateError, match="audit seal"):
            Auditor(peer).witness(store.feeds.own)
        with pytest.raises(NotFoundError):
            Auditor(peer).witness("00" * 16)

    def test_a_run_of_another_machine_is_proved_by_its_seal(
        self, store: Store, peer: Store, run_id: str
    ) -> None:
        send(store, peer)
        with pytest.raises(InvalidStateError, match="under no signed head"):
            proof_of(peer, run_id)
        Auditor(store).seal()
        send(store, peer)
        assert verify_file(proof_of(peer, run_id), [Auditor(store).key()]).events


class TestVerification:
    def test_every_head_and_countersignature_is_held_against_the_log(
        self, store: Store, peer: Store, run_id: str
    ) -> None:
        Auditor(store).seal()
        store.runs.set_tags(run_id, {"more": "1"})
        Auditor(store).seal()
        send(store, peer)
        Auditor(peer).witness(store.feeds.own)
        assert Auditor(peer).check_heads() == (2, 1)

    def test_a_head_that_the_log_does_not_have_is_an_alarm(self, store: Store, run_id: str) -> None:
        auditor = Auditor(store)
        head = Checkpoint.of(auditor.seal())._replace(root=bytes(32))
        forged = Note(head.text, (auditor._signer().sign(head.text),))
        store.feeds.record(HeadSealed(str(forged)))
        with pytest.raises(ConflictError):
            auditor.check_heads()


class TestExport:
    def test_the_tiles_are_those_of_the_tree(self, store: Store, tmp_path: Path) -> None:
        with store.batch():
            run_id = store.runs.create("0").info.run_id
            for count in range(600):
                store.runs.set_tags(run_id, {"count": str(count)})
        auditor, folder = Auditor(store), tmp_path / "tiles"
        assert auditor.export(folder) == 8
        note = Note.parse((folder / "checkpoint").read_text())
        head = Checkpoint.of(note)
        assert note.verify([auditor.key()])
        leaves = b"".join(
            (folder / "tile/0" / name).read_bytes()
            for name in ("000", "001", f"002.p/{head.size - 512}")
        )
        headers = []
        for name in ("000", "001", f"002.p/{head.size - 512}"):
            rest = (folder / "tile/entries" / name).read_bytes()
            while rest:
                length = int.from_bytes(rest[:2], "big")
                headers.append(rest[2 : 2 + length])
                rest = rest[2 + length :]
        tree = pymerkle.InmemoryTree(algorithm="sha256")
        for header in headers:
            tree.append_entry(header)
        assert tree.get_root(head.size) == head.root
        assert b"".join(tree.get_leaf(n + 1) for n in range(head.size)) == leaves
        above = (folder / "tile/1/000.p/2").read_bytes()
        assert above[:32] == tree.get_root(256)

    def test_headers_that_are_not_what_was_signed_are_not_exported(
        self, store: Store, run_id: str, tmp_path: Path
    ) -> None:
        note = Auditor(store).seal()
        envelope = store.feeds.of_stream(f"run/{run_id}")[0]
        store.close()
        damage_header(store.path, envelope.position, run_id[:8].encode(), b"deadbeef")
        again = Store(store.path)
        with pytest.raises(ConflictError, match="not those that were signed"):
            Auditor(again).export(tmp_path / "tiles", note=note)
        assert not (tmp_path / "tiles").exists()
        again.close()

    def test_a_second_export_adds_what_is_new(
        self, store: Store, run_id: str, tmp_path: Path
    ) -> None:
        auditor, folder = Auditor(store), tmp_path / "tiles"
        auditor.export(folder)
        first = {path.name for path in folder.rglob("*")}
        store.runs.set_tags(run_id, {"more": "1"})
        auditor.export(folder)
        assert {path.name for path in folder.rglob("*")} > first
