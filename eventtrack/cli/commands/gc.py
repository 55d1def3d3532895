"""`eventtrack gc`: erase what was deleted."""

import re
from collections import Counter
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import EXPERIMENT, RUN, find_experiment, find_run
from eventtrack.cli.tables import Column

if TYPE_CHECKING:
    from eventtrack.store.garbage import Deleted, Found, Freed

# The ages of `mlflow gc`, and weeks.
_AGE = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNITS_MS = (604_800_000, 86_400_000, 3_600_000, 60_000, 1000)
_SHOWN_MAX = 20
_NOUNS = {
    "registered": "registered model",
    "model": "logged model",
    "dataset": "evaluation dataset",
}


def _age(context: click.Context, parameter: click.Parameter, value: str | None) -> int:
    """An age such as `30d` or `1d12h` in milliseconds."""
    match = _AGE.fullmatch(value or "")
    if value is not None and (not value or match is None):
        raise click.BadParameter("write an age as 30d, 12h or 1d12h30m")
    parts = match.groups() if match is not None else ()
    return sum(int(part or 0) * unit for part, unit in zip(parts, _UNITS_MS, strict=False))


@command(
    "gc",
    "eventtrack gc --dry-run",
    "eventtrack gc --older-than 30d",
    "eventtrack gc --run 3f2a --yes",
)
@click.option(
    "--older-than",
    metavar="AGE",
    default=None,
    callback=_age,
    help="Only things deleted at least that long ago, for example 30d or 12h.",
)
@click.option("--run", "runs", multiple=True, type=RUN, help="Only this run; may be repeated.")
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    type=EXPERIMENT,
    help="Only this experiment and its contents; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Show what would go, and erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_invocation
def gc(
    call: Invocation,
    older_than: int,
    runs: tuple[str, ...],
    experiments: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Erase what was deleted, for good; it cannot be restored afterwards.

    Erases deleted runs, experiments with their contents, logged and registered models, and traces,
    as `eventtrack redact` does: here, and on other machines when they sync. Files that nothing else
    names are erased too. Everything that a version of a registered model needs stays, and so does
    an experiment in which something stays. Children of an erased run stay too. End other processes
    that have the store open first.

    JSON: an object with garbage (a list of objects with kind, id, name, deleted_ms, children, bytes
    and elsewhere), kept (a list of objects with kind, id, name and reason), erased (a boolean),
    envelopes, payload_bytes, files and file_bytes (numbers: what was freed).
    """
    store = call.open()
    only = [f"run/{find_run(store, typed).info.run_id}" for typed in runs]
    only += [f"experiment/{find_experiment(store, typed).experiment_id}" for typed in experiments]
    finding = store.garbage.find(older_than_ms=older_than, only=only or None)
    if not call.out.json:
        _preview(call, finding)
    freed: Freed | None = None
    if finding.garbage and not dry_run:
        if not yes:
            question = f"Erase {_counted(finding.garbage)} for good?"
            click.confirm(question, abort=True, err=True)
        freed = store.garbage.erase(finding.garbage)
    _report(call, finding, freed)


def _preview(call: Invocation, finding: "Found") -> None:
    if not finding.garbage:
        call.out.note("Nothing that was deleted is to be erased.")
    else:
        columns = [
            Column("kind"),
            Column("id", style="cyan"),
            Column("name"),
            Column("deleted"),
            Column("size", right=True),
        ]
        rows = [
            [
                _NOUNS.get(item.kind, item.kind),
                text.short_id(item.id),
                text.clean(item.name),
                text.moment(item.deleted_ms),
                text.size(item.bytes),
            ]
            for item in finding.garbage[:_SHOWN_MAX]
        ]
        call.out.table(columns, rows)
        if len(finding.garbage) > _SHOWN_MAX:
            call.out.note(f"and {len(finding.garbage) - _SHOWN_MAX} more")
    for item in finding.garbage:
        if item.children:
            children = text.count(item.children, "run")
            call.out.note(f"run {text.short_id(item.id)} is the parent of {children}: those stay")
        if item.elsewhere:
            elsewhere = text.count(item.elsewhere, "file")
            call.out.note(
                f"{item.kind} {text.short_id(item.id)} has {elsewhere} in an artifact location "
                "outside of the store: delete those there"
            )
    for kept in finding.kept:
        noun = _NOUNS.get(kept.kind, kept.kind)
        call.out.note(f"{noun} {text.short_id(kept.id)} stays: {text.clean(kept.reason)}")


def _report(call: Invocation, finding: "Found", freed: "Freed | None") -> None:
    if call.out.json:
        numbers = {} if freed is None else freed.to_dictionary()
        numbers.pop("erased", None)
        fallback = dict.fromkeys(("envelopes", "payload_bytes", "files", "file_bytes"), 0)
        garbage = finding.garbage if freed is None else freed.erased
        call.out.document(
            {
                "garbage": [item.to_dictionary() for item in garbage],
                "kept": [item.to_dictionary() for item in finding.kept],
                "erased": freed is not None,
                **fallback,
                **numbers,
            }
        )
    elif freed is not None:
        call.out.line(
            f"Erased {_counted(freed.erased)}: {text.size(freed.payload_bytes)} of events, which "
            f"the log will use again, and {text.count(freed.files, 'file')} "
            f"({text.size(freed.file_bytes)}). Other machines follow when they sync."
        )


def _counted(garbage: "list[Deleted]") -> str:
    kinds = Counter(_NOUNS.get(item.kind, item.kind) for item in garbage)
    return ", ".join(text.count(amount, noun) for noun, amount in kinds.items())
