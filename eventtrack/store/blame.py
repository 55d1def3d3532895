"""Blame: for each fact of a run, or of anything else, every event that set it, and what it was."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eventtrack.store.blame_models import NO_NUMBERS, set_of_model, set_of_registered
from eventtrack.store.events import EventRecord
from eventtrack.store.sessions import Session
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.records import Record


class BlameLine(Record):
    """One event's effect on one fact; `session` is who recorded it."""

    fact: str
    before: str | None
    after: str | None
    event: EventRecord
    session: Session | None


def facts_set_by(
    event: EventRecord, numbers: Mapping[str, int] = NO_NUMBERS
) -> Iterator[tuple[str, str | None]]:
    """The facts that an event sets; None for one that it removes.

    Args:
        numbers: Of a registered model, the number that each version shows, by version id.
    """
    if not event.known:
        return
    family = event.type.partition(".")[0]
    if family == "run":
        yield from _set_of_run(event.type, event.body)
    elif family == "experiment":
        yield from _set_of_experiment(event.type, event.body)
    elif family == "model":
        yield from set_of_model(event.type, event.body)
    elif family == "registered":
        yield from set_of_registered(event.type, event.body, numbers)
    elif event.type in ("trace.recorded", "trace.tags_set"):
        yield from ((f"tag.{key}", value) for key, value in event.body["tags"].items())
    elif event.type == "trace.tag_deleted":
        yield f"tag.{event.body['key']}", None


def _set_of_run(kind: str, body: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
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


def set_last_by(
    events: Iterable[EventRecord], numbers: Mapping[str, int] = NO_NUMBERS
) -> dict[str, EventRecord]:
    """Of each fact that these events of one stream set, the event that did so last."""
    return {fact: event for event in in_order(events) for fact, _ in facts_set_by(event, numbers)}


def blame_lines(
    events: Iterable[EventRecord],
    sessions: dict[str, Session],
    key: str | None,
    *,
    numbers: Mapping[str, int] = NO_NUMBERS,
    prefix: str = "",
) -> list[BlameLine]:
    """Every line of blame for one stream's events, oldest first, with what each fact was before.

    Args:
        key: A fact (`param.lr`), or the name behind its dot (`lr`); None for all facts.
        numbers: As of `facts_set_by`.
        prefix: Only facts that begin so, which is left out of their names.
    """
    lines: list[BlameLine] = []
    values: dict[str, str | None] = {}
    for event in in_order(events):
        for whole, value in facts_set_by(event, numbers):
            fact = whole.removeprefix(prefix)
            if key is not None and key not in (fact, fact.partition(".")[2]):
                continue
            if not whole.startswith(prefix):
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
