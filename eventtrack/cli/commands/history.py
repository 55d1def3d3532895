"""`eventtrack diff`, `blame` and `undo`: changes, their authors, and the way back."""

from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation, reason_option
from eventtrack.cli.event_lines import event_body, event_parts, session_line, short_stream
from eventtrack.cli.moments import is_moment
from eventtrack.cli.output import Output
from eventtrack.cli.resolve import RUN, find_run, find_subject
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.errors import NotFoundError

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.views.history.blame import BlameLine
    from eventtrack.views.history.facts import Change

# Tags that surfaces set by themselves: people rarely look for them.
_TRACKER_TAGS = "tag.mlflow."
_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


@command(
    "diff",
    "eventtrack diff 120 now",
    "eventtrack diff 2026-05-03T12:00 2026-05-04",
    "eventtrack diff yesterday now",
    "eventtrack diff 3f2a 91bc",
)
@click.argument("older")
@click.argument("newer", default="now")
@pass_invocation
def diff(call: Invocation, older: str, newer: str) -> None:
    """Show what differs between two moments of the store, or between two runs.

    A moment is a position of the log, `now`, an ISO time (local unless it names a zone), or a time
    such as `yesterday`, `7d` or `1 week ago`; any other argument is a run. A prefix settles it:
    run/3f2a.

    A time covers all events recorded by then, by the clocks of their writers; a position covers
    all events that had arrived here. Between moments each change names its event, who recorded the
    event, when, and when the event arrived here if it was recorded elsewhere.

    JSON: a list of changes with kind (added, removed, changed), subject, fact, before, after, and
    address, recorded_ms, arrived_ms, recorded_here, session and reason (null between runs).
    """
    store = call.open()
    if is_moment(store, older) and is_moment(store, newer):
        # Changes are printed as they are found, so a terminal needs no bar beside them.
        show = nullcontext(None) if call.out.is_terminal else call.out.progress("comparing")
        with show as progress:
            groups = store.history.changes(older, newer, progress=progress)
            with closing(groups):
                _print_changes(call.out, groups, None)
    else:
        runs = _runs(store, older, newer)
        title = " → ".join(map(text.short_id, runs))
        _print_changes(call.out, [store.history.diff_runs(*runs)], title)


def _runs(store: "Store", *typed: str) -> list[str]:
    try:
        return [find_run(store, name).info.run_id for name in typed]
    except NotFoundError as error:
        if not any(is_moment(store, name) for name in typed):
            raise
        raise NotFoundError(
            f"{error.message}, and the log ends at position {store.events.head()}",
            hint="compare two moments or two runs; `eventtrack log` shows positions",
        ) from error


@command(
    "blame",
    "eventtrack blame 3f2a",
    "eventtrack blame 3f2a param.lr",
    "eventtrack blame models:/net/3 stage",
    "eventtrack blame experiment/iris",
)
@click.argument("subject", type=RUN)
@click.argument("key", required=False)
@pass_invocation
def blame(call: Invocation, subject: str, key: str | None) -> None:
    """Show who set each fact of a run or another subject, when, and with which program.

    SUBJECT is a run, experiment/NAME, a registered model (models:/NAME), one of its versions
    (models:/NAME/3, models:/NAME@alias), a logged model (model/m-...), trace/ID or
    dataset/ID. A registered model has the facts of its versions as version.3.stage.

    KEY is a fact as the first column shows it (param.lr, tag.stage, status), or its last part.
    Without KEY the list leaves out the tracker's own tags and all but the newest point of each
    metric; JSON has everything.

    JSON: a list of facts with fact, before, after, address, recorded_ms, arrived_ms (null if
    the event was recorded here or its arrival is not known), recorded_here, session (an object,
    or null if it is not known) and reason (null if none was given).
    """
    store = call.open()
    name = find_subject(store, subject)
    lines = _of_key(store.history.blame(name), key)
    if key is not None and not lines:
        raise NotFoundError(
            f"The history of {short_stream(name)} has no fact {key!r}",
            hint=f"`eventtrack blame {short_stream(name)}` lists all of them",
        )
    if call.out.json:
        call.out.document([_blame_json(line) for line in lines])
    else:
        shown = lines if key else _telling(lines)
        _draw_blame(call.out, shown)
        if len(shown) < len(lines):
            hidden = text.count(len(lines) - len(shown), "more line")
            call.out.note(f"{hidden}: earlier points and tags of the tracker; with a KEY or --json")


@command("undo", "eventtrack undo 41.0", 'eventtrack undo 41.0 --yes --reason "wrong run"')
@click.argument("address")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@reason_option
@pass_invocation
def undo(call: Invocation, address: str, yes: bool) -> None:
    """Append the inverse of an event: the tag's old value, a restore for a delete.

    The log keeps both the event and its inverse. Some events cannot be undone; the error says
    why.

    JSON: a list of the events appended, as in `log` (needs --yes).
    """
    store = call.open()
    if call.out.json and not yes:
        raise click.UsageError("--json does not ask; add --yes.")
    planned = store.history.plan(address)
    if not call.out.json:
        call.out.line(Styled("The event", "bold"))
        for event in store.events.get(address):
            call.out.line("  ", *event_parts(event, address_width=len(event.address)))
        call.out.line(Styled("would be undone by" if not yes else "is undone by", "bold"))
        for event in planned.events:
            call.out.line("  ", *event_body(event))
        for name, reason in planned.stays.items():
            call.out.note(text.clean(f"{name} {reason}: it stays as it is"))
    if not yes and not click.confirm("Append this?", default=False, err=True):
        call.out.note("Nothing was appended.")
        return
    appended = store.history.undo(address)
    if call.out.json:
        call.out.document([event.to_dictionary() for event in appended])
        return
    addresses = ", ".join(event.address for event in appended)
    call.out.line(Styled(f"Appended as {addresses}; the log keeps both.", "green"))


