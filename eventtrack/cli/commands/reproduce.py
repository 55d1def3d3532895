"""`eventtrack reproduce`: lay a run out in a folder, and run it again if told so."""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.errors import UsageError

if TYPE_CHECKING:
    from eventtrack.running.layout import Plan


@command(
    "reproduce",
    "eventtrack reproduce 3f2a",
    "eventtrack reproduce 3f2a --into /tmp/again --go",
)
@click.argument("run", type=RUN)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="The new folder.  [default: reproduced-ID]",
)
@click.option("--go", is_flag=True, help="Make the environment and run the command.")
@pass_invocation
def reproduce(call: Invocation, run: str, into: Path | None, go: bool) -> None:
    """Lay out the code and packages of a run, and say how to run it again.

    Fetches the commit, applies the recorded changes, adds the untracked files, and prints the
    commands that make the environment and run the program. With --go they are run, and the new run
    is recorded: `eventtrack runs compare` then shows what differs.

    A run that came from elsewhere is a stranger's: read the commands before you use --go.

    JSON: an object with folder, cwd, steps (lists of words), command (words) and remarks.
    """
    store = call.open()
    from eventtrack.running.layout import lay_out, shell_lines

    record = find_run(store, run)
    run_id = record.info.run_id
    folder = into if into is not None else Path(f"reproduced-{text.short_id(run_id)}")
    plan = lay_out(store, run_id, folder)
    if call.out.json and not go:
        call.out.document(
            {
                "folder": str(plan.folder),
                "cwd": str(plan.cwd),
                "steps": plan.steps,
                "command": plan.command,
                "remarks": plan.remarks,
            }
        )
        return
    for remark in plan.remarks:
        call.out.note(f"note: {remark}")
    if not go:
        for line in shell_lines(plan):
            call.out.line(text.harmless(line))
        return
    place = str(store.path)
    store.close()
    _go(plan, place, run_id)


def _go(plan: "Plan", place: str, run_id: str) -> None:
    """Run the steps, then become `eventtrack run` with the command.

    Raises:
        UsageError: The command has a hidden secret, or a step failed.
    """
    from eventtrack.running.secrets import HIDDEN

    if any(HIDDEN in word for word in plan.command):
        raise UsageError(
            f"cannot run the command: it has {HIDDEN} in place of a secret",
            hint="run it by hand, with the secret: without --go the command is printed",
        )
    for step in plan.steps:
        try:
            code = subprocess.run(step, check=False).returncode
        except OSError as error:
            raise UsageError(
                f"cannot make the environment: {step[0]}: {error.strerror}",
                hint="install it, or make the environment by hand",
            ) from error
        if code:
            raise UsageError(
                f"cannot make the environment: {text.clean(' '.join(step))} ended with {code}",
                hint="make it by hand: without --go the commands are printed",
            )
    os.chdir(plan.cwd)
    tag = f"eventtrack.reproduces={run_id}"
    words = ["-m", "eventtrack", "--store", place, "run", "--tag", tag, "--", *plan.command]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - it becomes `run`
