"""`eventtrack log`: the raw events."""

import fnmatch
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.event_lines import print_event
from eventtrack.cli.resolve import RUN, find_run, find_session

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.views.history.events import EventRecord

# A person at a terminal wants the newest page; a pipe gets everything.
_TERMINAL_LIMIT = 50


@command(
    "log",
    "eventtrack log",
    "eventtrack log --run 3f2a --type 'run.params*'",
    "eventtrack log --after 120 --limit 10 --json",
    "eventtrack log --follow",
)
@click.option("--stream", metavar="STREAM", help="Only this stream, such as run/ID.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type; * matches.")
@click.option("--run", type=RUN, help="Only this run's stream.")
@click.option("--session", metavar="SESSION", help="Only events that this session recorded.")
@click.option(
    "--after", type=click.IntRange(0), metavar="POSITION", help="Start behind this position."
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0),
    help="At most so many: the newest, or with --after the first behind it; 0 is no limit. "
    f"[default: {_TERMINAL_LIMIT} on a terminal, else no limit]",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with new events until interrupted.")
@pass_invocation
def log(
    call: Invocation,
    stream: str | None,
    types: tuple[str, ...],
    run: str | None,
    session: str | None,
    after: int | None,
    limit: int | None,
    follow: bool,
) -> None:
    """Print the log's events, oldest first: address, time recorded, type, stream, content.

    Behind the content stands the reason, if one was given.

    JSON: one event a line, with address, position, offset, type, version, stream, recorded_ms,
    body, replica, index, session, cause, known, arrived_ms (null if recorded_here or not known),
    recorded_here, effective (the time that counts: recorded, unless the event was decided after an
    event whose time lies ahead), skipped (why a damaged or malformed envelope has no effect; null
    for all others) and reason (null if none was given).
    """
    store = call.open()
    if run is not None:
        stream = f"run/{find_run(store, run).info.run_id}"
    if session is not None:
        session = find_session(store, session).session_id
    if limit is None:
        limit = _TERMINAL_LIMIT if call.out.is_terminal else 0
    wanted = _filter(stream, types, session)
    exact = None if any(map(_is_pattern, types)) else list(types) or None
    store.gather()
    head = store.events.head()

    def read(start: int) -> Iterator["EventRecord"]:
        events = store.events.read(start, stream=stream, types=exact, session=session)
        return filter(wanted, events)

    filtered = bool(stream or types or session)
    shown = 0
    width = len(str(head)) + 3
    for event in _page(read, after, limit, head, filtered=filtered):
        print_event(call.out, event, address_width=width)
        shown = event.position
    if follow:
        call.out.stream.flush()
        _follow(call, store, max(shown, head), wanted, width)
    elif not shown and not call.out.json:
        call.out.note("No events match." if filtered else "No events in that part of the log.")
    elif call.out.is_terminal and limit and not call.out.json:
        call.out.note(f"At most {limit} events are shown; --limit 0 shows all.")


def _page(
    read: Callable[[int], Iterator["EventRecord"]],
    after: int | None,
    limit: int,
    head: int,
    *,
    filtered: bool,
) -> Iterable["EventRecord"]:
    """The first `limit` events behind `after`; without `after` the newest `limit` events."""
    if after is not None:
        return islice(read(after), limit or None)
    if not limit:
        return read(0)
    # Each envelope holds at least one event, so the last `limit` envelopes are enough.
    start = 0 if filtered else max(0, head - limit)
    return deque(read(start), maxlen=limit)


def _follow(
    call: Invocation,
    store: "Store",
    after: int,
    wanted: Callable[["EventRecord"], bool],
    width: int,
) -> None:
    for event in store.events.follow(after):
        if wanted(event):
            print_event(call.out, event, address_width=width)
            call.out.stream.flush()


def _filter(
    stream: str | None, types: tuple[str, ...], session: str | None
) -> Callable[["EventRecord"], bool]:
    def wanted(event: "EventRecord") -> bool:
        return (
            (stream is None or event.stream == stream)
            and (session is None or event.session == session)
            and (not types or any(fnmatch.fnmatchcase(event.type, pattern) for pattern in types))
        )

    return wanted


def _is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")
