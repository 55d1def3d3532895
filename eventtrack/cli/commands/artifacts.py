"""`eventtrack artifacts`: list, get, cat."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Cell, Column
from eventtrack.errors import EventtrackError

if TYPE_CHECKING:
    from eventtrack.store import Store


@click.group(
    "artifacts",
    cls=Group,
    epilog=examples(
        "eventtrack artifacts list 3f2a",
        "eventtrack artifacts get 3f2a model.json",
        "eventtrack artifacts cat 3f2a model.json | head",
    ),
)
def artifacts() -> None:
    """List and fetch the files of runs."""


@artifacts.command(
    "list",
    epilog=examples(
        "eventtrack artifacts list 3f2a", "eventtrack artifacts list 3f2a plots --json"
    ),
)
@click.argument("run", type=RUN)
@click.argument("path", required=False)
@pass_invocation
def list_artifacts(call: Invocation, run: str, path: str | None) -> None:
    """List all files of a run, or those below PATH, with size and SHA-256.

    JSON: a list of files with path, size (bytes) and sha256 (hex).
    """
    store = call.look()
    run_id = find_run(store, run).info.run_id
    files = store.artifacts.entries(run_id, path)
    if call.out.json:
        call.out.document(list(files))
    elif not files:
        where = f"below {text.clean(path)}" if path else "in this run"
        call.out.note(f"No files {where}. Log one with eventtrack.log_artifact(PATH).")
    else:
        columns = [
            Column("path", width_max=70),
            Column("size", right=True),
            Column("sha256", style="dim", width_max=16, rank=1),
        ]
        rows: list[list[Cell]] = [
            [text.clean(file.path), text.size(file.size), file.sha256] for file in files
        ]
        call.out.table(columns, rows)


@artifacts.command(
    "get",
    epilog=examples(
        "eventtrack artifacts get 3f2a model.json",
        "eventtrack artifacts get 3f2a plots -o /tmp/plots",
        "eventtrack artifacts get 3f2a . -o everything",
    ),
)
@click.argument("run", type=RUN)
@click.argument("path")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File or folder to write; default: here.",
)
@pass_invocation
def get(call: Invocation, run: str, path: str, output: Path | None) -> None:
    """Copy a file, or a folder with all below it, out of the store.

    If OUTPUT is a folder, a file goes into it; otherwise OUTPUT is the name of the copy.

    JSON: a list of the files written, each with path and written_to.
    """
    store = call.open()
    run_id = find_run(store, run).info.run_id
    written = _fetch(store, run_id, path.strip("/"), output or Path())
    if call.out.json:
        call.out.document([{"path": name, "written_to": str(place)} for name, place in written])
        return
    for name, place in written:
        call.out.line(f"{text.clean(name)} -> {text.clean(str(place))}")


@artifacts.command("cat", epilog=examples("eventtrack artifacts cat 3f2a confusion.txt"))
@click.argument("run", type=RUN)
@click.argument("path")
@pass_invocation
def cat(call: Invocation, run: str, path: str) -> None:
    """Write a file's bytes to standard output, unchanged (--json changes nothing here)."""
    store = call.open()
    with store.artifacts.open(find_run(store, run).info.run_id, path) as source:
        shutil.copyfileobj(source, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _fetch(store: "Store", run_id: str, path: str, output: Path) -> list[tuple[str, Path]]:
    """Copy and check the file `path`, or every file below it; returns paths and places.

    Raises:
        NotFoundError: Nothing exists at `path`.
        EventtrackError: A file could not be copied. All others were.
    """
    folder = "" if path == "." else path
    entries = store.artifacts.entries(run_id, folder or None)
    is_file = [entry.path for entry in entries] == [folder]
    if is_file and output.is_dir():
        output /= Path(folder).name
    output.parent.mkdir(parents=True, exist_ok=True)
    # A file appears under its name only once it is complete and its hash is right.
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".eventtrack-") as draft:
        failure = None
        try:
            store.artifacts.download(run_id, folder, draft)
        except EventtrackError as error:
            failure = error
        written = []
        for entry in entries:
            fetched = Path(draft) / entry.path
            if failure and not fetched.is_file():
                continue
            below = entry.path.removeprefix(folder).lstrip("/")
            place = output / below if below else output
            place.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(place)
            written.append((entry.path, place))
    if failure:
        raise failure
    return written
