"""Spans as MLflow stores them, and the facts of a trace that its spans carry.

MLflow keeps a span as JSON with OpenTelemetry's names and ids in base64; the value of every
attribute is JSON again, in a text. Our store keeps those bytes (docs/format.md), and sends them
unchanged to clients that take this form.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.views.traces.records import Span

Json = dict[str, Any]

# MLflow (tracing/constant.py): attributes of spans.
TRACE_ID_KEY = "mlflow.traceRequestId"
_INPUTS, _OUTPUTS = "mlflow.spanInputs", "mlflow.spanOutputs"
_KIND = "mlflow.spanType"
_TAG_PREFIX = "mlflow.traceTag."
_USAGE, _COST = "mlflow.chat.tokenUsage", "mlflow.llm.cost"
_SESSIONS = ("session.id", "gen_ai.conversation.id")
_USER = "user.id"
_STATUS_PREFIX = "STATUS_CODE_"
# MLflow: the length of a trace's inputs and outputs in lists, in characters.
PREVIEW_LENGTH_MAX = 1000


def trace_id_of(otel_id: bytes) -> str:
    """MLflow's id of a trace for OpenTelemetry's."""
    return f"tr-{otel_id.hex().zfill(32)}"


def span_record(content: Mapping[str, Any]) -> Span:
    """The record of a span in MLflow's JSON.

    Raises:
        InvalidValueError: The span has no id, no trace, or no start.
    """
    attributes: Mapping[str, Any] = content.get("attributes") or {}
    try:
        trace_id = _plain(attributes.get(TRACE_ID_KEY)) or trace_id_of(_bytes(content["trace_id"]))
        parent = content.get("parent_span_id")
        end = content.get("end_time_unix_nano")
        return Span(
            trace_id=str(trace_id),
            span_id=_bytes(content["span_id"]).hex().zfill(16),
            parent_id=_bytes(parent).hex().zfill(16) if parent else None,
            name=str(content["name"]),
            kind=str(_plain(attributes.get(_KIND)) or ""),
            status=str(content["status"]["code"]).removeprefix(_STATUS_PREFIX),
            start_time_ns=int(content["start_time_unix_nano"]),
            end_time_ns=int(end) if end else None,
            body=json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str).encode(
                "utf-8", "replace"
            ),
            about_trace=_about_trace(attributes),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidValueError(
            f"a span cannot be read: {error!r}", hint="send spans as OpenTelemetry describes them"
        ) from error


def trace_tags(content: Mapping[str, Any]) -> dict[str, str]:
    """The tags for its trace that a root span carries."""
    if content.get("parent_span_id"):
        return {}
    attributes: Mapping[str, Any] = content.get("attributes") or {}
    return {
        key.removeprefix(_TAG_PREFIX): str(_plain(value))
        for key, value in attributes.items()
        if key.startswith(_TAG_PREFIX) and key != _TAG_PREFIX
    }


def resource_tags(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The tags that a program's description of itself gives to its traces."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in attributes.items()
        if key and not key.startswith(("telemetry.sdk.", "mlflow."))
    }


def otlp_json(body: bytes) -> Json:
    """A stored span as the JSON of OpenTelemetry's protobuf, as MLflow's server writes it."""
    content = msgspec.json.decode(body)
    status = content["status"]
    span: Json = {
        "trace_id": content["trace_id"],
        "span_id": content["span_id"],
        "name": content["name"],
        "start_time_unix_nano": int(content["start_time_unix_nano"]),
        "status": {"code": status["code"]} if status["code"] != "STATUS_CODE_UNSET" else {},
    }
    if content.get("parent_span_id"):
        span["parent_span_id"] = content["parent_span_id"]
    if content.get("end_time_unix_nano"):
        span["end_time_unix_nano"] = int(content["end_time_unix_nano"])
    if status.get("message"):
        span["status"]["message"] = status["message"]
    attributes = content.get("attributes") or {}
    _add(span, "attributes", _key_values(attributes, attribute_value))
    _add(span, "events", [_event(event) for event in content.get("events") or ()])
    _add(span, "links", [_link(link) for link in content.get("links") or ()])
    return span


def attribute_value(text: Any) -> Any:
    """The value of an attribute: its decoded JSON, or the text itself if it is no JSON."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def preview(text: Any, role: str) -> str:
    """The text for inputs or outputs in a list: the last message of a role, or the start."""
    plain = text if isinstance(text, str) else json.dumps(text, default=str)
    try:
        document = json.loads(plain)
    except ValueError:
        document = None
    messages = _messages(document)
    content = ""
    if messages:
        spoken = [message for message in messages if message.get("role") == role] or messages
        content = _text_of(spoken[-1].get("content"))
    shown = content or plain
    if len(shown) <= PREVIEW_LENGTH_MAX:
        return shown
    return f"{shown[: PREVIEW_LENGTH_MAX - 3]}..."


