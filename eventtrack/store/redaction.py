"""Redaction: erases payloads and files here, and wherever this history is synced to.

The event that orders it stays on record, with its reason and its author. So do the headers, and
every proof still holds.
"""

import warnings
from collections.abc import Callable, Iterable

import msgspec

from eventtrack.errors import EventtrackWarning, InvalidStateError, NotFoundError
from eventtrack.events import types
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.reading import is_stream
from eventtrack.events.redaction import is_lasting, redactions
from eventtrack.log import erasure, files
from eventtrack.projections.files import all_files
from eventtrack.projections.tables import Reader
from eventtrack.store.blobs import Blobs, live_blobs
from eventtrack.store.context import StoreContext

# The most payloads that one event of a redaction names, far below the bound of an event.
_NAMES_MAX = 100_000


class Erased(msgspec.Struct):
    """The result of a redaction of streams: envelopes that had a payload here, and blobs."""

    streams: set[str] = msgspec.field(default_factory=set)
    envelopes: int = 0
    payload_bytes: int = 0
    files: int = 0
    file_bytes: int = 0


class Redaction:
    """Erases payloads and files of this store for good."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._engine = context.engine
        self._blobs = Blobs(context.engine)

    def redact_envelopes(self, envelopes: Iterable[Envelope], reason: str) -> int:
        """Erase the payloads of envelopes, and the files that only they name.

        Returns the number of erased envelopes. An envelope is erased as a whole: only the number of
        its events is left.

        Raises:
            InvalidStateError: All are erased already, or are records of redactions or tokens.
        """
        targets = [
            envelope
            for envelope in envelopes
            if self._may_erase(envelope) and not is_lasting(envelope)
        ]
        if not targets:
            raise InvalidStateError(
                "there is nothing to redact: it is erased already, or is the record of a redaction "
                "or of a token",
                hint="`eventtrack log` shows what is left",
            )
        streams: dict[str, list[Envelope]] = {}
        for envelope in targets:
            stream = envelope.header.stream
            # No event can stand in a stream whose name is not well-formed; it goes to our own.
            name = stream if is_stream(stream) else f"replica/{self._engine.log.replica.hex()}"
            streams.setdefault(name, []).append(envelope)
        at_ms = self._engine.clock.now_ms()
        drafts = [
            draft
            for stream, those in streams.items()
            for draft in _orders(stream, those, reason, at_ms)
        ]
        self._engine.execute(lambda reader: (None, drafts))
        self.finish()
        return len(targets)

    def _may_erase(self, envelope: Envelope) -> bool:
        """Whether an envelope has a payload, or may get one: it was damaged, or left out."""
        replica, index = envelope.header.replica, envelope.header.index
        return bool(envelope.payload) or not self._engine.log.erased_in(replica, index, index + 1)

    def redact_streams(
        self, streams: Iterable[str], reason: str, allowed: Callable[[Reader], set[str]]
    ) -> Erased:
        """Erase whole streams, and the files that only they name, in one commit and one cleaning.

        Args:
            allowed: Gives the streams that may be erased, by the state that the decision sees; the
                others stay.
        """
        at_ms = self._engine.clock.now_ms()
        log = self._engine.log
        self._engine.gather()  # points that wait in journals are of these streams too

        def decide(reader: Reader) -> tuple[Erased, list[Draft]]:
            done, drafts, may = Erased(), [], allowed(reader)
            for stream in [name for name in dict.fromkeys(streams) if name in may]:
                positions = reader.timeline(stream)
                known = [
                    envelope for place in positions if (envelope := log.get(place)) is not None
                ]
                targets = [envelope for envelope in known if not is_lasting(envelope)]
                drafts += _orders(stream, targets, reason, at_ms)
                done.streams.add(stream)
                done.envelopes += sum(bool(envelope.payload) for envelope in targets)
                done.payload_bytes += sum(len(envelope.payload) for envelope in targets)
            return done, drafts

        done = self._engine.execute(decide)
        if done.streams:
            done.files, done.file_bytes = self.finish()
        return done

    def redact_artifact(self, run_id: str, path: str, reason: str) -> str:
        """Erase the bytes of a run's file, wherever else they were logged; returns their SHA-256.

        The record of the file stays; the list of every run loses it.

        Raises:
            NotFoundError: The run has no such file.
        """
        with self._engine.read() as reader:
            run = reader.run(run_id)
            number = run.number if run is not None else -1
            files = [file for file in reader.artifacts(number, path) if file.path == path]
            if not files or files[0].place is not None:
                raise NotFoundError(
                    f"run {run_id} has no file {path!r} of this store's own",
                    hint="`eventtrack artifacts list RUN` shows them",
                )
            digest = files[0].sha256
            drafts = [
                Draft.of(f"run/{holder.run_id}", types.ArtifactsDeleted([file.path]))
                for number, file in all_files(reader)
                if file.sha256 == digest and file.place is None
                if (holder := reader.run_by_number(number)) is not None
            ]
        order = types.PayloadsRedacted([], [digest], reason, self._engine.clock.now_ms())
        drafts.append(Draft.of(f"run/{run_id}", order))
        self._engine.execute(lambda reader: (None, drafts))
        self.finish()
        return digest.hex()

    @property
    def unfinished(self) -> bool:
        """Whether erased bytes may still be in the log's file, as after a kill in a `finish`."""
        return erasure.marker(self._engine.path / files.LOG).exists()

    def finish(self) -> tuple[int, int]:
        """Take redacted data out of the views, the blobs and the bytes of the files.

        Can be called again at any time. The log itself obeyed when the order was written. Stays
        `unfinished`, with a warning, while another process reads an older state of the log.

        Returns:
            The number of deleted blobs, and of their bytes.
        """
        marker = erasure.marker(self._engine.path / files.LOG)
        self._engine.views.rebuild()
        freed = self._delete_blobs()
        if erasure.scrub(self._engine.log.environment):
            marker.unlink(missing_ok=True)
        else:
            warnings.warn(
                f"another process still reads what was redacted in {self._engine.path}: end it, "
                "then run `eventtrack redact --finish`",
                EventtrackWarning,
                stacklevel=2,
            )
        return freed

    def _delete_blobs(self) -> tuple[int, int]:
        """Delete redacted blobs: those named alone always, those beside envelopes if unused."""
        always: set[bytes] = set()
        unused: set[bytes] = set()
        position = 0
        while envelopes := self._engine.log.read(position, _PAGE):
            position = envelopes[-1].position
            for event in (event for envelope in envelopes for event in redactions(envelope)):
                (unused if event.envelopes else always).update(event.blobs)
        held = {digest for digest in always | unused if self._blobs.holds(digest)}
        if not held:
            return 0, 0
        paths = {digest: self._blobs.path(digest) for digest in held}
        sizes = {digest: path.stat().st_size for digest, path in paths.items() if path.is_file()}

        def delete(reader: Reader) -> tuple[set[bytes], list[Draft]]:
            # As the only writer: an event that names a blob is recorded before this, or finds the
            # blob gone. This may run twice, and then deletes and returns the same.
            gone = held - (live_blobs(reader).keys() - always)
            for digest in gone:
                self._blobs.erase(digest)
            return gone, []

        gone = self._engine.execute(delete)
        return len(gone), sum(sizes.get(digest, 0) for digest in gone)


def _orders(stream: str, targets: list[Envelope], reason: str, at_ms: int) -> list[Draft]:
    """The events that erase envelopes of a stream, and their files unless others name them."""
    drafts: list[Draft] = []
    for first in range(0, len(targets), _NAMES_MAX):
        part = targets[first : first + _NAMES_MAX]
        names = [(envelope.name, envelope.header.index) for envelope in part]
        blobs = sorted({digest for envelope in part for digest in blobs_named(envelope)})
        for start in range(0, max(1, len(blobs)), _NAMES_MAX):
            order = types.PayloadsRedacted(
                names[:1] if start else names, blobs[start : start + _NAMES_MAX], reason, at_ms
            )
            drafts.append(Draft.of(stream, order))
    return drafts


_PAGE = 1024
