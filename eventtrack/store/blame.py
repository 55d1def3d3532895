"""Blame: for each fact of a run, every event that set it, and what it was before."""

from collections.abc import Iterable, Iterator
from typing import Any

from eventtrack.store.events import EventRecord
from eventtrack.store.sessions import Session
from eventtrack.views.records import Record

RUN_NAME_TAG = "mlflow.runName"


class BlameLine(Record):
    """One event's effect on one fact; `session` is who recorded it."""

    fact: str
    before: str | None
    after: str | None
    event: EventRecord
    session: Session | None


def facts_set_by(event: EventRecord) -> Iterator[tuple[str, str | None]]:
    """The facts that an event of a run or a trace sets; None for one that it removes."""
    body: dict[str, Any] = event.body
    kind = event.type
    if not event.known:
        return
    if kind == "run.started":
        yield "status", body["status"]
        yield "name", body["name"]
        yield "experiment", body["experiment_id"]
        yield from ((f"tag.{key}", value) for key, value in body["tags"].items())
    elif kind == "run.updated":
        names = {"status": "status", "end_ms": "end_time", "name": "name"}
        for field, fact in names.items():
            if body[field] is not None:
                yield fact, str(body[field])
        if body["name"] is not None:
            yield f"tag.{RUN_NAME_TAG}", body["name"]
    elif kind in ("run.deleted", "run.restored"):
        yield "lifecycle", "deleted" if kind == "run.deleted" else "active"
    elif kind == "run.params_logged":
        yield from ((f"param.{key}", value) for key, value in body["params"].items())
    elif kind == "run.params_withdrawn":
        yield from ((f"param.{key}", None) for key in body["keys"])
    elif kind == "run.tags_set":
        for key, value in body["tags"].items():
            yield f"tag.{key}", value
            if key == RUN_NAME_TAG:
                yield "name", value
    elif kind == "run.tag_deleted":
        yield f"tag.{body['key']}", None
    else:
        yield from _recorded_by(kind, body)


def _recorded_by(kind: str, body: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    if kind == "run.metric_logged":
        yield f"metric.{body['key']}", f"{body['value']:.12g} (step {body['step']})"
    elif kind == "run.metrics_logged":
        for place, key in enumerate(body["keys"]):
            steps = body["steps"]
            step = steps if isinstance(steps, int) else steps[place]
            yield f"metric.{key}", f"{body['values'][place]:.12g} (step {step})"
    elif kind == "run.inputs_logged":
        yield from ((f"input.{one['name']}", one["digest"]) for one in body["datasets"])
        yield from ((f"input.model.{one}", one) for one in body["models"])
    elif kind == "run.outputs_logged":
        yield from ((f"output.model.{one[0]}", one[0]) for one in body["models"])
    elif kind == "run.artifacts_logged":
        for one in body["files"]:
            yield f"artifact.{one['path']}", f"{one['size']} bytes, sha256 {one['sha256'][:12]}"
    elif kind == "run.artifacts_deleted":
        yield from ((f"artifact.{path}", None) for path in body["paths"])
    elif kind.startswith("experiment."):
        yield from _set_of_experiment(kind, body)
    elif kind in ("trace.recorded", "trace.tags_set"):
        yield from ((f"tag.{key}", value) for key, value in body["tags"].items())
    elif kind == "trace.tag_deleted":
        yield f"tag.{body['key']}", None


def _set_of_experiment(kind: str, body: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    if kind in ("experiment.created", "experiment.renamed"):
        yield "name", body["name"]
    if kind in ("experiment.created", "experiment.tags_set"):
        yield from ((f"tag.{key}", value) for key, value in body["tags"].items())
    elif kind == "experiment.tag_deleted":
        yield f"tag.{body['key']}", None
    elif kind in ("experiment.deleted", "experiment.restored"):
        yield "lifecycle", "deleted" if kind == "experiment.deleted" else "active"


def in_order(events: Iterable[EventRecord]) -> list[EventRecord]:
    """Events in order of recorded time, which decides what holds, not of arrival."""
    return sorted(events, key=lambda event: (event.recorded, event.replica, event.offset))


def set_last_by(events: Iterable[EventRecord]) -> dict[str, EventRecord]:
    """Of each fact that these events of one stream set, the event that did so last."""
    return {fact: event for event in in_order(events) for fact, _ in facts_set_by(event)}


def blame_lines(
    events: Iterable[EventRecord], sessions: dict[str, Session], key: str | None
) -> list[BlameLine]:
    """Every line of blame for a run's events, oldest first, each fact's lines with what was before.

    Args:
        key: A fact (`param.lr`), or the name behind its dot (`lr`); None for all facts.
    """
    lines: list[BlameLine] = []
    values: dict[str, str | None] = {}
    for event in in_order(events):
        for fact, value in facts_set_by(event):
            if key is not None and key not in (fact, fact.partition(".")[2]):
                continue
            lines.append(
                BlameLine(
                    fact=fact,
                    before=values.get(fact),
                    after=value,
                    event=event,
                    session=sessions.get(event.session),
                )
            )
            values[fact] = value
    return lines
