"""The root command and the table of all commands."""

import atexit
import contextlib
import gc
import os
import sys
import warnings
from typing import TextIO

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, Lazy, LazyGroup, examples
from eventtrack.errors import EventtrackWarning

_LOOK, _EXPLAIN, _CHANGE, _KEEP = "Look", "Explain", "Change", "Keep"
_SHARE = "Share"


def _lazy(module: str, attribute: str, section: str, summary: str) -> Lazy:
    return Lazy(f"eventtrack.cli.commands.{module}:{attribute}", section, summary)


COMMANDS = {
    "demo": _lazy("demo", "demo", _LOOK, "Log a small real training and show what was recorded."),
    "run": _lazy("run", "run", _LOOK, "Run a command and record it as a run."),
    "reproduce": _lazy("reproduce", "reproduce", _LOOK, "Lay a run out, and run it again."),
    "ui": _lazy("ui", "ui", _LOOK, "Open the store's pages in the browser."),
    "top": _lazy("top", "top", _LOOK, "Watch runs, curves and consoles in the terminal."),
    "experiments": _lazy("experiments", "experiments", _LOOK, "List, show and edit experiments."),
    "runs": _lazy("runs", "runs", _LOOK, "List, show, search, plot and edit runs."),
    "traces": _lazy("traces", "traces", _LOOK, "List and show traces of LLM programs."),
    "models": _lazy("models", "models", _LOOK, "List and show registered models."),
    "artifacts": _lazy("artifacts", "artifacts", _LOOK, "List and fetch the files of runs."),
    "stats": _lazy("stats", "stats", _LOOK, "How much the store holds, and where."),
    "watch": _lazy("watch", "watch", _LOOK, "Keep the views current and print each change."),
    "log": _lazy("log", "log", _EXPLAIN, "The raw events, filtered or followed."),
    "inspect": _lazy("inspect", "inspect", _EXPLAIN, "All about one event, run or session."),
    "replay": _lazy("replay", "replay", _EXPLAIN, "The state at a moment; rebuild and verify."),
    "diff": _lazy("history", "diff", _EXPLAIN, "What differs between two moments or two runs."),
    "blame": _lazy("history", "blame", _EXPLAIN, "Who set each fact of a run, and when."),
    "conflicts": _lazy("conflicts", "conflicts", _EXPLAIN, "Facts that two writers disagreed on."),
    "undo": _lazy("history", "undo", _CHANGE, "Append the inverse of an event."),
    "sync": _lazy("sync", "sync", _SHARE, "Exchange with a remote what either side lacks."),
    "pull": _lazy("sync", "pull", _SHARE, "Take what a remote has and this store lacks."),
    "push": _lazy("sync", "push", _SHARE, "Give a remote what it lacks."),
    "clone": _lazy("clone", "clone", _SHARE, "Make a new store with all that a remote has."),
    "bundle": _lazy("bundle", "bundle", _SHARE, "Put into a file what another machine lacks."),
    "remote": _lazy("remote", "remote", _SHARE, "Name the places that this store syncs with."),
    "redact": _lazy("redact", "redact", _CHANGE, "Erase what must not be kept, for good."),
    "gc": _lazy("gc", "gc", _CHANGE, "Erase what was deleted, and free its space, for good."),
    "server": _lazy("server", "server", _KEEP, "Serve the store to MLflow clients over HTTP."),
    "cluster": _lazy("cluster", "cluster", _KEEP, "Keep the log that several servers share."),
    "token": _lazy("token", "token", _KEEP, "Make, list and revoke tokens for the server."),
    "verify": _lazy("verify", "verify", _KEEP, "Prove the whole log, and every signed head."),
    "audit": _lazy("audit", "audit", _KEEP, "Sign the history; prove to others what is in it."),
    "archive": _lazy("archive", "archive", _KEEP, "Lay down the history, signed, in a folder."),
    "flush": _lazy("flush", "flush", _KEEP, "Deliver what waits on this machine for servers."),
    "check": _lazy("check", "check", _KEEP, "Look for damage in the log, journals and views."),
    "salvage": _lazy("salvage", "salvage", _KEEP, "Take out of a damaged store all that is whole."),
    "backup": _lazy("backup", "backup", _KEEP, "Copy the store, in use or not, to another place."),
    "import": _lazy("imports", "imports", _KEEP, "Bring in histories of other trackers."),
    "export": _lazy("export", "export", _KEEP, "Write runs to files, or to an MLflow server."),
    "completion": _lazy("completion", "completion", _KEEP, "Print the shell's completion set-up."),
}


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    from eventtrack._version import __version__

    click.echo(f"eventtrack {__version__}")
    context.exit()


@click.group(
    "eventtrack",
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "eventtrack demo",
        "eventtrack runs list",
        "eventtrack --store /data/runs experiments list --json",
    ),
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version and leave.",
)
def cli() -> None:
    """Track experiments in a log that never forgets: every run, what changed it, who, and when."""


# New containers between two looks of the garbage collector; Python's 700 means some hundred looks
# while a command's modules are loaded, a twentieth of its time.
_COLLECT_EVERY = 10_000


def main() -> None:
    """Run the command line with this process's arguments and exit with its code."""
    gc.set_threshold(_COLLECT_EVERY)
    _fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names in a store may hold characters that the terminal's encoding lacks.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    warnings.showwarning = _show_warning
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first that is registered is called last
    try:
        cli(prog_name="eventtrack", obj=Invocation(supervised=True))
    except SystemExit as ended:
        if isinstance(ended.code, int):
            codes.append(ended.code)
        raise


def _fill_closed_streams() -> None:
    """Put /dev/null in the place of standard streams that were closed.

    Otherwise a file of the store takes the number, and what somebody prints goes into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as errors are printed; one that is not of eventtrack with its place."""
    words = text.clean(str(message))
    if not issubclass(category, EventtrackWarning):
        words = f"{filename}:{lineno}: {category.__name__}: {words}"
    click.echo(f"warning: {words}", err=True)


def _leave(codes: list[int]) -> None:
    """End this process with its exit code before Python frees every object.

    In a fork that copies all pages of memory that it shares with its parent: a seventh of the time
    of a short command.
    """
    if codes:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                stream.flush()
        os._exit(codes[0])
