"""`eventtrack cluster`: the log that several servers share."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.sync_report import progress_bars
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.errors import CorruptionError

if TYPE_CHECKING:
    from eventtrack.cluster.servers import ServerLag
    from eventtrack.sharedlog.checking import Fault
    from eventtrack.sharedlog.protocol import SharedLog

_SHOWN_MAX = 20
# Blocks by which a server is behind are counted so far.
_COUNTED_MAX = 512
_URL = click.argument("url")


@click.group(
    "cluster",
    cls=Group,
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
    from eventtrack.cli.shared_tokens import key_for_new_log
    from eventtrack.cluster.tokens import public_key
    from eventtrack.sharedlog.making import make_shared_log

    is_kept = key_file is not None and key_file.exists()
    private, path = key_for_new_log(key_file)
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
            call.out.document({**_described(log), "key_file": str(path)})
        else:
            address = text.clean(log.url)
            call.out.wrapped(f"{address} is a shared log. Start servers on it:")
            call.out.wrapped(f"  eventtrack server --cluster {address}")
            call.out.wrapped("Give tokens for all of them:")
            call.out.wrapped(f"  eventtrack token create NAME --cluster {address}")
            call.out.note(f"{text.clean(str(path))} is the key for that: keep a copy, and secret.")


@cluster.command(
    "status",
    epilog=examples(
        "eventtrack cluster status postgresql://tracking@db.example/lab",
        "eventtrack cluster status postgresql://db.example/lab --against /var/lib/eventtrack",
    ),
)
@_URL
@click.option(
    "--against",
    "copies",
    multiple=True,
    metavar="COPY",
    help="A server's folder, a store or a remote: how far it and the log are apart.",
)
@pass_invocation
def status(call: Invocation, url: str, copies: tuple[str, ...]) -> None:
    """Show a shared log: its engine, nodes, size and risks, and how far its servers are.

    A server says every few seconds how far it has read. In JetStream only servers that answer now
    are shown, elsewhere those of the last day.

    JSON: as of `eventtrack cluster init`, and engine, blocks, bytes, end (a place), nodes, each
    with name, role and trouble, and risks, texts; servers, each with name, place, at_ms and behind
    (blocks, at most 512); copies, each with name and feeds that are apart, each with feed and the
    sizes here (in the copy) and there (in the log).
    """
    from eventtrack.cluster.copies import lags, opened_copy
    from eventtrack.cluster.servers import servers_of
    from eventtrack.sharedlog.making import open_shared_log

    with contextlib.ExitStack() as opened:
        log = opened.enter_context(contextlib.closing(open_shared_log(url)))
        against = [opened.enter_context(opened_copy(address, log)) for address in copies]
        state, end = log.state(), log.end()
        apart = [(copy.name, lags(log, copy)) for copy in against]
        servers = servers_of(log)
        if call.out.json:
            import msgspec

            rows = [{"name": name, "feeds": msgspec.to_builtins(feeds)} for name, feeds in apart]
            facts = {"end": end, **msgspec.to_builtins(state), "copies": rows}
            facts["servers"] = msgspec.to_builtins(servers)
            call.out.document({**_described(log), **facts})
            return
        made = text.moment(log.description.created_ms)
        call.out.wrapped(f"{text.clean(log.url)} in {text.clean(state.engine)}, made {made}:")
        call.out.wrapped(
            f"{text.count(state.blocks, 'block')}, {text.size(state.bytes)}, end at place {end:,}; "
            f"artifacts in {text.clean(log.description.artifacts or 'the engine itself')}."
        )
        if state.nodes:
            columns = [Column("node"), Column("role"), Column("trouble")]
            call.out.table(
                columns,
                [
                    [text.clean(node.name), node.role, text.clean(node.trouble)]
                    for node in state.nodes
                ],
            )
        if servers:
            call.out.table(*_drawn(servers))
        for name, feeds in apart:
            if not feeds:
                call.out.wrapped(f"{text.clean(name)} has all that the log has of its feeds.")
                continue
            columns = [Column("feed"), Column("in the copy", right=True)]
            call.out.wrapped(f"{text.clean(name)} and the log are apart:")
            call.out.table(
                [*columns, Column("in the log", right=True)],
                [[lag.feed, f"{lag.here:,}", f"{lag.there:,}"] for lag in feeds],
            )
        for risk in state.risks:
            call.out.wrapped(Styled(f"risk: {text.clean(risk)}", "yellow"))


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


def _drawn(servers: "list[ServerLag]") -> "tuple[list[Column], list[list[Cell]]]":
    """Servers as a table: an announcement is some seconds old, and the log went on since."""
    columns = [Column("server"), Column("read up to", right=True), Column("behind", right=True)]
    rows: list[list[Cell]] = []
    for server in servers:
        more = " or more" if server.behind >= _COUNTED_MAX else ""
        behind = f"{text.count(server.behind, 'block')}{more}" if server.behind else "none"
        rows.append(
            [text.clean(server.name), f"{server.place:,}", behind, text.moment(server.at_ms)]
        )
    return [*columns, Column("said")], rows


def _described(log: "SharedLog") -> dict[str, object]:
    description = log.description
    return {
        "url": log.url,
        "id": description.id,
        "created_ms": description.created_ms,
        "format": description.format,
        "artifacts": description.artifacts,
        "access_key": description.access_key,
    }


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
