"""`eventtrack clone`: a new store with all that a remote has."""

from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.sync_report import (
    PULLED,
    print_report,
    progress_bars,
    selection,
    selection_options,
)


@command("clone", "eventtrack clone /mnt/usb/runs", "eventtrack clone /mnt/usb/runs ./runs")
@click.argument("url")
@click.argument("path", required=False)
@click.option("--no-artifacts", is_flag=True, help="Leave files out; a later sync brings them.")
@selection_options(PULLED)
@pass_invocation
def clone(
    call: Invocation,
    url: str,
    path: str | None,
    no_artifacts: bool,
    experiments: tuple[str, ...],
    runs: tuple[str, ...],
) -> None:
    """Make a new store at PATH with all that the remote at URL has, and call that remote origin.

    PATH is by default that of --store. Runs logged in the new store are its own: `eventtrack sync`
    gives them to the remote. With --experiment or --run only that part comes, now and with later
    syncs; `eventtrack pull --all` brings the rest.

    JSON: as of `eventtrack sync`.
    """
    from eventtrack.folders import resolve_path
    from eventtrack.sync import Ways
    from eventtrack.sync import clone as clone_store

    folder = Path(path).absolute() if path is not None else resolve_path(call.uri)
    with progress_bars(call.out) as progress:
        ways = Ways(artifacts=not no_artifacts, wanted=selection(experiments, runs))
        store, report = clone_store(url, folder, ways, progress)
    if not call.out.json:
        call.out.wrapped(f"{text.clean(str(store.path))} is a clone of {text.clean(url)}.")
    print_report(call.out, report)
