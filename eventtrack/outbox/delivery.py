"""The delivery of the outbox's facts to the server: each counts once, and none is lost silently.

A window of events is sent, then the ledger notes it. After a crash in between, the window is sent
again. Metrics are sets, params do not change, and tags, inputs and files have the same content, so
the second time changes nothing. Only the start of a run may not be repeated: `starting.py` makes
each run once.

A refused call stays in the outbox, with the reason in the ledger, and the delivery goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eventtrack.errors import (
    ConflictError,
    EndpointMissingError,
    EventtrackError,
    NotFoundError,
    RemoteFailedError,
    RemoteUnavailableError,
    UsageError,
)
from eventtrack.events import types
from eventtrack.outbox.item_parts import deliver
from eventtrack.outbox.ledger import Ledger, RefusedCall
from eventtrack.outbox.parts import START, Batch, Part, batches_of
from eventtrack.outbox.starting import REFUSED_RUN, Starter
from eventtrack.rest import TrackingServer
from eventtrack.store import Store
from eventtrack.store.reasons import reason
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
)

# The bounds of a window: at most so much is sent again after a crash, and held in memory.
_WINDOW_ENVELOPES = 256
_WINDOW_EVENTS = 20_000
# A request over which the server breaks down is tried so often; then the delivery skips it.
FAILURES_MAX = 6

# Errors that blame the call itself: the same call would get the same answer again.
_REFUSALS = (
    UsageError,
    ConflictError,
    EndpointMissingError,
    # If no server keeps the files: this user may not write to their folder.
    PermissionError,
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
)


@dataclass
class Window:
    """Batches that are sent before the ledger notes them: the facts above `after`, up to `upto`.

    `sent` counts batches that arrived before the connection broke: they are not sent again.
    """

    after: int
    upto: int
    batches: list[Batch]
    sent: int = 0
    failures: int = 0


class Delivery:
    """Sends the facts of an outbox. Not for several threads or processes at once."""

    def __init__(self, store: Store, ledger: Ledger, server: TrackingServer) -> None:
        self._store = store
        self._ledger = ledger
        self._server = server
        self._starter = Starter(ledger, server)
        self._window: Window | None = None

    def deliver_next(self, after: int) -> int:
        """Send the facts of the next window above `after`; returns the position of its last one.

        Everything up to that position has arrived or was refused. The answer is `after` itself if
        there is nothing left.

        Raises:
            RemoteError: The server does not answer, or not to us; call again later.
        """
        window = self._window
        if window is None or window.after != after:
            window = self._window = self._next_window(after)
        for batch in window.batches[window.sent :]:
            self._deliver(window, batch)
            window.sent += 1
            window.failures = 0
        self._window = None
        return window.upto

    def retry(self, call: RefusedCall) -> None:
        """Send a refused call again; if it is refused again, it stays on the list.

        Raises:
            RemoteError: As above.
        """
        envelopes = self._store.events.envelopes(call.position - 1, 1)
        window = Window(call.position - 1, call.position, [])
        for batch in batches_of(envelopes):
            wanted = [part for part in batch.parts if part.name == (call.kind, call.label)]
            if not wanted:
                continue
            if call.kind == START:
                self._ledger.forget_run(call.run_id)
            self._deliver(window, Batch(batch.run_id, wanted))
        self._ledger.forgive_unless_refused_again(call)

    def _next_window(self, after: int) -> Window:
        envelopes = self._store.events.envelopes(after, _WINDOW_ENVELOPES)
        events = 0
        for place, envelope in enumerate(envelopes):
            events += envelope.header.count
            if events >= _WINDOW_EVENTS:
                del envelopes[place + 1 :]
                break
        upto = envelopes[-1].position if envelopes else after
        return Window(after, upto, list(batches_of(envelopes)))

    def _deliver(self, window: Window, batch: Batch) -> None:
        """Send a batch; if the server refuses it as a whole, find the parts that are to blame."""
        run_id, parts = batch
        try:
            with reason(batch.reason):
                self._send(run_id, parts)
        except RemoteFailedError as error:
            # Where it cannot even be asked, it is not the request that it breaks down over.
            self._server.search_experiments(max_results=1)
            window.failures += 1
            if window.failures < FAILURES_MAX:
                raise
            self._refuse(batch, error)
        except _REFUSALS as error:
            self._require_tracking_server(error)
            if len(parts) > 1 and not self._run_is_to_blame(run_id, error):
                half = len(parts) // 2
                self._deliver(window, Batch(run_id, parts[:half]))
                self._deliver(window, Batch(run_id, parts[half:]))
            else:
                self._refuse(batch, error)

    def _require_tracking_server(self, error: Exception) -> None:
        """Raise unless a tracking server answers: elsewhere a missing endpoint is no refusal."""
        if not isinstance(error, EndpointMissingError):
            return
        try:
            self._server.search_experiments(max_results=1)
        except EndpointMissingError as missing:
            raise RemoteUnavailableError(missing.message, hint=missing.hint) from missing

    def _run_is_to_blame(self, run_id: str, error: Exception) -> bool:
        """Whether the server would refuse everything of a run: then its parts are not tried."""
        server_run = self._ledger.run(run_id)
        if isinstance(error, NotFoundError | EndpointMissingError) or server_run is None:
            return True
        info = self._server.get_run(server_run.run_id).info
        return info.lifecycle_stage != LifecycleStage.ACTIVE

    def _refuse(self, batch: Batch, error: Exception) -> None:
        message = error.message if isinstance(error, EventtrackError) else str(error)
        for part in batch.parts:
            self._ledger.refuse(part.position, batch.run_id, *part.name, message)
            if part.kind == START:
                self._ledger.note_run(batch.run_id, REFUSED_RUN)

    def _send(self, run_id: str, batch: Sequence[Part]) -> None:
        """Send parts of the same kind in a single request."""
        if batch[0].kind == START:
            self._starter.start(run_id, batch[0].content)
            return
        server, server_run = self._server, self._ledger.run(run_id)
        if server_run is None or server_run == REFUSED_RUN:
            raise NotFoundError("the server refused the start of its run")
        target_id = server_run.run_id
        match batch[0].kind:
            case "points":
                server.log_batch(target_id, [point for part in batch for point in part.content])
            case "param":
                server.log_batch(target_id, params={part.label: part.content for part in batch})
            case "series":
                calls = [part.content for part in batch]
                deliver(server, self._store.artifacts.blobs, target_id, calls)
            case "tag":
                tags = {
                    part.label: self._starter.tag_value(part.label, part.content) for part in batch
                }
                server.log_batch(target_id, tags=tags)
            case "inputs":
                event: types.InputsLogged = batch[0].content
                models = [LoggedModelInput(model_id=model_id) for model_id in event.models]
                server.log_inputs(target_id, list(map(_dataset_input, event.datasets)), models)
            case "outputs":
                written: types.OutputsLogged = batch[0].content
                server.log_outputs(
                    target_id,
                    [
                        LoggedModelOutput(model_id=model_id, step=step)
                        for model_id, step in written.models
                    ],
                )
            case "file":
                location = server_run.location or server.get_run(target_id).info.artifact_uri
                with self._store.artifacts.open(run_id, batch[0].label) as source:
                    server.write_artifact(location, batch[0].label, source)
            case "update":
                update: types.RunUpdated = batch[0].content
                server.update_run(
                    target_id, status=update.status, end_time=update.end_ms, name=update.name
                )


def _dataset_input(used: types.DatasetUsed) -> DatasetInput:
    dataset = Dataset(
        name=used.name,
        digest=used.digest,
        source_type=used.source_type,
        source=used.source,
        schema=used.schema,
        profile=used.profile,
    )
    return DatasetInput(
        dataset=dataset, tags=[InputTag(key=key, value=text) for key, text in used.tags.items()]
    )
