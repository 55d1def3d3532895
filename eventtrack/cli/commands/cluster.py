"""`eventtrack cluster`: the log that several servers share."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, LazyNames, examples, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.sync_report import progress_bars
from eventtrack.cli.tables import Styled
from eventtrack.errors import CorruptionError

if TYPE_CHECKING:
    from eventtrack.sharedlog.checking import Fault

_SHOWN_MAX = 20
_URL = click.argument("url")


class ClusterGroup(LazyNames):
    """The group of commands of shared logs; some have modules of their own."""

    lazy_targets: ClassVar[Mapping[str, str]] = {
        "key": "eventtrack.cli.commands.cluster_key:key",
        "status": "eventtrack.cli.commands.cluster_status:status",
    }


@click.group(
    "cluster",
    cls=ClusterGroup,
    epilog=examples(
        "eventtrack cluster init postgresql://tracking@db.example/lab",
        "eventtrack cluster status nats://n1.example,n2.example,n3.example/lab",
    ),
)
def cluster() -> None:
    """Keep the log that several servers share: make, show, check, repair and move it.

    The log is in PostgreSQL (postgresql://), NATS JetStream (nats://) or a bucket (s3://).
    """


@cluster.command(
    "init",
    epilog=examples(
        "eventtrack cluster init postgresql://tracking@db.example/lab",
        'eventtrack cluster init "nats://n1.example,n2.example,n3.example/lab?monitor=8222"',
        "eventtrack cluster init s3://lab-runs/log --artifacts s3://lab-runs/artifacts",
    ),
)
@_URL
@click.option(
    "--replicas", default=3, show_default=True, metavar="N", help="Copies of the log in JetStream."
)
@click.option("--artifacts", metavar="URL", help="Where artifacts are kept, as s3://BUCKET/PREFIX.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of the key that gives tokens; made if it is missing.  [default: a new key, "
    "below EVENTTRACK_STATE]",
)
@click.option(
    "--risky", is_flag=True, help="Make it though the engine may lose what it acknowledged."
)
@pass_invocation
def init(
    call: Invocation,
    url: str,
    replicas: int,
    artifacts: str | None,
    key_file: Path | None,
    risky: bool,
) -> None:
    """Make a new shared log, and the key that gives tokens for its servers.

    Settings with which the engine may lose what it acknowledged are refused, with what to change.

    JSON: an object with url, id, created_ms, format, artifacts, access_key (public) and key_file.
    """
    from eventtrack.cli.commands.cluster_status import described
    from eventtrack.cli.shared_tokens import key_for_log
    from eventtrack.cluster.tokens import public_key
    from eventtrack.sharedlog.making import make_shared_log

    is_kept = key_file is not None and key_file.exists()
    private, path = key_for_log(key_file)
    try:
        log = make_shared_log(
            url,
            replicas=replicas,
            artifacts=artifacts,
            access_key=public_key(private),
            risky=risky,
        )
    except BaseException:
        if not is_kept:
            path.unlink(missing_ok=True)
        raise
    with contextlib.closing(log):
        if call.out.json:
            call.out.document({**described(log), "key_file": str(path)})
        else:
            address = text.clean(log.url)
            call.out.wrapped(f"{address} is a shared log. Start servers on it:")
            call.out.wrapped(f"  eventtrack server --cluster {address}")
            call.out.wrapped("Give tokens for all of them:")
            call.out.wrapped(f"  eventtrack token create NAME --cluster {address}")
            call.out.note(f"{text.clean(str(path))} is the key for that: keep a copy, and secret.")


@cluster.command(
    "check",
    epilog=examples(
        "eventtrack cluster check postgresql://tracking@db.example/lab",
        "eventtrack cluster check s3://lab-runs/log --against /var/lib/eventtrack",
    ),
)
@_URL
@click.option(
    "--against",
    "copies",
    multiple=True,
    metavar="COPY",
    help="A server's folder, a store or a remote, which may have what the log lost at its end.",
)
@pass_invocation
def check(call: Invocation, url: str, copies: tuple[str, ...]) -> None:
    """Read a whole shared log, prove each block, and name what was lost, altered or doubled.

    A log proves its feeds up to their last blocks. What is missing at the end, as after a return to
    a backup, shows only --against a copy. In JetStream each node's own files are read. The exit
    code is 8 if anything is wrong.

    JSON: an object with ok and faults, each with node, kind (damaged, lost, doubled, reordered or
    altered), feed, first, stop, place and what.
    """
    from eventtrack.cluster.copies import opened_copy
    from eventtrack.cluster.repairing import check_nodes
    from eventtrack.sharedlog.making import open_shared_log

    with contextlib.ExitStack() as opened:
        progress = opened.enter_context(progress_bars(call.out))
        log = opened.enter_context(contextlib.closing(open_shared_log(url)))
        against = [opened.enter_context(opened_copy(address, log)) for address in copies]
        faults, blocks = check_nodes(log, against, progress)
    _show_faults(call, faults, f"{text.count(blocks, 'block')} of {text.clean(log.url)} proved.")


@cluster.command(
    "repair",
    epilog=examples(
        "eventtrack cluster repair postgresql://tracking@db.example/lab --from /var/lib/eventtrack",
        "eventtrack cluster repair s3://lab-runs/log --from s3://backup/runs",
    ),
)
@_URL
@click.option(
    "--from",
    "copies",
    multiple=True,
    metavar="COPY",
    help="A server's folder, a store or a remote that may have what is missing.",
)
@pass_invocation
def repair(call: Invocation, url: str, copies: tuple[str, ...]) -> None:
    """Restore what the engine lost or altered from copies, each block proved by its neighbours.

    Stop the servers first, as each of them stopped to answer anyway. In JetStream the other nodes
    are copies too. Needs the rights of an administrator of the log. The exit code is 8 if anything
    is still wrong.

    JSON: as of `eventtrack cluster check`, and mended, places that were written, and appended, a
    number of envelopes.
    """
    from eventtrack.cluster.copies import opened_copy
    from eventtrack.cluster.repairing import repair as repair_log
    from eventtrack.sharedlog.making import open_shared_log

    with contextlib.ExitStack() as opened:
        progress = opened.enter_context(progress_bars(call.out))
        log = opened.enter_context(contextlib.closing(open_shared_log(url)))
        given = [opened.enter_context(opened_copy(address, log)) for address in copies]
        report = repair_log(log, given, progress)
    places = text.count(len(report.mended), "place")
    done = f"{places} restored, {text.count(report.appended, 'envelope')} appended."
    _show_faults(call, report.left, done, mended=report.mended, appended=report.appended)


@cluster.command(
    "erase", epilog=examples("eventtrack cluster erase postgresql://tracking@db.example/lab")
)
@_URL
@pass_invocation
def erase(call: Invocation, url: str) -> None:
    """Erase in the engine what redactions in the log order: `eventtrack redact`, `gc`.

    Servers obey a redaction when they read it; the engine holds the bytes until this is run. Needs
    the rights of an administrator of the log. May be stopped and run again.

    JSON: an object with blocks, those written anew, and envelopes, those that lost their payloads.
    """
    from eventtrack.cluster.erasing import erase as erase_in_log
    from eventtrack.sharedlog.making import open_shared_log

    with (
        progress_bars(call.out) as progress,
        contextlib.closing(open_shared_log(url)) as log,
    ):
        erased = erase_in_log(log, progress)
    if call.out.json:
        call.out.document(erased._asdict())
    else:
        payloads = text.count(erased.envelopes, "payload")
        call.out.wrapped(f"{payloads} erased in {text.count(erased.blocks, 'block')}.")


@cluster.command(
    "move",
    epilog=examples(
        "eventtrack cluster move .eventtrack postgresql://tracking@db.example/lab",
        "eventtrack cluster move postgresql://tracking@db.example/lab s3://lab-runs/log",
        "eventtrack cluster move nats://n1.example/lab ./runs",
    ),
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@pass_invocation
def move(call: Invocation, source: str, target: str) -> None:
    """Bring a store into a shared log, a shared log into another, or back into a folder.

    A log TO must have been made with `eventtrack cluster init`. Nothing is removed at FROM. A move
    that was stopped goes on when it is called again; so a first call may move most while servers
    still write, and a second the rest.

    JSON: an object with envelopes and artifacts, the numbers that this call moved, and
    artifacts_missing, those whose bytes were not at FROM.
    """
    from eventtrack.cluster.moving import move as move_log
    from eventtrack.sharedlog.addresses import without_password

    with progress_bars(call.out) as progress:
        moved = move_log(source, target, progress)
    if call.out.json:
        import msgspec

        call.out.document(msgspec.to_builtins(moved))
    else:
        shown = text.clean(without_password(target))
        call.out.wrapped(
            f"{text.count(moved.envelopes, 'envelope')} and "
            f"{text.count(moved.artifacts, 'artifact')} moved; {shown} has all of them now."
        )
        if moved.artifacts_missing:
            count = text.count(moved.artifacts_missing, "artifact")
            call.out.note(f"The bytes of {count} are not at {text.clean(source)}.")


def _show_faults(
    call: Invocation, faults: "list[tuple[str, Fault]]", done: str, **more: object
) -> None:
    import msgspec

    if call.out.json:
        rows = [{"node": node, **msgspec.to_builtins(fault)} for node, fault in faults]
        lists = msgspec.to_builtins(more)
        call.out.document({"ok": not faults, "faults": rows, **lists})
    else:
        call.out.wrapped(done)
        for node, fault in faults[:_SHOWN_MAX]:
            call.out.wrapped(Styled(text.clean(_told(node, fault)), "bold red"))
        if len(faults) > _SHOWN_MAX:
            call.out.note(f"and {len(faults) - _SHOWN_MAX:,} more; --json lists them")
        if faults:
            call.out.wrapped(
                "hint: `eventtrack cluster repair` restores it from a server's folder, a writer's "
                "store or a bucket"
            )
        else:
            call.out.line(Styled("Nothing is wrong.", "green"))
    if faults:
        click.get_current_context().exit(exit_code(CorruptionError))


def _told(node: str, fault: "Fault") -> str:
    where = f"node {node}, place {fault.place}" if node else f"place {fault.place}"
    if not fault.feed:
        return f"{fault.kind}: {where}: {fault.what}"
    envelopes = f"envelopes {fault.first} to {fault.stop - 1} of feed {fault.feed}"
    return f"{fault.kind}: {where}, {envelopes}: {fault.what}"
