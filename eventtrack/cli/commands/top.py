"""`eventtrack top`: runs, curves and consoles in the terminal, as they grow."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.output import is_terminal
from eventtrack.cli.resolve import EXPERIMENT
from eventtrack.errors import CorruptionError, UsageError
from eventtrack.folders import chosen_uri, is_server_uri
from eventtrack.views.filters.plain import filter_of
from eventtrack.views.filters.trees import parse_run_filter

if TYPE_CHECKING:
    from eventtrack.cli.top.sources import Source

# The screen before, the cursor, no mouse, no bracketed paste (xterm's control sequences).
_AS_BEFORE = "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l"


@command(
    "top",
    "eventtrack top",
    "eventtrack top digits --sort 'val_loss ASC'",
    "eventtrack top --filter 'metrics.loss < 0.1'",
    "eventtrack top --store https://tracking.example:5000",
)
@click.argument("experiments", metavar="[EXPERIMENT]...", nargs=-1, type=EXPERIMENT)
@click.option("--filter", "filter_string", default="", help="As FILTER of `runs search`.")
@click.option(
    "-o",
    "--sort",
    "order_by",
    multiple=True,
    metavar="KEY [ASC|DESC]",
    help="Sort by a metric, param, tag or attribute; may be repeated.",
)
@pass_invocation
def top(
    call: Invocation, experiments: tuple[str, ...], filter_string: str, order_by: tuple[str, ...]
) -> None:
    """Show runs, curves, load and consoles in the terminal, as they grow.

    Works over ssh, with keys or the mouse; `?` shows all keys. --store may be the URL of a server.
    Needs textual: `pip install 'eventtrack[top]'`.

    JSON: none; `eventtrack runs list --json` is for programs.
    """
    _require_textual()
    # An error of the call is told before the screen is taken.
    parse_run_filter(filter_of(filter_string), numbers=True)
    if call.out.json or not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise click.UsageError(
            "top draws on a terminal; `eventtrack runs list --json` is for programs."
        )
    with _terminal_as_before():
        source = _source(call)
        from eventtrack.cli.top.application import Top
        from eventtrack.cli.top.sources import chosen

        try:
            chosen(source.experiments(), experiments)
            Top(source, experiments, filter_string=filter_string, order_by=order_by).run()
        finally:
            source.close()


def _require_textual() -> None:
    from importlib.util import find_spec

    if find_spec("textual") is None:
        raise UsageError(
            "`eventtrack top` needs textual, which is not installed",
            hint="pip install 'eventtrack[top]'",
        )


def _source(call: Invocation) -> "Source":
    uri = call.uri if call.uri is not None else chosen_uri()
    if is_server_uri(uri):
        from eventtrack.cli.top.server import ServerSource

        return ServerSource(uri)
    store = call.open()
    from eventtrack.cli.top.folder import FolderSource

    return FolderSource(store)


@contextlib.contextmanager
def _terminal_as_before() -> Iterator[None]:
    """Restore the terminal if damage in the store killed the process that drew on it."""
    import termios

    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    except CorruptionError:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        sys.stdout.write(_AS_BEFORE)
        raise
