"""What a store can show of its history: keys, signed heads, proofs, countersignatures."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from eventtrack.audit import keys, tiles
from eventtrack.audit.checkpoints import Checkpoint, cosign, cosigned_at, origin_of
from eventtrack.audit.notes import Note, Signer, VerifierKey
from eventtrack.audit.proofs import EventProof, HeadProof
from eventtrack.clock import SystemClock
from eventtrack.errors import ConflictError, InvalidStateError, NotFoundError, VerificationError
from eventtrack.events import types
from eventtrack.events.envelope import Envelope
from eventtrack.log.merkle import MerkleTree
from eventtrack.store import Store

_SYNC_HINT = "run `eventtrack audit seal` on the machine that writes that feed, then sync"


class Auditor:
    """Signs and proves for one store. Keys, heads and countersignatures are events of its log."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._feeds = store.feeds
        self._clock = SystemClock()
        self._trees: dict[tuple[str, int], MerkleTree] = {}

    def key(self) -> VerifierKey:
        """The public key of this store's feed; made, and recorded in the log, on first use."""
        key = self._signer().verifier
        if key not in self.keys(self._feeds.own):
            self._feeds.record(types.KeyAnnounced(str(key), self._clock.now_ms()))
        return key

    def keys(self, replica: str) -> list[VerifierKey]:
        """The public keys that a feed announced for itself, oldest first."""
        found = [
            VerifierKey.parse(event.key)
            for event in self._said_by(replica)
            if isinstance(event, types.KeyAnnounced)
        ]
        origin = origin_of(bytes.fromhex(replica))
        return [key for key in found if key.name == origin]

    def seals(self, replica: str) -> list[Note]:
        """The signed heads of a feed that are here, oldest first, with all countersignatures.

        Raises:
            VerificationError: One is not signed with the feed's key.
        """
        sealed = [e.note for e in self._said_by(replica) if isinstance(e, types.HeadSealed)]
        notes = [Note.parse(text) for text in sealed]
        own_keys = self.keys(replica)
        for note in notes:
            note.verify(own_keys)
        lines = {note.text: list[Note]() for note in notes}
        for feed in self._feeds.list():
            for event in self._said_by(feed.replica):
                if isinstance(event, types.HeadWitnessed):
                    witnessed = Note.parse(event.note)
                    lines.get(witnessed.text, []).append(witnessed)
        return [
            note.with_signatures(line for one in lines[note.text] for line in one.signatures)
            for note in notes
        ]

    def seal(self) -> Note:
        """Sign the head of this store's feed as of now, and record it.

        Where nothing but records of sessions and of seals came since, the last seal is the answer.

        Raises:
            ConflictError: The log does not extend what was signed before; nothing is signed.
        """
        self.key()
        own = self._feeds.own
        earlier = self.seals(own)
        feed = self._feeds.get(own)
        if earlier:
            last = Checkpoint.of(earlier[-1])
            self._check_root(own, last)
            since = self._feeds.envelopes(own, last.size, feed.size)
            if all(one.header.stream.startswith(("session/", "replica/")) for one in since):
                return earlier[-1]
        head = Checkpoint(origin_of(bytes.fromhex(own)), feed.size, bytes.fromhex(feed.root))
        note = Note(head.text, (self._signer().sign(head.text),))
        self._feeds.record(types.HeadSealed(str(note)))
        return note

    def prove(self, envelopes: Iterable[Envelope]) -> list[EventProof]:
        """Proofs that envelopes stand under signed heads; signs the own feed's head if need be.

        Raises:
            InvalidStateError: No head of another machine's feed is here that covers them.
            ConflictError: The log does not match a head that was signed.
        """
        proofs = []
        covering: dict[str, Note] = {}
        for envelope in envelopes:
            header = envelope.header
            replica = header.replica.hex()
            note = covering.get(replica)
            if note is None or Checkpoint.of(note).size <= header.index:
                note = covering[replica] = self._covering(replica, header.index)
                self._check_root(replica, Checkpoint.of(note))
            tree = self._tree(replica, Checkpoint.of(note).size)
            path = tuple(tree.inclusion(header.index))
            proofs.append(EventProof(envelope.data, header.index, path, note))
        return proofs

    def consistency(self, older: Note, newer: Note) -> HeadProof:
        """The proof that `newer` extends `older`, two heads of one feed that is here.

        Raises:
            VerificationError: A head is not signed, or they are of two feeds.
            ConflictError: The log here does not match one of them: the history was rewritten.
        """
        old, new = Checkpoint.of(older), Checkpoint.of(newer)
        if old.origin != new.origin or old.size > new.size:
            raise VerificationError(
                f"the heads are {old.size} of {old.origin} and {new.size} of {new.origin}",
                hint="name the older one first, of the same feed",
            )
        for note, head in ((older, old), (newer, new)):
            note.verify(self.keys(self._feeds.get(head.replica).replica))
            self._check_root(head.replica, head)
        path = tuple(self._tree(new.replica, new.size).consistency(old.size))
        return HeadProof(old.size, path, newer)

    def witness(self, replica: str) -> Note:
        """Countersign the newest sealed head of another feed, after checking it against the log.

        Raises:
            InvalidStateError: That feed has no signed head here, or it is the own one.
            ConflictError: The envelopes here do not make that head: keep both, and ask why.
        """
        if replica == self._feeds.own:
            raise InvalidStateError(
                "cannot countersign this store's own head: a witness is somebody else",
                hint="sync, and run `eventtrack audit witness` in another store",
            )
        seals = self.seals(self._feeds.get(replica).replica)
        if not seals:
            raise InvalidStateError(f"no signed head of feed {replica} is here", hint=_SYNC_HINT)
        for note in seals:
            self._check_root(replica, Checkpoint.of(note))
        self.key()
        newest = seals[-1]
        line = cosign(newest, self._signer(), self._clock.now_ms() // 1000)
        self._feeds.record(types.HeadWitnessed(str(Note(newest.text, (line,)))))
        return newest.with_signatures([line])

    def check_heads(self) -> tuple[int, int]:
        """Hold every signed head that is here against the log: (heads, countersignatures).

        Raises:
            VerificationError: One is not signed with its feed's key, or falsely countersigned.
            ConflictError: The log is not what was signed.
        """
        heads = countersigned = 0
        witnesses = [key for feed in self._feeds.list() for key in self.keys(feed.replica)]
        for feed in self._feeds.list():
            for note in self.seals(feed.replica):
                self._check_root(feed.replica, Checkpoint.of(note))
                heads += 1
                countersigned += sum(cosigned_at(note, key) is not None for key in witnesses)
        return heads, countersigned

    def export(
        self, folder: Path, progress: tiles.Progress | None = None, note: Note | None = None
    ) -> int:
        """Write this store's feed as tlog-tiles; returns files written.

        Args:
            note: A seal of this feed, under which it is written; a fresh one by default.
        """
        note = note or self.seal()
        own, size = self._feeds.own, Checkpoint.of(note).size

        def envelopes(start: int, stop: int) -> list[Envelope]:
            return list(self._feeds.envelopes(own, start, stop))

        return tiles.export_tiles(folder, note, self._tree(own, size), envelopes, progress)

    def _signer(self) -> Signer:
        return keys.signer_of(self._store.path, self._feeds.own)

    def _said_by(self, replica: str) -> Iterator[types.Event | None]:
        """What a replica's own feed says about feeds: nobody can speak in another's name."""
        for envelope in self._feeds.of_stream(f"replica/{replica}"):
            if envelope.header.replica.hex() == replica:
                yield from envelope.events()

    def _covering(self, replica: str, index: int) -> Note:
        seals = self.seals(replica)
        if seals and Checkpoint.of(seals[-1]).size > index:
            return seals[-1]
        if replica == self._feeds.own:
            return self.seal()
        raise InvalidStateError(
            f"envelope {index} of feed {replica} is under no signed head yet", hint=_SYNC_HINT
        )

    def _tree(self, replica: str, size: int) -> MerkleTree:
        tree = self._trees.get((replica, size))
        if tree is None:
            tree = self._trees[replica, size] = self._feeds.tree(replica, size)
        return tree

    def _check_root(self, replica: str, head: Checkpoint) -> None:
        feed = self._feeds.get(replica)
        if feed.size < head.size:
            raise NotFoundError(
                f"the head of {head.size} envelopes of feed {replica} is newer than what is here, "
                f"{feed.size} envelopes",
                hint="sync to get the rest",
            )
        if self._tree(replica, head.size).root() != head.root:
            raise ConflictError(
                f"the first {head.size} envelopes of feed {replica} are not those that were signed",
                hint="the log or the head was changed; keep both, and compare with another machine",
            )
