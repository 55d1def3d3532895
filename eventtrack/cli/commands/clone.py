"""`eventtrack clone`: a new store with all that a remote has."""

from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.sync_report import print_report, progress_bars


@command("clone", "eventtrack clone /mnt/usb/runs", "eventtrack clone /mnt/usb/runs ./runs")
@click.argument("url")
@click.argument("path", required=False)
@click.option("--no-artifacts", is_flag=True, help="Leave files out; a later sync brings them.")
@pass_invocation
def clone(call: Invocation, url: str, path: str | None, no_artifacts: bool) -> None:
    """Make a new store at PATH with all that the remote at URL has, and call that remote origin.

    PATH is --store or its defaults where it is not given. What is logged there is the new store's
    own: `eventtrack sync` gives it back to the remote.

    JSON: as of `eventtrack sync`.
    """
    from eventtrack.store.location import resolve_path
    from eventtrack.sync import Ways
    from eventtrack.sync import clone as clone_store

    folder = Path(path).absolute() if path is not None else resolve_path(call.uri)
    with progress_bars(call.out) as progress:
        store, report = clone_store(url, folder, Ways(artifacts=not no_artifacts), progress)
    if not call.out.json:
        call.out.wrapped(f"{text.clean(str(store.path))} is a clone of {text.clean(url)}.")
    print_report(call.out, report)