def _about_trace(attributes: Mapping[str, Any]) -> dict[str, str]:
    facts: dict[str, Any] = {
        "session": next((attributes[key] for key in _SESSIONS if attributes.get(key)), None),
        "user": attributes.get(_USER),
    }
    tags = {name: str(_plain(value)) for name, value in facts.items() if value}
    for name, key in (("usage", _USAGE), ("cost", _COST)):
        if attributes.get(key):
            value = attribute_value(attributes[key])
            tags[name] = json.dumps(attribute_value(value))
    if attributes.get(_INPUTS):
        tags["request_preview"] = preview(attributes[_INPUTS], "user")
    if attributes.get(_OUTPUTS):
        tags["response_preview"] = preview(attributes[_OUTPUTS], "assistant")
    return tags


def _plain(value: Any) -> Any:
    """The text, if the value is JSON of a text; any other value as it is."""
    plain = attribute_value(value)
    return plain if isinstance(plain, str) else value


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _messages(document: Any) -> list[Json]:
    """The messages in the inputs or outputs of a language model, in the forms MLflow knows."""
    if not isinstance(document, dict):
        return []
    if isinstance(document.get("messages"), list) and document["messages"]:
        return _only_messages(document["messages"])
    choices = document.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return _only_messages([choices[0].get("message")])
    for key in ("input", "output"):
        if isinstance(document.get(key), list) and document[key]:
            return _only_messages(document[key])
    return _messages(document.get("request"))


def _only_messages(items: list[Any]) -> list[Json]:
    return [
        item for item in items if isinstance(item, dict) and "role" in item and "content" in item
    ]


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            return part
        if isinstance(part, dict) and part.get("type") in ("text", "output_text"):
            return str(part.get("text") or "")
    return ""


def _event(event: Mapping[str, Any]) -> Json:
    answer: Json = {"time_unix_nano": int(event["time_unix_nano"]), "name": event["name"]}
    _add(answer, "attributes", _key_values(event.get("attributes") or {}, lambda value: value))
    return answer


def _link(link: Mapping[str, Any]) -> Json:
    trace_id = str(link["trace_id"]).removeprefix("tr-")
    answer: Json = {
        "trace_id": base64.b64encode(bytes.fromhex(trace_id)).decode(),
        "span_id": base64.b64encode(bytes.fromhex(link["span_id"])).decode(),
    }
    _add(answer, "attributes", _key_values(link.get("attributes") or {}, lambda value: value))
    return answer


def _key_values(pairs: Mapping[str, Any], decode: Callable[[Any], Any]) -> list[Json]:
    return [{"key": key, "value": _any_value(decode(value))} for key, value in pairs.items()]


def _any_value(value: Any) -> Json:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"bool_value": value}
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return {"int_value": value}
    if isinstance(value, int | float):
        return {"double_value": float(value)}
    if isinstance(value, list):
        return {"array_value": _values([_any_value(item) for item in value])}
    if isinstance(value, dict):
        return {"kvlist_value": _values(_key_values(value, lambda item: item))}
    return {"string_value": str(value)}


def _values(items: list[Json]) -> Json:
    return {"values": items} if items else {}


def _add(target: Json, name: str, items: list[Json]) -> None:
    if items:
        target[name] = items
