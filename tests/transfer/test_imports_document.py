"""What docs/imports.md says of other trackers' formats is what the importers do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eventtrack.transfer import mlflow_database, tensorboard, trackio, wandb_run
from eventtrack.transfer.tensorboard import EventFolders
from eventtrack.transfer.trackio import Databases
from eventtrack.transfer.wandb import RunFolders
from tests.tidy.tree import ROOT
from tests.transfer import events, made
from tests.transfer.reading import read
from tests.transfer.test_mlflow_database_kinds import REVISIONS
from tests.transfer.wandb_records import (
    FIRST,
    START,
    begin,
    branch,
    end,
    field,
    pairs,
    row,
    summary,
    write,
)

TEXT = (ROOT / "eventtrack/docs/imports.md").read_text(encoding="utf-8")
Table = list[list[str]]


def tables(title: str) -> list[Table]:
    """The tables of a section, each as rows of cells, without their heads."""
    [section] = re.findall(rf"^## {title}.*?$(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    found: list[Table] = []
    for lines in re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE):
        rows = [line.removeprefix("|").removesuffix("|").split("|") for line in lines.splitlines()]
        found.append([[cell.strip() for cell in cells] for cells in rows[2:]])
    return found


def kinds(table: Table) -> set[str]:
    """The first cells."""
    return {cells[0] for cells in table}


def names_in(table: Table) -> set[str]:
    """All names of tags, metrics and files that the second cells have, `NAME` standing for any."""
    code = [name for cells in table for name in re.findall(r"`([^`]+)`", cells[1])]
    return {name for name in code if re.fullmatch(r"[a-z]\w*[./][\w./]+", name)}


def assert_shown(expected: set[str], shown: set[str]) -> None:
    """Demand that each name, with any text for `NAME`, is among those that are shown."""
    assert expected
    for name in expected:
        pattern = re.escape(name).replace("NAME", ".+").replace("FOLDER/", ".+")
        assert any(re.fullmatch(pattern, one) for one in shown), name


def shown_of(read_runs: list[Any]) -> set[str]:
    """All names that runs have."""
    found: set[str] = set()
    for one in read_runs:
        found |= {*one.run.tags, *one.run.params, *one.points, *one.files}
    return found


def test_every_revision_of_mlflow_s_tables_is_named_with_its_release() -> None:
    versions, _ = tables("MLflow's database")
    told = {revision.strip("`"): release for release, revision, _ in versions}
    assert told == {revision: text.partition(":")[0] for revision, text in REVISIONS.items()}


def test_what_is_not_taken_of_mlflow_is_what_the_importer_counts() -> None:
    _, left_out = tables("MLflow's database")
    assert kinds(left_out) == {*mlflow_database._LEFT_OUT.values(), "rows of the table NAME"}


def test_what_is_not_taken_of_tensorboard_is_what_the_importer_counts() -> None:
    _, left_out = tables("TensorBoard")
    told = {*tensorboard._KINDS.values(), *tensorboard._PLUGINS.values()}
    told |= {*tensorboard._EVENTS.values(), "tensors", "summaries of the plugin NAME"}
    assert kinds(left_out) == told | {"hyperparameters of a later session that differ"}


def test_what_is_not_taken_of_wandb_and_trackio_is_what_the_importers_count() -> None:
    media = {"logged media of the type NAME", "statistics of the system that are no numbers"}
    _, left_out = tables("Weights & Biases")
    told = {*wandb_run._LEFT_OUT.values(), "lines of the console"}
    assert kinds(left_out) == told | media
    _, left_out = tables("Trackio")
    told = {*trackio._LEFT_OUT.values(), "rows of the table NAME"}
    assert kinds(left_out) == told | media


def test_all_that_is_said_to_be_taken_of_wandb_is_there(tmp_path: Path) -> None:
    labels = {6: "g", 7: "j", 9: "why", 10: "label", 12: "sweep"}
    more = b"".join(field(number, text) for number, text in labels.items())
    config = {"opt": {"lr": 1}, "opt.lr": 2}
    environment = {6: "train.py", 12: "box", 13: "ada"}
    told = b"".join(field(number, text) for number, text in environment.items())
    records = [
        begin("one", config=config, more=more),
        field(26, told + field(9, field(1, "git@host:repo") + field(2, "abc"))),
        field(12, field(1, "val") + field(4, "epoch")),
        row(0, START + 1.0, loss=1, text="hi"),
        field(7, field(2, field(1, START)) + pairs({"gpu": 1.5}, 3)),
        summary(loss=2, best=3),
        field(23, b""),
        end(1, 5),
    ]
    for folder in (FIRST, FIRST.replace("_10", "_11")):
        write(tmp_path / folder, *records, run_id="one")
        (tmp_path / folder / "files").mkdir()
        (tmp_path / folder / "files/x").write_text(folder)
    write(tmp_path / "fork", begin("two", more=branch("one", 0)), run_id="two")
    taken, _ = tables("Weights & Biases")
    runs, _ = read(RunFolders(tmp_path))
    assert_shown(names_in(taken) | {"earlier/FOLDER/x"}, shown_of(runs))


def test_all_that_is_said_to_be_taken_of_tensorboard_is_there(tmp_path: Path) -> None:
    boards: Any = pytest.importorskip("tensorboardX")
    with boards.SummaryWriter(str(tmp_path / "r")) as board:
        board.add_text("note", "hi", 1)
    events.write(tmp_path / "r" / "a.tfevents.1", events.scalar(0, loss=1))
    taken, _ = tables("TensorBoard")
    runs, _ = read(EventFolders(tmp_path))
    assert_shown(names_in(taken) | {"note", "loss"}, shown_of(runs))


def test_all_that_is_said_to_be_taken_of_trackio_is_there(tmp_path: Path) -> None:
    from tests.transfer.test_trackio_kinds import database, logged

    config = {"lr": 1, "_Group": "g", "_Created": "2024-05-03T10:00:00+00:00"}
    system = {"timestamp": "2024-05-03T10:00:00+00:00", "metrics": json.dumps({"gpu": 4})}
    database(
        tmp_path / "p.db",
        metrics=[logged(0, metrics={"loss": 1, "note": "hi"})],
        configs=[{"config": json.dumps(config)}],
        system_metrics=[system],
    )
    taken, _ = tables("Trackio")
    runs, _ = read(Databases(tmp_path))
    assert_shown(names_in(taken) | {"lr", "loss"}, shown_of(runs))
    assert runs[0].run.start_ms > made.START_MS
