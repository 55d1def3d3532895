"""Redaction: what must not be kept is erased here, and wherever this history is synced to.

The event that orders it, its reason and its author stay on record, and so do the headers: every
proof still holds.
"""

import warnings
from collections.abc import Iterable

from eventtrack.errors import EventtrackWarning, InvalidStateError, NotFoundError
from eventtrack.events import types
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.redaction import is_redaction, redactions
from eventtrack.log import erasure, files
from eventtrack.store.blobs import Blobs, live_blobs
from eventtrack.store.context import StoreContext

# A redaction names at most so many payloads in one event, far below what an event may hold.
_NAMES_MAX = 100_000


class Redaction:
    """Erases payloads and files of this store for good."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._engine = context.engine
        self._blobs = Blobs(context.engine)

    def redact_envelopes(self, envelopes: Iterable[Envelope], reason: str) -> int:
        """Erase the payloads of envelopes, and the files that only they name; returns how many.

        An envelope is erased whole: of its events nothing is left but how many there were.

        Raises:
            InvalidStateError: All of them are erased already, or are records of redactions.
        """
        targets = [one for one in envelopes if one.payload and not is_redaction(one)]
        if not targets:
            raise InvalidStateError(
                "there is nothing to redact: it is erased already, or is the record of a redaction",
                hint="`eventtrack log` shows what is left",
            )
        named = {digest for one in targets for digest in blobs_named(one)}
        streams: dict[str, list[tuple[bytes, int]]] = {}
        for one in targets:
            names = streams.setdefault(one.header.stream, [])
            names.append((one.header.replica, one.header.index))
        self._order(streams, named, reason, keep_live=True)
        return len(targets)

    def redact_artifact(self, run_id: str, path: str, reason: str) -> str:
        """Erase the bytes of a run's file, wherever else they were logged; returns their SHA-256.

        The record that there was such a file stays; the file goes off the list of every run.

        Raises:
            NotFoundError: The run has no such file.
        """
        with self._engine.read() as reader:
            run = reader.run(run_id)
            number = run.number if run is not None else -1
            found = [one for one in reader.artifacts(number, path) if one.path == path]
            if not found or found[0].place is not None:
                raise NotFoundError(
                    f"run {run_id} has no file {path!r} of this store's own",
                    hint="`eventtrack artifacts list RUN` shows them",
                )
            digest = found[0].sha256
            drafts = [
                Draft.of(f"run/{holder.run_id}", types.ArtifactsDeleted([one.path]))
                for key in reader.txn.cursor(reader.tables["runs"]).iternext(values=False)
                if (holder := reader.run_by_number(int.from_bytes(key, "big"))) is not None
                for one in reader.artifacts(holder.number)
                if one.sha256 == digest and one.place is None
            ]
        self._engine.execute(lambda reader: (None, drafts))
        self._order({f"run/{run_id}": []}, {digest}, reason, keep_live=False)
        return digest.hex()

    @property
    def unfinished(self) -> bool:
        """Whether erased bytes may still be in the log's file: a process was killed at it, say."""
        return erasure.marker(self._engine.path / files.LOG).exists()

    def finish(self) -> None:
        """Take what redactions ordered out of the views, the blobs and the bytes of the files.

        Can be called again at any time; the log itself obeyed when the order was written. Stays
        `unfinished`, with a warning, while another process reads an older state of the log.
        """
        marker = erasure.marker(self._engine.path / files.LOG)
        self._engine.views.rebuild()
        position = 0
        while envelopes := self._engine.log.read(position, _PAGE):
            position = envelopes[-1].position
            for event in (event for one in envelopes for event in redactions(one)):
                for digest in event.blobs:
                    self._blobs.path(digest).unlink(missing_ok=True)
        if erasure.scrub(self._engine.log.environment):
            marker.unlink(missing_ok=True)
        else:
            warnings.warn(
                f"another process still reads what was redacted in {self._engine.path}: end it, "
                "then run `eventtrack redact --finish`",
                EventtrackWarning,
                stacklevel=2,
            )

    def _order(
        self,
        streams: dict[str, list[tuple[bytes, int]]],
        digests: set[bytes],
        reason: str,
        *,
        keep_live: bool,
    ) -> None:
        at_ms = self._engine.clock.now_ms()
        drafts = [
            Draft.of(
                stream,
                *(
                    types.PayloadsRedacted(names[first : first + _NAMES_MAX], [], reason, at_ms)
                    for first in range(0, len(names), _NAMES_MAX)
                ),
            )
            for stream, names in streams.items()
            if names
        ]
        if drafts:
            self._engine.execute(lambda reader: (None, drafts))
            self._engine.views.rebuild()
        if keep_live and digests:
            with self._engine.read() as reader:
                digests -= live_blobs(reader).keys()
        if digests:
            order = types.PayloadsRedacted([], sorted(digests), reason, at_ms)
            draft = Draft.of(next(iter(streams)), order)
            self._engine.execute(lambda reader: (None, [draft]))
        self.finish()


_PAGE = 1024
