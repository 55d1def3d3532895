"""`eventtrack models`: registered models, their versions, and their history."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.event_lines import print_event
from eventtrack.cli.tables import Cell, Column, Styled


@click.group(
    "models",
    cls=Group,
    epilog=examples("eventtrack models list", "eventtrack models show net"),
)
def models() -> None:
    """List and show registered models: names for models, with versions, aliases and stages."""


@models.command("list", epilog=examples("eventtrack models list", "eventtrack models list --json"))
@pass_invocation
def list_models(call: Invocation) -> None:
    """List registered models by name, without prompts.

    JSON: a list of models with name, registered_id, creation_timestamp, last_updated_timestamp,
    description, tags, aliases, latest_versions.
    """
    registered = list(call.look().registry.search(max_results=1000))
    if call.out.json:
        call.out.document(registered)
    elif not registered:
        call.out.note("No registered models yet: mlflow.register_model() makes one.")
    else:
        columns = [Column("name", style="bold"), Column("latest"), Column("aliases")]
        rows: list[list[Cell]] = [
            [
                text.clean(model.name),
                str(max((version.version for version in model.latest_versions), default="-")),
                ", ".join(f"{alias}={of}" for alias, of in sorted(model.aliases.items())),
            ]
            for model in registered
        ]
        call.out.table(columns, rows)


@models.command(
    "show", epilog=examples("eventtrack models show net", "eventtrack models show net --json")
)
@click.argument("name")
@pass_invocation
def show(call: Invocation, name: str) -> None:
    """Show the versions of a registered model.

    JSON: a list of versions with name, version, version_id, given, current_stage, source, location,
    run_id, model_id, tags, aliases and more.
    """
    versions = call.look().registry.versions(name)
    if call.out.json:
        call.out.document(versions)
        return
    columns = [
        Column("version", style="bold"),
        Column("stage"),
        Column("aliases", style="cyan"),
        Column("source"),
    ]
    rows: list[list[Cell]] = [
        [
            str(version.version),
            version.current_stage,
            Styled(", ".join(version.aliases), "cyan"),
            text.clean(version.source),
        ]
        for version in versions
    ]
    call.out.table(columns, rows)


@models.command(
    "history",
    epilog=examples("eventtrack models history net", "eventtrack models history net --json"),
)
@click.argument("name")
@pass_invocation
def history(call: Invocation, name: str) -> None:
    """Print every event of a registered model and its versions, in the order of the log.

    JSON: a list of events, as in `log`.
    """
    store = call.look()
    events = list(store.events.read(stream=store.registry.stream(name)))
    if call.out.json:
        call.out.document([event.to_dictionary() for event in events])
        return
    for event in events:
        print_event(call.out, event)
