"""`eventtrack experiments`: list, show, create, rename, delete, restore."""

from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation, reason_option
from eventtrack.cli.output import Output
from eventtrack.cli.resolve import EXPERIMENT, find_experiment
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.views.records import Experiment, LifecycleStage

if TYPE_CHECKING:
    from eventtrack.views.queries.overview import ExperimentSummary

NO_EXPERIMENTS = (
    "No experiments yet. Try `eventtrack demo`, or `eventtrack experiments create NAME`."
)

# The stages that each view of the list shows.
_STAGES = {
    None: (LifecycleStage.ACTIVE,),
    "deleted": (LifecycleStage.DELETED,),
    "all": (LifecycleStage.ACTIVE, LifecycleStage.DELETED),
}


@click.group(
    "experiments",
    cls=Group,
    epilog=examples(
        "eventtrack experiments list",
        "eventtrack experiments show iris",
        "eventtrack experiments create digits --tag owner=ada",
    ),
)
def experiments() -> None:
    """List, show and edit experiments, the named groups that runs belong to."""


@experiments.command(
    "list",
    epilog=examples("eventtrack experiments list", "eventtrack experiments list --all --json"),
)
@click.option("--deleted", "view", flag_value="deleted", help="Only deleted experiments.")
@click.option("--all", "view", flag_value="all", help="Deleted experiments too.")
@pass_invocation
def list_experiments(call: Invocation, view: str | None) -> None:
    """List experiments, newest first, with their active runs and last activity.

    JSON: a list of experiments with experiment_id, name, artifact_location, lifecycle_stage, tags,
    creation_time, last_update_time, and only here with runs and running (numbers of active runs)
    and last_activity (the last change, or start or end of a run).
    """
    store = call.look()
    stages = _STAGES[view]
    listed = [
        summary
        for summary in store.overview.experiments()
        if summary.experiment.lifecycle_stage in stages
    ]
    listed.sort(key=_newest_first)
    if call.out.json:
        call.out.document([_summary_json(summary) for summary in listed])
    elif not listed:
        call.out.note(NO_EXPERIMENTS if view is None else "No such experiments.")
    else:
        _draw_table(call.out, listed)


@experiments.command(
    "show", epilog=examples("eventtrack experiments show iris", "eventtrack experiments show 0")
)
@click.argument("experiment", type=EXPERIMENT)
@pass_invocation
def show(call: Invocation, experiment: str) -> None:
    """Show one experiment and its newest runs.

    JSON: one experiment, as in `experiments list`.
    """
    from eventtrack.cli.run_table import draw_runs

    store = call.look()
    record = find_experiment(store, experiment)
    if call.out.json:
        call.out.document(_as_json(record))
        return
    out = call.out
    out.line(Styled(text.clean(record.name), "bold"))
    tags = text.summary(record.tags)
    pairs: list[tuple[str, Cell]] = [
        ("id", Styled(record.experiment_id, "cyan")),
        ("state", _stage(record)),
        ("created", text.moment(record.creation_time)),
        ("updated", text.moment(record.last_update_time)),
        ("artifacts", text.clean(record.artifact_location)),
    ]
    out.fields([*pairs, ("tags", tags)] if tags else pairs)
    runs = store.runs.search([record.experiment_id], max_results=10)
    if not runs:
        out.note("No active runs in this experiment.")
        return
    out.title("newest runs")
    draw_runs(out, runs, liveness=store.liveness)
    if runs.token is not None:
        out.note(f"There are more: eventtrack runs list -e {record.experiment_id}")


@experiments.command(
    "create",
    epilog=examples(
        "eventtrack experiments create digits",
        "eventtrack experiments create digits --tag owner=ada --tag stage=draft",
    ),
)
@click.argument("name")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag; may be repeated.")
@click.option("--artifact-location", metavar="URI", help="The place for files of its runs.")
@pass_invocation
def create(
    call: Invocation, name: str, tags: tuple[str, ...], artifact_location: str | None
) -> None:
    """Create an experiment.

    Makes the store if it does not exist.

    JSON: the experiment, as in `experiments list`.
    """
    pairs = [_key_and_value(tag) for tag in tags]
    store = call.open(create=True)
    identifier = store.experiments.create(name, artifact_location, dict(pairs))
    _answer(call.out, store.experiments.get(identifier), "Created")


