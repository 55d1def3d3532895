"""`eventtrack runs tag`, `rename`, `note` and `finish`: edits that people make to runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation, reason_option
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Styled
from eventtrack.clock import SystemClock
from eventtrack.errors import InvalidStateError
from eventtrack.tags import NOTE_TAG
from eventtrack.views.records import LifecycleStage, Run, RunStatus

if TYPE_CHECKING:
    from eventtrack.store import Store


@command(
    "tag",
    "eventtrack runs tag 3f2a stage=final owner=ada",
    'eventtrack runs tag 3f2a 91bc kept=yes --reason "goes into the paper"',
    "eventtrack runs tag 3f2a --remove stage",
)
@click.argument("words", metavar="RUN... KEY=VALUE...", nargs=-1, required=True, type=RUN)
@click.option("--remove", multiple=True, metavar="KEY", help="Remove a tag; may be repeated.")
@reason_option
@pass_invocation
def tag(call: Invocation, words: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Set and remove tags of runs.

    Words with a `=` are tags, all others are runs; name a run by its id if its name has a `=`.

    JSON: a list of the runs, as in `runs list`.
    """
    tags = dict(_pair(word) for word in words if "=" in word)
    typed = [word for word in words if "=" not in word]
    if not typed:
        raise click.UsageError("Name a run before the tags: runs tag RUN KEY=VALUE.")
    if not tags and not remove:
        raise click.UsageError("Give a tag as KEY=VALUE, or --remove KEY.")
    if both := sorted(tags.keys() & set(remove)):
        raise click.UsageError(f"Tag {both[0]!r} cannot be both set and removed.")
    store = call.open()
    runs = _active_runs(store, typed)
    for run in runs:
        if tags:
            store.runs.set_tags(run.info.run_id, tags)
        for key in remove:
            if key in run.data.tags:
                store.runs.delete_tag(run.info.run_id, key)
    _answer(call, store, runs, "Tagged")
    for key in remove:
        if lacking := sum(key not in run.data.tags for run in runs):
            call.out.note(f"{text.count(lacking, 'run')} without a tag {key!r}: nothing to remove")


@command("rename", 'eventtrack runs rename 3f2a baseline --reason "the others compare with it"')
@click.argument("run", type=RUN)
@click.argument("name")
@reason_option
@pass_invocation
def rename(call: Invocation, run: str, name: str) -> None:
    """Give a run another name.

    JSON: the run, as in `runs list`.
    """
    if not name:
        raise click.BadParameter("a name has at least one character", param_hint="NAME")
    store = call.open()
    [target] = _active_runs(store, [run])
    store.runs.update(target.info.run_id, name=name)
    changed = store.runs.get(target.info.run_id)
    if call.out.json:
        call.out.document(changed)
        return
    old, new = text.clean(target.info.run_name), Styled(text.clean(name), "bold")
    call.out.line(f"Renamed run {old} to ", new, f" ({target.info.run_id})")


@command(
    "note",
    'eventtrack runs note 3f2a "diverged after the warm-up"',
    'eventtrack runs note 3f2a "$(cat notes.md)"',
    'eventtrack runs note 3f2a ""',
)
@click.argument("run", type=RUN)
@click.argument("words", metavar="TEXT")
@reason_option
@pass_invocation
def note(call: Invocation, run: str, words: str) -> None:
    """Write a run's note, which the pages and `runs show` show.

    TEXT is Markdown and replaces the note that the run has; an empty TEXT removes it.

    JSON: the run, as in `runs list`.
    """
    store = call.open()
    [target] = runs = _active_runs(store, [run])
    run_id = target.info.run_id
    if words:
        store.runs.set_tags(run_id, {NOTE_TAG: words})
    elif NOTE_TAG in target.data.tags:
        store.runs.delete_tag(run_id, NOTE_TAG)
    if call.out.json:
        call.out.document(store.runs.get(run_id))
    else:
        _answer(call, store, runs, "Noted on" if words else "Removed the note of")


@command(
    "finish",
    "eventtrack runs finish 3f2a",
    'eventtrack runs finish 3f2a 91bc --status KILLED --reason "the machine went away"',
)
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option(
    "--status",
    type=click.Choice([RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED]),
    default=RunStatus.FINISHED,
    show_default=True,
    help="The status that the runs end with.",
)
@reason_option
@pass_invocation
def finish(call: Invocation, run: tuple[str, ...], status: str) -> None:
    """End runs that were never ended.

    A run ends now, or at its last sign of life if its process is gone. A run that has ended keeps
    its end and gets the status. No process is stopped.

    JSON: a list of the runs, as in `runs list`.
    """
    store = call.open()
    runs = _active_runs(store, run)
    for target in runs:
        end_ms = None if target.info.end_time else _end_ms(store, target)
        store.runs.update(target.info.run_id, status=status, end_time=end_ms)
    _answer(call, store, runs, "Ended")


def _active_runs(store: "Store", typed: Sequence[str]) -> list[Run]:
    """The runs that were typed, each once: all of them, or an error before anything changes.

    Raises:
        InvalidStateError: A run is deleted.
    """
    runs = list({(run := find_run(store, words)).info.run_id: run for words in typed}.values())
    for run in runs:
        if run.info.lifecycle_stage != LifecycleStage.ACTIVE:
            raise InvalidStateError(
                f"cannot edit run {run.info.run_name!r} ({run.info.run_id}): it is deleted",
                hint=f"nothing was changed; run `eventtrack runs restore "
                f"{text.short_id(run.info.run_id)}` first",
            )
    return runs


def _end_ms(store: "Store", run: Run) -> int:
    life = store.liveness.of(run.info.run_id)
    if life is not None and life.state == "gone":
        return max(life.last_ms, run.info.start_time)
    return SystemClock().now_ms()


def _pair(word: str) -> tuple[str, str]:
    key, _, value = word.partition("=")
    return key, value


def _answer(call: Invocation, store: "Store", runs: list[Run], verb: str) -> None:
    if call.out.json:
        call.out.document([store.runs.get(run.info.run_id) for run in runs])
        return
    for run in runs:
        name = Styled(text.clean(run.info.run_name), "bold")
        call.out.line(f"{verb} run ", name, f" ({run.info.run_id})")
