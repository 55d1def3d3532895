"""An event as a line of text, for log, inspect, undo and watch."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eventtrack.cli import text
from eventtrack.cli.output import Output
from eventtrack.cli.tables import Cell, Styled
from eventtrack.tags import TRACE_NAME_TAG

if TYPE_CHECKING:
    from eventtrack.views.history.events import EventRecord
    from eventtrack.views.queries.sessions import Session

_FAMILY_STYLES = {"session": "blue", "experiment": "magenta", "run": "green", "trace": "cyan"}
# The width of frequent names: a longer name pushes the rest of its line to the right.
_TYPE_WIDTH, _STREAM_WIDTH = 20, 12
_NAMES_MAX = 6

Body = Mapping[str, Any]


def event_parts(
    event: "EventRecord", *, address_width: int = 8, with_stream: bool = True, brief: bool = False
) -> list[Cell]:
    """The parts of a line: address, time recorded, type, stream, content, reason.

    Args:
        brief: Leave today's date out, for terminals.
    """
    recorded = text.local_time(event.recorded_ms)
    if brief and recorded[:10] == time.strftime("%Y-%m-%d"):
        recorded = recorded[11:]
    parts: list[Cell] = [
        Styled(text.pad(event.address, address_width), "cyan"),
        "  ",
        Styled(recorded, "dim"),
        "  ",
        _type(event),
        "  ",
    ]
    if with_stream:
        parts += [text.pad(short_stream(event.stream), _STREAM_WIDTH), "  "]
    if event.cause:
        parts.append(Styled(f"answers {event.cause}  ", "dim"))
    parts.append(event_content(event))
    if event.reason is not None:
        parts.append(Styled(f"  because: {text.clean(event.reason)}", "dim"))
    return parts


def event_body(event: "EventRecord") -> list[Cell]:
    """The parts of a line for an event that is not in the log: type, stream, content."""
    return [_type(event), "  ", short_stream(event.stream), "  ", event_content(event)]


def print_event(out: Output, event: "EventRecord", *, address_width: int = 8) -> None:
    """Print an event: a JSON line, or a line of text."""
    if out.json:
        out.json_line(event.to_dictionary())
    else:
        out.line(*event_parts(event, address_width=address_width, brief=out.is_terminal))


def event_content(event: "EventRecord") -> str:
    """The content of an event in a few words."""
    if event.skipped is not None:
        return f"(kept, and has no effect) {text.clean(event.skipped)}"
    if not event.known:
        return "(of a newer eventtrack; kept as it is)"
    describe = _CONTENTS.get(event.type)
    if describe is not None:
        return describe(event.body)
    return text.summary(
        {key.removesuffix("_ms"): fact(key, value) for key, value in event.body.items()}
    )


def fact(key: str, value: Any) -> Any:
    """A field's value for people: a field that ends in `_ms` becomes a local time."""
    if key == "duration_ms":
        return text.duration(value)
    if key.endswith("_ms") and isinstance(value, int):
        return text.local_time(value)
    return value


def short_stream(stream: str) -> str:
    """A stream with its id shortened as everywhere in the output: `run/3f2a91bc`."""
    family, _, identifier = stream.partition("/")
    return text.clean(f"{family}/{text.short_id(identifier)}")


def session_line(session: "Session | None", *, brief: bool = False) -> str:
    """The author and program of a session: `ada@ship train.py (pid 123, python) at 2f3e91a`."""
    if session is None:
        return "unknown session"
    commit = f" at {text.clean(session.git_commit)[:7]}" if session.git_commit else ""
    process = "" if brief else f" (pid {session.pid}, {text.clean(session.source)})"
    who = text.clean(f"{session.user}@{session.host}")
    return f"{who} {_program(session.program)}{process}{commit}"


def _program(path: str) -> str:
    """The name of a program by its path: for `__main__.py` the name of its package."""
    *folders, name = path.split("/")
    return text.clean(folders[-1] if name == "__main__.py" and folders else name)


def _type(event: "EventRecord") -> Cell:
    style = _FAMILY_STYLES.get(event.type.partition(".")[0], "yellow")
    return Styled(text.pad(text.clean(event.type), _TYPE_WIDTH), style)


def _metric(body: Body) -> str:
    return f"{text.clean(body['key'])}={text.number(body['value'])} step={body['step']}"


def _metrics(body: Body) -> str:
    keys = list(dict.fromkeys(body["keys"]))
    points = text.count(len(body["keys"]), "point")
    return f"{points} of {_names(keys)}"


def _items(what: str, field: str) -> Callable[[Body], str]:
    return lambda body: f"{text.count(len(body[field]), what)} of {text.clean(body['key'])}"


def _artifacts(body: Body) -> str:
    return _names([f"{file['path']} ({text.size(file['size'])})" for file in body["files"]])


def _session(body: Body) -> str:
    return f"{text.clean(body['user'])}@{text.clean(body['host'])} {_program(body['program'])}"


def _started(body: Body) -> str:
    return f"{text.clean(body['name'])} in experiment {text.clean(body['experiment_id'])}"


def _signed(body: Body) -> str:
    return text.clean(f"{body['meaning']} by {body['by']}, digest {body['digest'][:12]}")


def _redacted(body: Body) -> str:
    envelopes = text.count(len(body["envelopes"]), "envelope")
    return f"{envelopes}, {text.count(len(body['blobs']), 'file')}"


def _inputs(body: Body) -> str:
    return _names([*(dataset["name"] for dataset in body["datasets"]), *body["models"]])


def _spans(body: Body) -> str:
    names = [f"{span['name']} ({text.size(span['size'])})" for span in body["spans"]]
    return f"{text.count(len(names), 'span')}: {_names(names)}"


def _reported(body: Body) -> str:
    name = text.clean(body["tags"].get(TRACE_NAME_TAG, "trace"))
    return f"{name} {body['state']} in {text.duration(body['duration_ms'])}"


def _evaluation(body: Body) -> str:
    return f"{text.clean(body['name'])} in {_names(body['experiment_ids']) or 'no experiment'}"


def _records(body: Body) -> str:
    new = sum(record["is_new"] for record in body["records"])
    known = len(body["records"]) - new
    parts = [f"{new} new"] * bool(new) + [f"{known} known"] * bool(known)
    return f"{text.count(len(body['records']), 'record')} ({', '.join(parts) or 'none'})"


def _records_deleted(body: Body) -> str:
    return f"{text.count(len(body['record_ids']), 'record')}: {_names(body['record_ids'])}"


def _names(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMES_MAX else ""
    return text.clean(", ".join(names[:_NAMES_MAX])) + more


_CONTENTS: dict[str, Callable[[Body], str]] = {
    "run.metric_logged": _metric,
    "run.metrics_logged": _metrics,
    "run.text_logged": _items("line", "lines"),
    "run.histograms_logged": _items("histogram", "histograms"),
    "run.media_logged": _items("file", "files"),
    "run.artifacts_logged": _artifacts,
    "run.inputs_logged": _inputs,
    "run.started": _started,
    "run.signed": _signed,
    "payloads.redacted": _redacted,
    "session.opened": _session,
    "trace.spans_logged": _spans,
    "trace.recorded": _reported,
    "dataset.created": _evaluation,
    "dataset.records_merged": _records,
    "dataset.records_deleted": _records_deleted,
}