@experiments.command("rename", epilog=examples("eventtrack experiments rename iris iris-2026"))
@click.argument("experiment", type=EXPERIMENT)
@click.argument("name")
@reason_option
@pass_invocation
def rename(call: Invocation, experiment: str, name: str) -> None:
    """Give an experiment another name.

    JSON: the experiment, as in `experiments list`.
    """
    store = call.open()
    identifier = find_experiment(store, experiment).experiment_id
    store.experiments.rename(identifier, name)
    _answer(call.out, store.experiments.get(identifier), "Renamed")


@experiments.command("delete", epilog=examples("eventtrack experiments delete iris"))
@click.argument("experiment", type=EXPERIMENT)
@reason_option
@pass_invocation
def delete(call: Invocation, experiment: str) -> None:
    """Delete an experiment and its runs.

    `restore` brings both back.

    JSON: the experiment, as in `experiments list`.
    """
    store = call.open()
    identifier = find_experiment(store, experiment).experiment_id
    store.experiments.delete(identifier)
    _answer(call.out, store.experiments.get(identifier), "Deleted")


@experiments.command("restore", epilog=examples("eventtrack experiments restore iris"))
@click.argument("experiment", type=EXPERIMENT)
@reason_option
@pass_invocation
def restore(call: Invocation, experiment: str) -> None:
    """Make a deleted experiment and its runs active again.

    JSON: the experiment, as in `experiments list`.
    """
    store = call.open()
    identifier = find_experiment(store, experiment).experiment_id
    store.experiments.restore(identifier)
    _answer(call.out, store.experiments.get(identifier), "Restored")


def _answer(out: Output, experiment: Experiment, verb: str) -> None:
    if out.json:
        out.document(_as_json(experiment))
    else:
        name = Styled(text.clean(experiment.name), "bold")
        out.line(f"{verb} experiment ", name, f" (id {experiment.experiment_id})")


def _as_json(experiment: Experiment) -> dict[str, object]:
    fields = experiment.to_dictionary()
    fields.pop("workspace", None)
    return fields


def _newest_first(summary: "ExperimentSummary") -> tuple[int, int, str]:
    # Ids are numbers as texts: "10" comes after "9".
    experiment = summary.experiment
    return -experiment.creation_time, len(experiment.experiment_id), experiment.experiment_id


def _summary_json(summary: "ExperimentSummary") -> dict[str, object]:
    counts = {name: getattr(summary, name) for name in ("runs", "running", "last_activity")}
    return {**_as_json(summary.experiment), **counts}


def _key_and_value(tag: str) -> tuple[str, str]:
    key, separator, value = tag.partition("=")
    if not separator or not key:
        raise click.BadParameter(f"{tag!r} is not KEY=VALUE", param_hint="--tag")
    return key, value


def _stage(experiment: Experiment) -> Cell:
    active = experiment.lifecycle_stage == LifecycleStage.ACTIVE
    return Styled(experiment.lifecycle_stage, "green" if active else "red")


def _draw_table(out: Output, summaries: list["ExperimentSummary"]) -> None:
    columns = [
        Column("id", style="cyan"),
        Column("name", style="bold", width_max=40),
        Column("state", rank=2),
        Column("runs", right=True),
        Column("running", right=True, rank=3),
        Column("created", rank=4),
        Column("last activity", rank=1),
        Column("tags", style="dim", rank=5),
    ]
    time = text.relative_time if out.is_terminal else text.local_time
    rows: list[list[Cell]] = [
        [
            summary.experiment.experiment_id,
            text.clean(summary.experiment.name),
            _stage(summary.experiment),
            text.count(summary.runs),
            text.count(summary.running) if summary.running else "-",
            time(summary.experiment.creation_time),
            time(summary.last_activity),
            text.summary(summary.experiment.tags),
        ]
        for summary in summaries
    ]
    out.table(columns, rows)
