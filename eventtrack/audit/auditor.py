"""The evidence that a store gives of its history: keys, signed heads, proofs, countersignatures."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from eventtrack.audit import keys, tiles
from eventtrack.audit.checkpoints import Checkpoint, cosign, cosigned_at, origin_of
from eventtrack.audit.notes import Note, Signer, VerifierKey
from eventtrack.audit.proofs import EventProof, HeadProof
from eventtrack.clock import SystemClock
from eventtrack.errors import (
    ConflictError,
    InvalidStateError,
    NotFoundError,
    StoreError,
    VerificationError,
)
from eventtrack.events import types
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import events_of
from eventtrack.log.merkle import MerkleTree
from eventtrack.store import Store
from eventtrack.views.history.feeds import Feed

_SYNC_HINT = "run `eventtrack audit seal` on the machine that writes that feed, then sync"


class Auditor:
    """Signs and proves for one store. Keys, heads and countersignatures are events of its log."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._feeds = store.feeds
        self._clock = SystemClock()
        self._trees: dict[tuple[str, int], MerkleTree] = {}

    def key(self) -> VerifierKey:
        """The public key of this store's feed. The first call makes the key and records it."""
        key = self._signer().verifier
        known = self.keys(self._feeds.own)
        if known and key not in known:
            raise StoreError(
                f"the key in {self._store.path / keys.KEYS} is not the one that this feed "
                "announced: the file was damaged or replaced",
                hint="put it back from a backup; without it a copy of the store must go on",
            )
        if not known:
            self._feeds.record(types.KeyAnnounced(str(key), self._clock.now_ms()))
        return key

    def keys(self, replica: str) -> list[VerifierKey]:
        """The public keys that a feed announced for itself, oldest first."""
        announced = [
            VerifierKey.parse(event.key)
            for event in self._said_by(replica)
            if isinstance(event, types.KeyAnnounced)
        ]
        origin = origin_of(bytes.fromhex(replica))
        return [key for key in announced if key.name == origin]

    def seals(self, replica: str) -> list[Note]:
        """The signed heads of a feed known here, oldest first, with all countersignatures.

        Raises:
            VerificationError: A head is not signed with the feed's key.
        """
        sealed = [e.note for e in self._said_by(replica) if isinstance(e, types.HeadSealed)]
        notes = [Note.parse(text) for text in sealed]
        own_keys = self.keys(replica)
        for note in notes:
            note.verify(own_keys)
        lines = {note.text: list[Note]() for note in notes}
        for other in self._replicas():
            for event in self._said_by(other):
                if isinstance(event, types.HeadWitnessed):
                    witnessed = Note.parse(event.note)
                    lines.get(witnessed.text, []).append(witnessed)
        return [
            note.with_signatures(
                line for witnessed in lines[note.text] for line in witnessed.signatures
            )
            for note in notes
        ]

    def seal(self) -> Note:
        """Sign the head of this store's feed as of now, and record the seal.

        Returns the last seal if only records of sessions and of seals were written since.

        Raises:
            ConflictError: The log does not extend the last signed head. Nothing is signed.
        """
        self.key()
        own = self._feeds.own
        earlier = self.seals(own)
        [feed] = self._feeds.of_replica(own)  # a feed with two ends is no longer any store's own
        if earlier:
            last = Checkpoint.of(earlier[-1])
            self._feed_under(last)
            since = self._feeds.envelopes(own, last.size, feed.size)
            streams = (envelope.header.stream for envelope in since)
            if all(stream.startswith(("session/", "replica/")) for stream in streams):
                return earlier[-1]
        head = Checkpoint(origin_of(bytes.fromhex(own)), feed.size, bytes.fromhex(feed.root))
        note = Note(head.text, (self._signer().sign(head.text),))
        self._feeds.record(types.HeadSealed(str(note)))
        return note

    def prove(self, envelopes: Iterable[Envelope]) -> list[EventProof]:
        """Prove that envelopes stand under signed heads. Signs this store's own head if needed.

        Raises:
            InvalidStateError: No known head of another machine's feed covers its envelopes.
            ConflictError: The log does not match a signed head.
            ChecksumError: An envelope is damaged in this store.
        """
        proofs = []
        covering: dict[tuple[str, ...], tuple[Feed, Note]] = {}
        for envelope in envelopes:
            envelope.verify()
            index = envelope.header.index
            holding = {feed.feed: feed for feed in self._feeds.holding(envelope)}
            known = covering.get(tuple(holding))
            if known is None or Checkpoint.of(known[1]).size <= index:
                known = covering[tuple(holding)] = self._covering(holding, index)
            feed, note = known
            path = tuple(self._tree(feed.feed, Checkpoint.of(note).size).inclusion(index))
            proofs.append(EventProof(envelope.data, index, path, note))
        return proofs

    def consistency(self, older: Note, newer: Note) -> HeadProof:
        """The proof that `newer` extends `older`, two heads of one feed of this store.

        Raises:
            VerificationError: A head is not signed, or the heads are of two feeds.
            ConflictError: The log does not match a head: the history was rewritten.
        """
        old, new = Checkpoint.of(older), Checkpoint.of(newer)
        if old.origin != new.origin or old.size > new.size:
            raise VerificationError(
                f"the heads are {old.size} of {old.origin} and {new.size} of {new.origin}",
                hint="name the older one first, of the same feed",
            )
        for note, head in ((older, old), (newer, new)):
            note.verify(self.keys(self._feeds.of_replica(head.replica)[0].replica))
            self._feed_under(head)
        feed = self._feed_under(new)
        if not self._begins_with(feed, old):
            raise ConflictError(
                f"the head of {new.size} envelopes of {new.origin} does not extend that of "
                f"{old.size}: the feed has two ends, and each has one of these heads",
                hint="two copies of one store wrote under one id: `eventtrack conflicts`",
            )
        path = tuple(self._tree(feed.feed, new.size).consistency(old.size))
        return HeadProof(old.size, path, newer)

    def witness(self, replica: str) -> Note:
        """Check the newest sealed head of another feed against the log, then countersign it.

        Raises:
            InvalidStateError: No signed head of that feed is here, or it is this store's own feed.
            ConflictError: The envelopes here do not make that head. Keep both, and ask why.
        """
        if replica == self._feeds.own:
            raise InvalidStateError(
                "cannot countersign this store's own head: a witness is somebody else",
                hint="sync, and run `eventtrack audit witness` in another store",
            )
        seals = self.seals(self._feeds.of_replica(replica)[0].replica)
        if not seals:
            raise InvalidStateError(f"no signed head of feed {replica} is here", hint=_SYNC_HINT)
        newest = self._newest_to_witness(seals)
        self.key()
        line = cosign(newest, self._signer(), self._clock.now_ms() // 1000)
        self._feeds.record(types.HeadWitnessed(str(Note(newest.text, (line,)))))
        return newest.with_signatures([line])

    def check_heads(self) -> tuple[int, int]:
        """Check every known signed head against the log; returns (heads, countersignatures).

        Raises:
            VerificationError: A head is not signed with its feed's key, or a countersignature
                is false.
            ConflictError: The log does not match a signed head.
        """
        heads = countersigned = 0
        witnesses = [key for replica in self._replicas() for key in self.keys(replica)]
        for replica in self._replicas():
            for note in self.seals(replica):
                self._feed_under(Checkpoint.of(note))
                heads += 1
                countersigned += sum(cosigned_at(note, key) is not None for key in witnesses)
        return heads, countersigned

    def export(
        self, folder: Path, progress: tiles.Progress | None = None, note: Note | None = None
    ) -> int:
        """Write this store's feed as tlog-tiles; returns files written.

        Args:
            note: The seal of this feed to export up to; by default the feed is sealed now.

        Raises:
            ConflictError: The headers here do not make the root of that seal; nothing is written.
        """
        note = note or self.seal()
        own, size = self._feeds.own, Checkpoint.of(note).size
        self._feed_under(Checkpoint.of(note))

        def envelopes(start: int, stop: int) -> list[Envelope]:
            return list(self._feeds.envelopes(own, start, stop))

        return tiles.export_tiles(folder, note, self._tree(own, size), envelopes, progress)

    def _newest_to_witness(self, seals: list[Note]) -> Note:
        """The newest signed head that extends every head which this store countersigned.

        A witness vouches for one history. If the feed has two ends, that is the end seen first.
        """
        for note in seals:
            self._feed_under(Checkpoint.of(note))
        said = self._said_by(self._feeds.own)
        notes = [Note.parse(event.note) for event in said if isinstance(event, types.HeadWitnessed)]
        heads = [Checkpoint.of(note) for note in notes]
        origin = Checkpoint.of(seals[0]).origin
        seen = [head for head in heads if head.origin == origin]
        for note in reversed(seals):
            head = Checkpoint.of(note)
            feed = self._feed_under(head)
            if all(old.size <= head.size and self._begins_with(feed, old) for old in seen):
                return note
        raise ConflictError(
            f"no signed head of {origin} extends what this store countersigned of it",
            hint="two copies of one store wrote under one id: `eventtrack conflicts`",
        )

    def _signer(self) -> Signer:
        return keys.signer_of(self._store.path, self._feeds.own)

    def _said_by(self, replica: str) -> Iterator[types.Event | None]:
        """The events about feeds in a replica's own feed: no replica speaks for another."""
        for envelope in self._feeds.of_stream(f"replica/{replica}"):
            if envelope.header.replica.hex() == replica:
                yield from events_of(envelope)

    def _replicas(self) -> list[str]:
        return list(dict.fromkeys(feed.replica for feed in self._feeds.list()))

    def _covering(self, holding: dict[str, Feed], index: int) -> tuple[Feed, Note]:
        """A feed that holds an envelope, and the newest signed head of the feed that covers it."""
        replica = next(iter(holding.values())).replica
        for note in reversed(self.seals(replica)):
            if Checkpoint.of(note).size > index:
                feed = self._feed_under(Checkpoint.of(note))
                if feed.feed in holding:
                    return feed, note
        if self._feeds.own in holding:
            note = self.seal()
            return self._feed_under(Checkpoint.of(note)), note
        raise InvalidStateError(
            f"envelope {index} of feed {replica} is under no signed head yet", hint=_SYNC_HINT
        )

    def _tree(self, feed: str, size: int) -> MerkleTree:
        tree = self._trees.get((feed, size))
        if tree is None:
            tree = self._trees[feed, size] = self._feeds.tree(feed, size)
        return tree

    def _begins_with(self, feed: Feed, head: Checkpoint) -> bool:
        return head.size <= feed.size and self._tree(feed.feed, head.size).root() == head.root

    def _feed_under(self, head: Checkpoint) -> Feed:
        """The feed that begins with a head; if the feed has two ends, the end with that head."""
        feeds = self._feeds.of_replica(head.replica)
        for feed in feeds:
            if self._begins_with(feed, head):
                return feed
        size = max(feed.size for feed in feeds)
        if size < head.size:
            raise NotFoundError(
                f"the head of {head.size} envelopes of feed {head.replica} is newer than what is "
                f"here, {size} envelopes",
                hint="sync to get the rest",
            )
        raise ConflictError(
            f"the first {head.size} envelopes of feed {head.replica} are not those that were "
            "signed",
            hint="the log or the head was changed; keep both, and compare with another machine",
        )
