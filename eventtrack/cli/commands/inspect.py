"""`eventtrack inspect`: all about the thing that the argument names."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.commands.runs_show import draw_run
from eventtrack.cli.event_lines import event_parts, fact, session_line
from eventtrack.cli.moments import is_address
from eventtrack.cli.resolve import find_experiment, find_run, find_session
from eventtrack.cli.tables import Cell, Styled
from eventtrack.errors import NotFoundError
from eventtrack.views.records import Experiment, Run

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.views.history.events import EventRecord
    from eventtrack.views.queries.sessions import Session

_TIMELINE_SHOWN_MAX = 30


@command(
    "inspect",
    "eventtrack inspect 12.0",
    "eventtrack inspect 3f2a",
    "eventtrack inspect iris",
    "eventtrack inspect session/9c41",
    "eventtrack inspect feed/5d0e",
)
@click.argument("thing")
@pass_invocation
def inspect(call: Invocation, thing: str) -> None:
    """Show all about one event, run, experiment, session or feed.

    THING is an event's address (12.0, or 12 for all events of one envelope), a run or a session
    (id, unique prefix; a run's name), or an experiment (id or name), tried in this order. A prefix
    settles it: event/12, run/3f2a, session/9c41, experiment/iris. A feed holds all events that a
    replica wrote: name it by feed/ and a unique prefix of the replica's id. If two copies of a
    store wrote under that id, both ends are shown.

    JSON: an object with kind (events, run, session, experiment or feed) and, under that name, the
    thing itself; a run and an experiment also have events: its stream, in log order. A feed has
    replica, own, ends (feed, size, root, first) and forks (replica, index, and ends with mark,
    size, envelopes, position, recorded_ms and session).
    """
    store = call.open()
    kind, name = _split(store, thing)
    if kind == "event":
        _inspect_events(call, store, name)
    elif kind == "feed":
        _inspect_feed(call, store, name)
    elif kind is not None:
        find, show = _KINDS[kind]
        show(call, store, find(store, name))
    else:
        named, show = _find_first(store, name)
        show(call, store, named)


def _split(store: "Store", thing: str) -> tuple[str | None, str]:
    """The kind that the argument names (None if several are possible) and the bare name."""
    family, separator, name = thing.partition("/")
    if separator and family in {"event", "feed", *_KINDS}:
        return family, name
    if is_address(thing) and 0 < int(thing.partition(".")[0]) <= store.events.head():
        return "event", thing
    return None, thing


def _find_first(store: "Store", name: str) -> tuple[Any, "Show"]:
    """The first thing with that name, in the order of `_KINDS`, and the function that shows it.

    Raises:
        NotFoundError: Nothing of any kind has the name.
    """
    for find, show in _KINDS.values():
        try:
            return find(store, name), show
        except NotFoundError:
            continue
    raise NotFoundError(
        f"Nothing is named {name!r}: no event, run, session or experiment",
        hint="see `eventtrack runs list`, `eventtrack experiments list` and `eventtrack log`",
    )


def _inspect_events(call: Invocation, store: "Store", address: str) -> None:
    events = store.events.get(address)
    if call.out.json:
        call.out.document({"kind": "events", "events": [event.to_dictionary() for event in events]})
        return
    for index, event in enumerate(events):
        if index:
            call.out.line("")
        _draw_event(call, store, event)


def _draw_event(call: Invocation, store: "Store", event: "EventRecord") -> None:
    out = call.out
    exact = text.local_time(event.recorded_ms, exact=True)
    out.line(Styled(text.clean(event.type), "bold"), Styled(f"  version {event.version}", "dim"))
    facts: list[tuple[str, Cell]] = [
        ("address", Styled(event.address, "cyan")),
        ("stream", text.clean(event.stream)),
        ("recorded", f"{exact} ({text.relative_time(event.recorded_ms)})"),
        ("feed", _place(store, event)),
        ("session", text.clean(event.session)),
        ("by", session_line(_session(store, event.session))),
    ]
    if event.arrived_ms is not None:
        exact = text.local_time(event.arrived_ms, exact=True)
        facts.insert(3, ("arrived", f"{exact} ({text.relative_time(event.arrived_ms)})"))
    elif not event.recorded_here:
        facts.insert(3, ("arrived", "unknown"))
    if event.reason is not None:
        facts.append(("reason", text.clean(event.reason)))
    if event.cause:
        facts.append(("answers", event.cause))
    if event.skipped is not None:
        facts.append(("skipped", f"{text.clean(event.skipped)}; it is kept and has no effect"))
    elif not event.known:
        facts.append(
            ("known", "no: a newer eventtrack wrote it; it is kept and has no effect here")
        )
    out.fields(facts)
    if event.body:
        out.title("body")
        out.fields(
            [
                (text.clean(str(key)), text.value(fact(key, value)))
                for key, value in event.body.items()
            ]
        )


def _place(store: "Store", event: "EventRecord") -> str:
    """The event's globally unique name, and positions of other envelopes with the same name."""
    positions = store.replication.log.locate_all(bytes.fromhex(event.replica), event.index)
    others = [str(position) for position in positions if position != event.position]
    also = f", as position {', '.join(others)}: it forked" if others else ""
    return f"replica {event.replica}, index {event.index}{also}"


def _inspect_feed(call: Invocation, store: "Store", name: str) -> None:
    feeds = [feed for feed in store.feeds.list() if feed.replica.startswith(name)]
    replicas = {feed.replica for feed in feeds}
    if len(replicas) != 1:
        raise NotFoundError(
            f"{text.count(len(replicas), 'feed')} begin with {name!r}",
            hint="`eventtrack audit key --json` lists the feeds",
        )
    forks = [fork for fork in store.feeds.forks() if fork.replica in replicas]
    if call.out.json:
        ends = [
            {"feed": feed.feed, "size": feed.size, "root": feed.root, "first": feed.first}
            for feed in feeds
        ]
        own = any(feed.own for feed in feeds)
        described = {"replica": feeds[0].replica, "own": own, "ends": ends, "forks": forks}
        call.out.document({"kind": "feed", "feed": described})
        return
    call.out.line(Styled(f"feed {feeds[0].replica}", "bold"))
    for feed in feeds:
        whose = " (this store's own)" if feed.own else ""
        call.out.line(f"{text.count(feed.size, 'envelope')}, root {feed.root[:16]}{whose}")
    for fork in forks:
        call.out.title(f"two copies wrote from envelope {fork.index} on")
        for end in fork.ends:
            when = text.local_time(end.recorded_ms, exact=True)
            call.out.wrapped(
                Styled(end.mark[:8], "cyan"),
                f"  {text.count(end.envelopes, 'envelope')} from position {end.position}, {when}, "
                f"by {session_line(_session(store, end.session))}",
            )


def _inspect_run(call: Invocation, store: "Store", run: Run) -> None:
    events = store.history.timeline(run.info.run_id)
    if call.out.json:
        call.out.document(
            {"kind": "run", "run": run, "events": [event.to_dictionary() for event in events]}
        )
        return
    draw_run(call.out, store, run)
    _draw_timeline(call, store, events, f"eventtrack log --run {text.short_id(run.info.run_id)}")


def _inspect_experiment(call: Invocation, store: "Store", experiment: Experiment) -> None:
    stream = f"experiment/{experiment.experiment_id}"
    events = list(store.events.read(0, stream=stream))
    if call.out.json:
        rows = [event.to_dictionary() for event in events]
        call.out.document({"kind": "experiment", "experiment": experiment, "events": rows})
        return
    out = call.out
    out.line(Styled(text.clean(experiment.name), "bold"))
    out.fields(
        [(name, text.value(value)) for name, value in experiment if name != "name" and value]
    )
    _draw_timeline(call, store, events, f"eventtrack log --stream {stream}")


def _inspect_session(call: Invocation, store: "Store", session: "Session") -> None:
    if call.out.json:
        call.out.document({"kind": "session", "session": session})
        return
    facts: list[tuple[str, Any]] = [
        (name, text.moment(value) if name == "opened_ms" else text.value(value))
        for name, value in session
    ]
    call.out.line(Styled(session_line(session), "bold"))
    call.out.fields(facts)
    call.out.note(f"Its events: eventtrack log --session {text.short_id(session.session_id)}")


def _draw_timeline(
    call: Invocation, store: "Store", events: list["EventRecord"], everything: str
) -> None:
    """Draw the events of a stream; metric points are counted, not listed."""
    from eventtrack.views.history.events import POINTS

    listed = [event for event in events if event.type not in POINTS]
    call.out.title("timeline")
    width = max((len(event.address) for event in listed), default=0)
    for event in listed[:_TIMELINE_SHOWN_MAX]:
        parts = event_parts(
            event, address_width=width, with_stream=False, brief=call.out.is_terminal
        )
        call.out.line(*parts)
    rest = len(events) - len(listed[:_TIMELINE_SHOWN_MAX])
    if rest:
        call.out.note(f"and {text.count(rest, 'more event')}: {everything}")


def _session(store: "Store", session_id: str) -> "Session | None":
    try:
        return store.sessions.get(session_id)
    except NotFoundError:
        return None


Find = Callable[["Store", str], Any]
Show = Callable[[Invocation, "Store", Any], None]
# A bare name is tried in this order.
_KINDS: dict[str, tuple[Find, Show]] = {
    "run": (find_run, _inspect_run),
    "session": (find_session, _inspect_session),
    "experiment": (find_experiment, _inspect_experiment),
}
