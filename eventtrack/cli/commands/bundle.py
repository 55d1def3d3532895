"""`eventtrack bundle`: all that another machine lacks, in one file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.sync_report import print_report, progress_bars
from eventtrack.cli.tables import Cell

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.sync import BundleInfo
    from eventtrack.sync.protocol import FeedHead


@click.group(
    "bundle",
    cls=Group,
    epilog=examples(
        "eventtrack bundle create monday.bundle",
        "eventtrack bundle create friday.bundle --since monday.bundle",
        "eventtrack bundle apply monday.bundle",
    ),
)
def bundle() -> None:
    """Put into one file what another machine lacks, to mail it or to carry it by hand."""


_file = click.argument("file", type=click.Path(path_type=Path))


@bundle.command(
    "create",
    epilog=examples(
        "eventtrack bundle create all.bundle",
        "eventtrack bundle create friday.bundle --since monday.bundle",
        "eventtrack bundle create news.bundle --since origin",
    ),
)
@_file
@click.option(
    "--since", metavar="BUNDLE|REMOTE", help="Leave out all that this bundle or this remote has."
)
@click.option("--no-artifacts", is_flag=True, help="Leave files out.")
@pass_invocation
def create(call: Invocation, file: Path, since: str | None, no_artifacts: bool) -> None:
    """Write a new FILE with everything that this store holds, or with all that is new.

    JSON: as of `eventtrack bundle inspect`.
    """
    from eventtrack.sync import create_bundle

    store = call.open()
    known = [] if since is None else _known(store, since)
    with progress_bars(call.out) as progress:
        info = create_bundle(store, file, known, artifacts=not no_artifacts, progress=progress)
    _show(call, info)


@bundle.command("apply", epilog=examples("eventtrack bundle apply monday.bundle"))
@_file
@pass_invocation
def apply(call: Invocation, file: Path) -> None:
    """Take what FILE brings and this store lacks. Applying it again changes nothing.

    The whole file is verified before anything of it is taken.

    JSON: as of `eventtrack sync`.
    """
    from eventtrack.sync import apply_bundle

    store = call.open(create=True)
    with progress_bars(call.out) as progress:
        report = apply_bundle(store, file, progress)
    print_report(call.out, report)


@bundle.command("inspect", epilog=examples("eventtrack bundle inspect monday.bundle --json"))
@_file
@pass_invocation
def inspect(call: Invocation, file: Path) -> None:
    """Verify FILE; show its contents, and what a store must have before FILE can be applied.

    JSON: an object with created_ms, needs and brings (sizes of feeds by replica), and counts of
    envelopes, artifacts and bytes.
    """
    from eventtrack.sync import BundleRemote

    _show(call, BundleRemote(file).info())


def _known(store: "Store", since: str) -> "list[FeedHead]":
    """The heads of an earlier bundle, or of a remote."""
    import contextlib

    from eventtrack.sync import BundleRemote, Remotes, open_remote

    if Path(since).is_file():
        return BundleRemote(Path(since)).heads()
    address = Remotes(store.replication).resolve(since)
    with contextlib.closing(open_remote(address.url)) as remote:
        return remote.heads()


def _show(call: Invocation, info: "BundleInfo") -> None:
    if call.out.json:
        call.out.document(info.to_dictionary())
        return
    fields: list[tuple[str, Cell]] = [
        ("made", text.moment(info.created_ms)),
        ("holds", f"{text.count(info.envelopes, 'envelope')}, {text.size(info.bytes)}"),
        ("artifacts", text.count(info.artifacts)),
    ]
    fields += [
        ("feed", f"{replica}  {_span(info.needs.get(replica, 0), size)}")
        for replica, size in sorted(info.brings.items())
    ]
    call.out.fields(fields)


def _span(needs: int, brings: int) -> str:
    return f"up to {brings:,}" + (f", going on from {needs:,}" if needs else "")
