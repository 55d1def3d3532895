"""`eventtrack cluster status`: a shared log, its engine, and how far all are who use it."""

import contextlib
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Command, Invocation, examples, pass_invocation
from eventtrack.cli.tables import Cell, Column, Styled

if TYPE_CHECKING:
    from eventtrack.cluster.servers import ServerLag, WriterLag
    from eventtrack.sharedlog.protocol import SharedLog

# Blocks by which a server is behind are counted so far.
_COUNTED_MAX = 512


@click.command(
    "status",
    cls=Command,
    epilog=examples(
        "eventtrack cluster status postgresql://tracking@db.example/lab",
        "eventtrack cluster status postgresql://db.example/lab --against /var/lib/eventtrack",
    ),
)
@click.argument("url")
@click.option(
    "--against",
    "copies",
    multiple=True,
    metavar="COPY",
    help="A server's folder, a store or a remote: how far it and the log are apart.",
)
@pass_invocation
def status(call: Invocation, url: str, copies: tuple[str, ...]) -> None:
    """Show a shared log: its engine, nodes, size and risks, and how far servers and writers are.

    A server says every few seconds how far it has read, a writer without a server how much it has
    yet to publish. In JetStream those that answer now are shown, elsewhere those of the last day.

    JSON: as of `eventtrack cluster init`, and engine, blocks, bytes, end (a place), nodes, each
    with name, role and trouble, and risks, texts; servers, each with name, place, at_ms and behind
    (blocks, at most 512); writers, each with name, feed, unpublished (envelopes) and at_ms; copies,
    each with name and feeds that are apart, each with feed and the sizes here (in the copy) and
    there (in the log).
    """
    from eventtrack.cluster.copies import lags, opened_copy
    from eventtrack.cluster.servers import lags_of
    from eventtrack.sharedlog.making import open_shared_log

    with contextlib.ExitStack() as opened:
        log = opened.enter_context(contextlib.closing(open_shared_log(url)))
        against = [opened.enter_context(opened_copy(address, log)) for address in copies]
        state, end = log.state(), log.end()
        apart = [(copy.name, lags(log, copy)) for copy in against]
        announced = lags_of(log)
        if call.out.json:
            import msgspec

            rows = [{"name": name, "feeds": msgspec.to_builtins(feeds)} for name, feeds in apart]
            facts = {"end": end, **msgspec.to_builtins(state), "copies": rows}
            facts |= msgspec.to_builtins(announced._asdict())
            call.out.document({**described(log), **facts})
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
        if announced.servers:
            call.out.table(*_drawn_servers(announced.servers))
        if announced.writers:
            call.out.table(*_drawn_writers(announced.writers))
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


def described(log: "SharedLog") -> dict[str, object]:
    """The facts that stand beside a log, for `--json`."""
    description = log.description
    return {
        "url": log.url,
        "id": description.id,
        "created_ms": description.created_ms,
        "format": description.format,
        "artifacts": description.artifacts,
        "access_key": description.access_key,
    }


def _drawn_servers(servers: "list[ServerLag]") -> "tuple[list[Column], list[list[Cell]]]":
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


def _drawn_writers(writers: "list[WriterLag]") -> "tuple[list[Column], list[list[Cell]]]":
    """Writers as a table, by what they said last."""
    columns = [Column("writer"), Column("feed"), Column("to publish", right=True), Column("said")]
    return columns, [
        [
            text.clean(writer.name),
            text.clean(writer.feed[:12]),
            text.count(writer.unpublished, "envelope") if writer.unpublished else "none",
            text.moment(writer.at_ms),
        ]
        for writer in writers
    ]
