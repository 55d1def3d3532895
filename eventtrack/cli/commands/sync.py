"""`eventtrack sync`, `pull`, `push`: exchange with a remote."""

import os
import threading
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.sync_report import (
    PULLED,
    print_report,
    print_trouble,
    progress_bars,
    selection,
    selection_options,
)
from eventtrack.cli.tables import Styled

if TYPE_CHECKING:
    from eventtrack.sync import Ways

_remote = click.argument("remote", required=False)
_no_artifacts = click.option(
    "--no-artifacts", is_flag=True, help="Leave files out; a later sync brings them."
)


@command(
    "sync",
    "eventtrack sync",
    "eventtrack sync origin --json",
    "eventtrack sync /mnt/usb/runs",
    "eventtrack sync cluster --follow",
)
@_remote
@_no_artifacts
@selection_options(PULLED)
@click.option("--follow", is_flag=True, help="Go on at each change, until interrupted.")
@click.option(
    "--stdio", is_flag=True, help="Serve this store to a peer on standard input and output."
)
@pass_invocation
def sync(
    call: Invocation,
    remote: str | None,
    no_artifacts: bool,
    experiments: tuple[str, ...],
    runs: tuple[str, ...],
    follow: bool,
    stdio: bool,
) -> None:
    """Exchange with REMOTE what either side lacks: pull, then push.

    REMOTE is a name (`eventtrack remote list`) or a URL; by default the store's only remote, or the
    remote called origin. A sync may be interrupted at any instant and repeated: run ids stay,
    nothing is doubled, and if nothing is missing nothing happens.

    JSON: an object with pulled and pushed, each with feeds, envelopes, events, bytes, artifacts,
    artifact_bytes and artifacts_missing; and forks, texts about feeds with two histories.
    With --follow one such object a line, for the first round and each round that moved something.
    Trouble then ends nothing: standard error tells when it begins and when it ends.
    """
    if stdio:
        _serve(call)
        return
    from eventtrack.sync import Ways

    ways = Ways(artifacts=not no_artifacts, wanted=selection(experiments, runs))
    if follow:
        _follow(call, remote, ways)
    else:
        _exchange(call, remote, ways)


@command("pull", "eventtrack pull", "eventtrack pull --experiment mnist")
@_remote
@_no_artifacts
@selection_options(PULLED)
@click.option("--all", "everything", is_flag=True, help="Also all that was left out so far.")
@pass_invocation
def pull(
    call: Invocation,
    remote: str | None,
    no_artifacts: bool,
    experiments: tuple[str, ...],
    runs: tuple[str, ...],
    everything: bool,
) -> None:
    """Take from REMOTE what it has and this store lacks.

    A later pull can bring the rest: name more experiments and runs, or use --all.

    JSON: as of `eventtrack sync`.
    """
    from eventtrack.sync import Selection, Ways

    wanted = Selection() if everything else selection(experiments, runs)
    ways = Ways(push=False, artifacts=not no_artifacts, wanted=wanted)
    _exchange(call, remote, ways)


@command(
    "push",
    "eventtrack push",
    "eventtrack push /mnt/usb/runs",
    "eventtrack push lab --experiment mnist",
)
@_remote
@_no_artifacts
@selection_options("Give only what is in this experiment, and of all else the headers")
@pass_invocation
def push(
    call: Invocation,
    remote: str | None,
    no_artifacts: bool,
    experiments: tuple[str, ...],
    runs: tuple[str, ...],
) -> None:
    """Give REMOTE what this store has and REMOTE lacks. Makes a folder that does not exist.

    The next push without --experiment and --run brings the rest. Only a store (ssh:// and https://)
    can be given a part: a folder or a bucket could not be given the rest later.

    JSON: as of `eventtrack sync`.
    """
    from eventtrack.sync import Selection, Ways

    given = selection(experiments, runs) or Selection()
    _exchange(call, remote, Ways(pull=False, artifacts=not no_artifacts, given=given))


def _exchange(call: Invocation, remote: str | None, ways: "Ways") -> None:
    from eventtrack.sync import synchronize

    store = call.open()
    with progress_bars(call.out) as progress:
        report = synchronize(store, remote, ways, progress)
    print_report(call.out, report)


def _follow(call: Invocation, remote: str | None, ways: "Ways") -> None:
    from eventtrack.sync import Remotes, SyncReport, follow

    store = call.open()
    name = remote or Remotes(store.replication).resolve(remote).name
    for news in follow(store, remote, ways, stop=threading.Event()):
        if not isinstance(news, SyncReport):
            print_trouble(name, news)
        elif call.out.json:
            call.out.json_line(news.to_dictionary())
        else:
            call.out.line(Styled(text.local_time(text.now_ms())[11:], "dim"))
            print_report(call.out, news)
            call.out.stream.flush()


def _serve(call: Invocation) -> None:
    """Serve a peer on standard input and output: ssh starts this on the other machine."""
    from eventtrack.folders import resolve_path
    from eventtrack.store import Store, open_store
    from eventtrack.sync import serve

    # Only messages of the protocol go to standard output; all prints go to standard error.
    with os.fdopen(os.dup(1), "wb") as sink, os.fdopen(os.dup(0), "rb") as source:
        os.dup2(2, 1)

        def opened(create: bool) -> Store:
            return open_store(resolve_path(call.uri), source="sync", create=create)

        serve(opened, source, sink)
