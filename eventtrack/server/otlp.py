"""Spans from any OpenTelemetry exporter, and the files of traces for the pages."""

from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat import checks, otlp, trace_responses
from eventtrack.errors import EventtrackError, InvalidValueError
from eventtrack.server import bodies, files
from eventtrack.server.endpoint import AJAX_2, AJAX_3, Streamed
from eventtrack.server.threads import Services
from eventtrack.server.traces import read_trace
from eventtrack.store.traces import KeptSpans
from eventtrack.tokens import Role

# MLflow (tracing/utils/otlp.py): the experiment and the run of the spans.
_EXPERIMENT, _RUN = "x-mlflow-experiment-id", "x-mlflow-run-id"
_TRACE_FILE = "traces.json"


async def _export(services: Services, request: Request, _: str) -> Response:
    experiment_id = request.headers.get(_EXPERIMENT)
    if experiment_id is None:
        raise InvalidValueError(
            f"Missing header {_EXPERIMENT}",
            hint=f"tell the exporter: OTEL_EXPORTER_OTLP_HEADERS={_EXPERIMENT}=0",
        )
    body = await bodies.read(request, otlp.BODY_BYTES_MAX)
    store, headers = services.store, request.headers

    def keep() -> tuple[otlp.Export, KeptSpans]:
        export = otlp.read(body, headers.get("content-type"))
        return export, store.traces.keep_spans(checks.experiment_id(experiment_id), export.spans)

    export, kept = await services.read(keep)
    run_id = headers.get(_RUN) if export.completed else None
    await services.write(
        lambda: store.traces.record_spans(kept, tags=export.tags, run_id=run_id or None)
    )
    return Response(otlp.answer(), media_type=otlp.PROTOBUF)


async def _artifact(services: Services, request: Request, _: str) -> Response:
    trace_id, path = request.query_params.get("request_id"), request.query_params.get("path")
    if not trace_id:
        raise _MissingIdError('Request must include the "request_id" query parameter.')
    if path:
        place = f"attachments/{checks.artifact_path(path)}"
        return await files.send(services, request, files.Owned("trace", trace_id, place))
    store = services.store
    trace = await services.read(lambda: read_trace(store, trace_id, allow_partial=True))
    headers = {
        "content-disposition": f"attachment; filename={_TRACE_FILE}",
        "x-content-type-options": "nosniff",
    }
    data = trace_responses.trace_data(trace)
    return Response(data, headers=headers, media_type="application/octet-stream")


class _MissingIdError(EventtrackError):
    """A request that names no trace."""

    error_code = "BAD_REQUEST"


STREAMED = (
    Streamed("POST", "/v1/traces", _export, role=Role.WRITE),
    Streamed("GET", f"{AJAX_2}get-trace-artifact", _artifact),
    Streamed("GET", f"{AJAX_3}get-trace-artifact", _artifact),
)
