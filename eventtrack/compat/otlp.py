"""Spans as OpenTelemetry's exporters send them: protobuf or JSON over HTTP.

The package `opentelemetry-proto` has the messages; it is imported when the first spans come.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from eventtrack.compat import spans, trace_tags
from eventtrack.compat.errors import NotServedError
from eventtrack.errors import InvalidValueError
from eventtrack.views.traces.records import Span

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_IDS = ("traceId", "spanId", "parentSpanId")
_INVALID = "Invalid OpenTelemetry format"
# The bound of an unpacked request: a batch of 512 spans with 128 KiB each.
BODY_BYTES_MAX = 64 * 2**20


class Export:
    """The spans of one request, with the tags that they give to their traces."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.tags: dict[str, dict[str, str]] = {}

    @property
    def completed(self) -> bool:
        """Whether a root span is among the spans."""
        return any(span.parent_id is None for span in self.spans)


def read(body: bytes, media_type: str | None) -> Export:
    """The spans of a request, whose body is unpacked already.

    Raises:
        InvalidValueError: The body is no export of traces.
        NotServedError: The package that knows the format is missing.
    """
    kind = media_type.split(";")[0].strip() if media_type else None
    if kind not in (PROTOBUF, JSON):
        raise InvalidValueError(
            f"Invalid Content-Type: {media_type}. Expected: {PROTOBUF} or {JSON}"
        )
    request = _parsed(body, as_json=kind == JSON)
    if not request.resource_spans:
        raise InvalidValueError(f"{_INVALID} - no spans found")
    export = Export()
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope in resource_spans.scope_spans:
            for span in scope.spans:
                _take(export, span, resource)
    export.tags = trace_tags.valid(export.tags)
    return export


def answer() -> bytes:
    """The protobuf answer of a success: an empty message, which has no bytes."""
    return b""


def _parsed(body: bytes, *, as_json: bool) -> Any:
    try:
        from google.protobuf import json_format
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
    except ImportError as error:
        raise NotServedError(
            "spans of OpenTelemetry cannot be read: opentelemetry-proto is not installed",
            hint='pip install "eventtrack[traces]", then start the server again',
        ) from error
    request = trace_service_pb2.ExportTraceServiceRequest()
    try:
        if as_json:
            text = json.dumps(_with_base64_ids(json.loads(body)))
            json_format.Parse(text, request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(body)
    except (
        DecodeError,
        json_format.Error,
        ValueError,
        AttributeError,
        TypeError,
        RecursionError,
    ) as error:
        raise InvalidValueError(_INVALID) from error
    return request


def _with_base64_ids(request: Any) -> Any:
    """A request with ids in base64, as protobuf's JSON has them; OpenTelemetry's are in hex."""
    for resource_spans in request.get("resourceSpans", []):
        for scope in resource_spans.get("scopeSpans", []):
            for span in scope.get("spans", []):
                for holder in (span, *span.get("links", [])):
                    for name in _IDS:
                        if holder.get(name):
                            data = bytes.fromhex(holder[name])
                            holder[name] = base64.b64encode(data).decode("ascii")
    return request


def _take(export: Export, span: Any, resource: Mapping[str, Any]) -> None:
    if not span.trace_id or not span.span_id or len(span.trace_id) > 16 or len(span.span_id) > 8:
        raise InvalidValueError("Cannot convert OpenTelemetry span to MLflow span")
    content = _content(span)
    record = spans.span_record(content)
    export.spans.append(record)
    own = export.tags.setdefault(record.trace_id, {})
    for key, value in spans.resource_tags(resource).items():
        own.setdefault(key, value)
    own.update(spans.trace_tags(content))


def _content(span: Any) -> spans.Json:
    """A protobuf span in the JSON that MLflow stores."""
    attributes = {key: _dumped(value) for key, value in _attributes(span.attributes).items()}
    attributes[spans.TRACE_ID_KEY] = json.dumps(spans.trace_id_of(span.trace_id))
    code = {1: "STATUS_CODE_OK", 2: "STATUS_CODE_ERROR"}.get(span.status.code, "STATUS_CODE_UNSET")
    return {
        "trace_id": _base64(span.trace_id, 16),
        "span_id": _base64(span.span_id, 8),
        "parent_span_id": _base64(span.parent_span_id, 8) if span.parent_span_id else None,
        "name": span.name,
        "start_time_unix_nano": span.start_time_unix_nano,
        "end_time_unix_nano": span.end_time_unix_nano,
        "events": [
            {
                "name": event.name,
                "time_unix_nano": event.time_unix_nano,
                "attributes": _attributes(event.attributes),
            }
            for event in span.events
        ],
        "status": {"code": code, "message": span.status.message if code[12:] == "ERROR" else ""},
        "attributes": attributes,
        "links": [
            {
                "trace_id": spans.trace_id_of(link.trace_id),
                "span_id": link.span_id.hex().zfill(16),
                "attributes": _attributes(link.attributes) or None,
            }
            for link in span.links
        ],
    }


def _dumped(value: Any) -> str:
    """An attribute as MLflow stores it; a text that is JSON of a text, list or object stays."""
    if isinstance(value, str):
        try:
            document = json.loads(value)
        except ValueError:
            document = None
        if isinstance(document, str | dict | list):
            return value
    return json.dumps(value, ensure_ascii=False)


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    content = getattr(value, kind)
    if isinstance(content, bytes):
        return base64.b64encode(content).decode("ascii")
    return str(content) if isinstance(content, float) and not math.isfinite(content) else content


def _base64(data: bytes, length: int) -> str:
    return base64.b64encode(data.rjust(length, b"\0")).decode("ascii")