def _print_changes(out: Output, groups: Iterable[list["Change"]], title: str | None) -> None:
    """Print the changes of one subject after the other; `title` stands for the subject of two runs.

    Only those of one subject are in memory.
    """
    if out.json:
        out.documents(chain.from_iterable(groups))
        return
    hidden = drawn = 0
    for changes in groups:
        shown = [change for change in changes if not change.fact.startswith(_TRACKER_TAGS)]
        hidden += len(changes) - len(shown)
        if shown:
            if drawn:
                out.line("")
            drawn += 1
            _draw_changes(out, shown, title or short_stream(shown[0].subject))
    if hidden:
        out.note(
            f"{text.count(hidden, 'change')} of the tracker's own tags left out; --json has them"
        )
    elif not drawn:
        out.note("No difference.")


def _draw_changes(out: Output, changes: list["Change"], title: str) -> None:
    """Draw the changes of one subject under its title."""
    width = min(40, max(text.cell_width(text.clean(change.fact)) for change in changes))
    # Every run and experiment has a lifecycle: it is added when the run or experiment is.
    born = any(change.kind == "added" and change.fact == "lifecycle" for change in changes)
    out.line(Styled(text.clean(title), "bold"), Styled("  new" if born else "", "green"))
    for change in changes:
        sign, style = _SIGNS.get(change.kind, ("?", ""))
        fact = text.pad(text.clean(change.fact), width)
        author = Styled(f"  {_author(out, change)}" if change.address else "", "dim")
        out.line(Styled(f"  {sign} {fact}  ", style), *_before_and_after(change), author)


def _author(out: Output, change: "Change") -> str:
    """The author and time of a change: `ada@ship train.py, 2 h ago (arrived 5 min ago), 41.0`."""
    time = text.relative_time if out.is_terminal else text.local_time
    when = time(change.recorded_ms) if change.recorded_ms is not None else "?"
    arrived = ""
    if change.arrived_ms is not None:
        arrived = f" (arrived {time(change.arrived_ms)})"
    elif change.recorded_here is False:
        arrived = " (arrival unknown)"
    because = f": {text.clean(change.reason)}" if change.reason is not None else ""
    who = session_line(change.session, brief=True)
    return f"{who}, {when}{arrived}, {change.address}{because}"


def _before_and_after(change: "Change") -> list[Cell]:
    before, after = _shown(change.fact, change.before), _shown(change.fact, change.after)
    if change.kind == "added":
        return [after]
    if change.kind == "removed":
        return [before]
    return [Styled(before, "dim"), " → ", after]


def _of_key(lines: list["BlameLine"], key: str | None) -> list["BlameLine"]:
    if key is None:
        return lines
    exact = [line for line in lines if line.fact == key]
    return exact or [line for line in lines if line.fact.partition(".")[2] == key]


def _telling(lines: list["BlameLine"]) -> list["BlameLine"]:
    """The lines without the tracker's own tags, and with only the newest point of each metric."""
    newest = {line.fact: line for line in lines if line.fact.startswith("metric.")}
    return [
        line
        for line in lines
        if newest.get(line.fact, line) is line and not line.fact.startswith(_TRACKER_TAGS)
    ]


def _blame_json(line: "BlameLine") -> dict[str, Any]:
    return {
        "fact": line.fact,
        "before": line.before,
        "after": line.after,
        "address": line.event.address,
        "recorded_ms": line.event.recorded_ms,
        "arrived_ms": line.event.arrived_ms,
        "recorded_here": line.event.recorded_here,
        "session": line.session,
        "reason": line.event.reason,
    }


def _shown(name: str, value: str | None) -> str:
    if name.endswith("_time") and value is not None:
        return text.local_time(int(value))
    return text.value(value)


def _arrived(line: "BlameLine", time: Callable[[int], str]) -> str:
    if line.event.recorded_here:
        return "here"
    return "unknown" if line.event.arrived_ms is None else time(line.event.arrived_ms)


def _draw_blame(out: Output, lines: list["BlameLine"]) -> None:
    from_elsewhere = not all(line.event.recorded_here for line in lines)
    explained = any(line.event.reason is not None for line in lines)
    columns = [
        Column("fact", style="bold", width_max=30),
        Column("value", width_max=30),
        Column("before", style="dim", width_max=20, rank=2),
        Column("event", style="cyan"),
        Column("recorded", rank=1),
        *([Column("arrived", rank=3)] if from_elsewhere else []),
        Column("by", width_max=60),
        *([Column("reason", width_max=60)] if explained else []),
    ]
    time = text.relative_time if out.is_terminal else text.local_time
    rows: list[list[Cell]] = [
        [
            text.clean(line.fact),
            _shown(line.fact, line.after),
            _shown(line.fact, line.before),
            line.event.address,
            time(line.event.recorded_ms),
            *([_arrived(line, time)] if from_elsewhere else []),
            session_line(line.session, brief=True),
            *([text.clean(line.event.reason or "")] if explained else []),
        ]
        for line in lines
    ]
    out.table(columns, rows)
