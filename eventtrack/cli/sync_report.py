"""The output of `sync` and similar commands: progress bars, and a report at the end."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from eventtrack.cli import text
from eventtrack.cli.output import Output
from eventtrack.cli.tables import Styled

if TYPE_CHECKING:
    from eventtrack.sync import Moved, News, Selection, SyncReport


PULLED = "Pull only what is in this experiment, and of all else the headers"


def selection_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a command with --experiment and --run; `what` is the help of --experiment."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option(
            "--run", "runs", multiple=True, metavar="ID", help="As --experiment, for a single run."
        )(function)
        return click.option(
            "--experiment",
            "-e",
            "experiments",
            multiple=True,
            metavar="NAME|ID",
            help=f"{what}; may be repeated.",
        )(function)

    return decorate


def selection(experiments: Sequence[str], runs: Sequence[str]) -> "Selection | None":
    """The selection by --experiment and --run; None without these options."""
    from eventtrack.sync import Selection

    chosen = Selection(experiments=list(experiments), runs=list(runs))
    return chosen or None


@contextmanager
def progress_bars(out: Output) -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars, one after the other: each label that is reported gets a bar."""
    with contextlib.ExitStack() as stack:
        shown: dict[str, Callable[[int, int], None]] = {}

        def show(label: str, done: int, total: int) -> None:
            if label not in shown:
                stack.close()
                shown.clear()
                shown[label] = stack.enter_context(out.progress(label))
            shown[label](done, total)

        yield show


def print_report(out: Output, report: "SyncReport") -> None:
    """Print the envelopes and artifacts moved, or that neither side lacked any."""
    if out.json:
        out.document(report.to_dictionary())
        return
    for label, moved in (("pulled", report.pulled), ("pushed", report.pushed)):
        if moved.envelopes or moved.artifacts:
            out.wrapped(f"{label} {_summary(moved)}")
    if not report.changed:
        out.wrapped("Both sides hold the same: nothing to exchange.")
    missing = max(report.pulled.artifacts_missing, report.pushed.artifacts_missing)
    if missing:
        out.note(f"The bytes of {text.count(missing, 'artifact')} are on neither side.")
    for what in report.forks.values():
        out.wrapped(Styled(f"fork: {what}", "bold yellow"))
    for what in report.clocks.values():
        out.wrapped(Styled(f"clock: {what}", "bold yellow"))


def print_trouble(name: str, news: "News") -> None:
    """Say on standard error that an exchange failed, works again, or met a forked feed."""
    from eventtrack.sync import Mended, Trouble

    if isinstance(news, Trouble):
        hint = f" (hint: {news.error.hint})" if news.error.hint else ""
        said = [f"cannot sync for now: {news.error.message}{hint}"]
    elif isinstance(news, Mended):
        said = [f"in step again, after {text.duration(int(news.after_s * 1000))}"]
    else:
        said = [f"fork: {what}" for what in news.forks.values()]
    for line in said:
        stamp = text.local_time(text.now_ms())
        click.echo(f"{stamp}  {text.clean(name)}: {text.clean(line)}", err=True)


def _summary(moved: "Moved") -> str:
    parts = []
    if moved.envelopes:
        what = text.count(moved.envelopes, "envelope")
        events = f" with {text.count(moved.events, 'event')}" if moved.events else ""
        parts.append(f"{what}{events} in {text.count(moved.feeds, 'feed')}")
    if moved.artifacts:
        parts.append(text.count(moved.artifacts, "artifact"))
    return f"{' and '.join(parts)}, {text.size(moved.bytes + moved.artifact_bytes)}"
