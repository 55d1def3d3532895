"""`eventtrack watch`: keeps the views current and prints each change."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.event_lines import short_stream
from eventtrack.cli.tables import Styled

if TYPE_CHECKING:
    from eventtrack.store import Store

# Of a burst only the newest events are read and counted.
_EVENTS_READ_MAX = 2000
_STREAMS_NAMED_MAX = 3


@command("watch", "eventtrack watch", "eventtrack watch --json | jq .head")
@click.option("-n", "--limit", type=click.IntRange(1), help="Leave after so many changes.")
@pass_invocation
def watch(call: Invocation, limit: int | None) -> None:
    """Keep the views current and print a line at each change, until interrupted.

    Queries of other processes then find views that are already up to date. If the watcher dies,
    queries get slower, never wrong.

    JSON: one object a line, with time_ms, head (the newest position), envelopes (the number of
    new envelopes), and types (events by type, of the newest 2,000 events).
    """
    from eventtrack.watch import watch as heads

    store = call.open()
    before = store.events.head()
    if not call.out.json:
        call.out.note(
            f"Watching {text.clean(str(store.path))} at position {before:,}; Ctrl-C ends."
        )
    changes = 0
    for _ in heads(store):
        store.gather()  # each line is about events of the log
        head = store.events.head()
        if head <= before:
            continue
        _tell(call, store, before, head)
        before = head
        changes += 1
        if limit is not None and changes >= limit:
            return


def _tell(call: Invocation, store: "Store", before: int, head: int) -> None:
    start = max(before, head - _EVENTS_READ_MAX)
    types: Counter[str] = Counter()
    streams: Counter[str] = Counter()
    for event in store.events.read(start, limit=_EVENTS_READ_MAX):
        if event.position > head:
            break
        types[event.type] += 1
        streams[event.stream] += 1
    now = text.now_ms()
    if call.out.json:
        change = {"time_ms": now, "head": head, "envelopes": head - before, "types": dict(types)}
        call.out.json_line(change)
        return
    named = ", ".join(short_stream(stream) for stream, _ in streams.most_common(_STREAMS_NAMED_MAX))
    more = ", ..." if len(streams) > _STREAMS_NAMED_MAX else ""
    kinds = ", ".join(f"{count:,} {name}" for name, count in types.most_common(4))
    call.out.line(
        Styled(text.local_time(now)[11:], "dim"),
        "  ",
        Styled(f"{head:>8,}", "cyan"),
        f"  {kinds}  ",
        Styled(text.clean(named + more), "dim"),
    )
    call.out.stream.flush()
