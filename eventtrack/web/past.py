"""The past for the pages: the authors of a run's changes, and the tail of the log."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from zoneinfo import ZoneInfo

import msgspec

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.store.undo import why_final
from eventtrack.views import when
from eventtrack.views.history.blame import blame_lines
from eventtrack.views.history.events import POINTS, EventRecord
from eventtrack.views.history.facts import Change
from eventtrack.views.moments import Moment
from eventtrack.views.queries.nouns import Queries, Snapshot
from eventtrack.views.queries.sessions import Session
from eventtrack.views.skips import SkippedEnvelope
from eventtrack.waiting import check, checked
from eventtrack.web import skips
from eventtrack.web.answers import Json, as_of, shortened

# One step back through the log reads this many envelopes; one request makes at most so many steps.
_WINDOW = 512
_WINDOWS_MAX = 40


def moment(text: str, zone: str) -> Json:
    """The moment that somebody wrote, as the text that addresses hold: a position or an ISO time.

    Args:
        zone: The name of the writer's time zone, as Europe/Berlin; "" for that of this machine.

    Raises:
        InvalidValueError: The text is no moment, or nobody knows the zone.
    """
    try:
        place = ZoneInfo(zone) if zone else None
    except (ValueError, LookupError, OSError) as error:
        raise InvalidValueError(
            f"{zone[:40]!r} is no time zone", hint="write a name such as Europe/Berlin"
        ) from error
    meant = Moment.parse(text.strip(), place)
    if meant.time_ms is None:
        return {"at": "" if meant.position is None else str(meant.position)}
    time = when.in_utc(meant.time_ms)
    return {"at": time.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def history(store: Store, subject: str, limit: int, at: str = "") -> Json:
    """The newest changes of a run or of another subject, newest first: author, time, old values.

    Points are summed up by stretch: which metrics, how many. Costs a read of all events of the
    run: a second for some millions of points.

    Args:
        subject: A subject of `History.timeline`.
        at: Leaves out changes after this moment; "" for now.
    """
    target = store.history.subject(subject)
    timeline = checked(store.history.timeline(subject, counted=True))
    events = list(_happened(store, timeline, at))
    sessions = store.sessions.of(event.session for event in events)
    facts: dict[str, list[Json]] = {}
    changes = (event for event in events if event.type not in POINTS)
    lines = blame_lines(
        target.noun, changes, sessions, None, numbers=target.numbers, prefix=target.prefix
    )
    for line in lines:
        before, after = (
            None if value is None else shortened(value) for value in (line.before, line.after)
        )
        facts.setdefault(line.event.address, []).append(
            {"fact": line.fact, "before": before, "after": after}
        )
    stretches, broken = list(_stretches(events)), skips.failed(store)
    undone = _undone(events)
    entries = [
        {
            "address": event.address,
            "recorded_ms": event.recorded_ms,
            "arrived_ms": event.arrived_ms,
            "recorded_here": event.recorded_here,
            "type": event.type,
            "author": _author(sessions.get(event.session)),
            "reason": event.reason,
            "facts": facts.get(event.address, []),
            "final": why_final(event),
            "undoes": event.cause,
            "undone_by": undone.get(event.address),
            **skips.effect(event, broken),
            **({"points": points} if points else {}),
        }
        for event, points in reversed(stretches[-limit:])
    ]
    return {"entries": entries, "total": len(stretches)}


def log(
    store: Store,
    before: int | None,
    limit: int,
    stream: str | None,
    kind: str | None,
    at: str = "",
) -> Json:
    """Events below a position that had happened by a moment, the newest first.

    `before` of the answer asks for the next page; None at the beginning of the log.

    Args:
        kind: A type of events, or the beginning of a type: `run.`.
    """
    with as_of(store, at) as then:
        top = 1 + (then.position if isinstance(then, Snapshot) else store.events.head())
    top = top if before is None else min(top, before)
    newest: deque[EventRecord] = deque(maxlen=limit)
    bottom = top
    if stream:
        read = checked(store.events.read(stream=stream))
        for event in _matching(_happened(store, read, at), kind):
            if event.position < top:
                newest.append(event)
        bottom = newest[0].position if len(newest) == limit else 1
        events = list(newest)[::-1]
    else:
        events = []
        for _ in range(_WINDOWS_MAX):
            check()
            if bottom <= 1 or len(events) >= limit:
                break
            start = max(bottom - _WINDOW, 1)
            window = _happened(store, _until(store.events.read(start - 1), bottom), at)
            events += list(_matching(window, kind))[::-1]
            bottom = start
        if len(events) > limit:
            # Whole envelopes only: the next page begins below the last position shown.
            last = events[limit - 1].position
            events = [event for event in events if event.position >= last]
            bottom = last
    sessions = store.sessions.of(event.session for event in events)
    broken = skips.failed(store)
    return {
        "before": bottom if bottom > 1 else None,
        "events": [_event(event, sessions, broken) for event in events],
    }


def diff(store: Store, older: str, newer: str, subject: str | None, limit: int) -> Json:
    """The changes between two moments, each with its author; `more` if changes were left out.

    `names` has the names of the changed runs and experiments at the newer moment.

    Args:
        subject: Compares only this subject: `run/ID` or `experiment/ID`.
        limit: After so many changes no further subject is compared.
    """
    changes: list[Json] = []
    more = False
    with closing(store.history.changes(older, newer, subject=subject)) as groups:
        for group in groups:
            check()
            if len(changes) >= limit and group:
                more = True
                break
            changes += map(_change, group)
    with as_of(store, newer) as then:
        subjects = {change["subject"] for change in changes}
        names = {subject: _name(then, subject) for subject in subjects}
    known = {subject: name for subject, name in names.items() if name}
    return {"changes": changes, "more": more, "names": known}


def _name(then: Queries, subject: str) -> str | None:
    """The name of a run or of an experiment; None for every other subject."""
    kind, _, identity = subject.partition("/")
    with suppress(NotFoundError):
        if kind == "run":
            return then.runs.get(identity).info.run_name
        if kind == "experiment":
            return then.experiments.get(identity).name
    return None


def _change(change: Change) -> Json:
    return {
        "kind": change.kind,
        "subject": change.subject,
        "fact": change.fact,
        "before": None if change.before is None else shortened(change.before),
        "after": None if change.after is None else shortened(change.after),
        "address": change.address,
        "recorded_ms": change.recorded_ms,
        "arrived_ms": change.arrived_ms,
        "recorded_here": change.recorded_here,
        "author": _author(change.session),
        "reason": change.reason,
    }


def _undone(events: Iterable[EventRecord]) -> dict[str, str]:
    """The address of the event that undid each undone event; what was undone itself counts not."""
    undone: dict[str, str] = {}
    for event in sorted(events, key=lambda event: event.recorded, reverse=True):
        if event.cause is not None and event.address not in undone:
            undone.setdefault(event.cause, event.address)
    return undone


def _stretches(events: Iterable[EventRecord]) -> Iterator[tuple[EventRecord, Json | None]]:
    """Each change; for a stretch of points by one session its last event and the counts by key."""
    last: EventRecord | None = None
    keys: dict[str, int] = {}
    for event in events:
        is_points = event.type in POINTS and "points" in event.body
        if last is not None and (not is_points or event.session != last.session):
            yield last, {"keys": keys}
            last, keys = None, {}
        if not is_points:
            yield event, None
            continue
        last = event
        for key, count in event.body["points"].items():
            keys[key] = keys.get(key, 0) + count
    if last is not None:
        yield last, {"keys": keys}


def _happened(store: Store, events: Iterable[EventRecord], at: str) -> Iterable[EventRecord]:
    """The events that had happened by a moment."""
    if at in ("", "now"):
        return events
    bounds = Moment.of(at).bounds(store.events.head())
    return (event for event in events if bounds.include(event.position, event.recorded))


def _until(events: Iterable[EventRecord], stop: int) -> Iterator[EventRecord]:
    for event in events:
        if event.position >= stop:
            return
        yield event


def _matching(events: Iterable[EventRecord], kind: str | None) -> Iterator[EventRecord]:
    return (event for event in events if not kind or event.type.startswith(kind))


def _event(
    event: EventRecord, sessions: dict[str, Session], broken: dict[int, SkippedEnvelope]
) -> Json:
    return {
        "address": event.address,
        "recorded_ms": event.recorded_ms,
        "arrived_ms": event.arrived_ms,
        "recorded_here": event.recorded_here,
        "type": event.type,
        "stream": event.stream,
        "replica": event.replica,
        "index": event.index,
        "cause": event.cause,
        "body": shortened(msgspec.json.encode(event.body, enc_hook=repr).decode()),
        "author": _author(sessions.get(event.session)),
        "reason": event.reason,
        **skips.effect(event, broken),
    }


def _author(session: Session | None) -> Json | None:
    if session is None:
        return None
    return {
        "user": session.user,
        "host": session.host,
        "pid": session.pid,
        "program": session.program,
        "source": session.source,
        "git_commit": session.git_commit,
        "version": session.version,
    }
