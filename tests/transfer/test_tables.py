"""CSV and JSON lines: what we export comes back, and plain logs are read."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventtrack.cli.export_formats import (
    METRIC_COLUMNS,
    WRITERS,
    columns_of_runs,
    metric_rows,
    run_rows,
)
from eventtrack.errors import NotFoundError
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.report import Report
from eventtrack.transfer.tables import CsvTables, JsonTables, Tables
from eventtrack.views.records import Metric, RunStatus
from tests.transfer.theirs import ORIGIN_TAGS, runs_of, state

KINDS = {"csv": CsvTables, "jsonl": JsonTables}
NAMES = st.text("abcxyz/._- 1", min_size=1, max_size=8).filter(
    lambda text: not set("./") & {text[0], text[-1]} and "//" not in text and "/." not in text
)
INTS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
POINTS = st.tuples(NAMES, st.floats(), INTS, st.integers(1, 2**62))
RUN = st.fixed_dictionaries(
    {
        "params": st.dictionaries(NAMES, TEXTS, max_size=3),
        "tags": st.dictionaries(NAMES, TEXTS, max_size=3),
        "points": st.lists(POINTS, max_size=8),
        "status": st.sampled_from(RunStatus.ALL),
        "end": st.none() | st.integers(1, 2**60),
        "start": st.integers(1, 2**60),
        "deleted": st.booleans(),
    }
)
# A blank text in a row where another text is quoted.
BLANK_BESIDE_QUOTED: dict[str, Any] = {
    "params": {},
    "tags": {"a": ",", "b": " ", "c": "  x"},
    "points": [],
    "status": RunStatus.RUNNING,
    "end": None,
    "start": 1,
    "deleted": False,
}

# A spreadsheet runs these, so the pages put a quote before them; an export is for programs.
FORMULAS: dict[str, Any] = BLANK_BESIDE_QUOTED | {
    "params": {"command": "=cmd()", "wheel": "+cu121", "offset": "-0.5e"},
    "tags": {"who": "@ada", "wide": "\uff1dcmd()"},
}


def take(store: Store, source: Tables) -> Report:
    """Import a source."""
    return import_histories(store, source, lambda done, total: None)


def facts(store: Store) -> dict[str, Any]:
    """All that a store shows, without where it was imported from and where experiments are."""
    found = state(store)
    for run, *_ in found.values():
        run["info"]["experiment_id"] = ""
        run["data"]["tags"] = {k: v for k, v in run["data"]["tags"].items() if k not in ORIGIN_TAGS}
    return found


@pytest.mark.parametrize("form", KINDS)
@settings(max_examples=15)
@given(st.lists(RUN, max_size=3))
@example([BLANK_BESIDE_QUOTED])
@example([FORMULAS])
def test_what_is_exported_comes_back(form: str, runs: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours, other = Store(Path(folder) / "ours"), Store(Path(folder) / "other", source="import")
        experiment = ours.experiments.create("flowers")
        for one in runs:
            _record(ours, experiment, one)
        files = [Path(folder) / f"{what}.{form}" for what in ("runs", "metrics")]
        found = runs_of(ours)
        with files[0].open("wb") as stream:
            names = {experiment: "flowers", "0": "Default"}
            WRITERS[form](stream, columns_of_runs(found), run_rows(found, names))
        with files[1].open("wb") as stream:
            WRITERS[form](stream, METRIC_COLUMNS, metric_rows(ours, found))
        report = take(other, KINDS[form](files))
        assert report.exit_code == (0 if runs else 3), report.damage
        assert facts(other) == facts(ours)
        head = other.events.head()
        take(other, KINDS[form](files[::-1]))
        assert other.events.head() == head
        ours.close()
        other.close()


def _record(store: Store, experiment: str, one: dict[str, Any]) -> None:
    run_id = store.runs.create(experiment, start_time=one["start"]).info.run_id
    points = [Metric(key=k, value=v, step=s, timestamp=t) for k, v, s, t in one["points"]]
    store.runs.log_batch(run_id, metrics=points)
    store.runs.log_params(run_id, one["params"])
    store.runs.set_tags(run_id, one["tags"])
    store.runs.update(run_id, status=one["status"], end_time=one["end"])
    if one["deleted"]:
        store.runs.delete(run_id)


def test_a_plain_log_is_a_run_with_a_metric_for_each_column(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "version_0" / "metrics.csv"
    path.parent.mkdir()
    path.write_text("epoch,step,train_loss,val_loss,note\n0,0,1.5,,x\n0,50,0.5,0.75,\n")
    report = take(store, CsvTables([path], "mnist"))
    [run] = runs_of(store)
    assert run.info.run_name == "version_0/metrics"
    assert run.data.metrics == {"epoch": 0.0, "train_loss": 0.5, "val_loss": 0.75}
    assert list(store.metrics.arrays(run.info.run_id, "train_loss").steps) == [0, 50]
    assert report.exit_code == 0
    assert run.data.tags["note"] == "x"
    with path.open("a") as stream:
        stream.write("1,100,0.25,,\n")
    assert take(store, CsvTables([path], "mnist")).taken.points == 2
    assert len(runs_of(store)) == 1


def test_times_and_nested_json_are_understood(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"run": "a", "_step": 3, "_timestamp": 1700000000.5, "loss": {"train": 1, "val": "NaN"}}\n'
        '{"run": "a", "step": 4, "time": "2023-11-14T22:13:21Z", "loss": {"train": 0.5}}\n'
        '{"run": "b", "timestamp": 1700000000000, "loss": 2}\n'
    )
    assert take(store, JsonTables([path])).exit_code == 0
    runs = {run.info.run_name: run.info.run_id for run in runs_of(store)}
    points = store.metrics.arrays(runs["a"], "loss.train")
    assert list(points.steps) == [3, 4]
    assert list(points.timestamps) == [1_700_000_000_500, 1_700_000_001_000]
    assert store.metrics.keys(runs["b"]) == ["loss"]


def test_damage_is_named_by_its_offset(tmp_path: Path, store: Store) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "b.jsonl"
    table.write_text("run,step,loss\na,1,0.5\na,x,0.5\na,2\na,3,0.25\n")
    report = take(store, CsvTables([table]))
    assert [one.offset for one in report.damage] == [22, 30]
    assert report.taken.points == 2
    lines.write_text('{"step": 1, "loss": 1}\n{"step": 2, "lo')
    report = take(store, JsonTables([lines]))
    assert [(one.file, one.offset) for one in report.damage] == [(str(lines), 23)]
    assert report.exit_code == 8


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        CsvTables([tmp_path / "none.csv"])
