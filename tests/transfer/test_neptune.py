"""Exports of Neptune: every type of attribute has its place, or is counted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import NotFoundError
from eventtrack.events.items import Histogram
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.neptune import Exports
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import Source
from eventtrack.views.items import HistogramItem, MediaItem, TextItem
from tests.contracts.importer import Facts, ImportContract, point_fact
from tests.transfer.theirs import runs_of

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

BEGAN = datetime(2025, 1, 2, tzinfo=UTC)
BEGAN_MS = int(BEGAN.timestamp() * 1000)
SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct(
                [
                    ("type", pa.string()),
                    ("edges", pa.list_(pa.float64())),
                    ("values", pa.list_(pa.float64())),
                ]
            ),
        ),
    ]
)


def row(path: str, kind: str, step: float | None = None, run: str = "R-1", **value: Any) -> Any:
    return {
        "project_id": "team/flowers",
        "run_id": run,
        "attribute_path": path,
        "attribute_type": kind,
        "step": None if step is None else Decimal(str(step)),
        "timestamp": None if step is None else BEGAN,
        **value,
    }


def write(path: Path, *rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    parquet.write_table(table, path, compression="snappy", write_page_checksum=True)


def take(store: Store, folder: Path) -> Report:
    return import_histories(store, Exports(folder), lambda done, total: None)


def test_every_type_of_attribute_has_its_place(tmp_path: Path, store: Store) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "model.pt").write_bytes(b"weights")
    (files / "cat.png").write_bytes(b"cat")
    histogram = {"type": "COUNTING", "edges": [0.0, 1.0, 2.0], "values": [3.0, 4.0]}
    first, second = (tmp_path / f"data/team/R-1_part_{n}.parquet" for n in (9, 10))
    write(
        first,
        row("sys/name", "string", string_value="bold lion"),
        row("sys/owner", "string", string_value="ada"),
        row("sys/creation_time", "datetime", datetime_value=BEGAN),
        row("sys/failed", "bool", bool_value=True),
        row("sys/tags", "string_set", string_set_value=["best", "old"]),
        row("lr", "float", float_value=0.1),
        row("depth", "int", int_value=3),
        row("data/model", "file", file_value={"path": "model.pt"}),
        row("loss", "float_series", 1, float_value=0.5),
    )
    write(
        second,
        row("loss", "float_series", 2, float_value=0.25),
        row("monitoring/1/stderr", "string_series", 0, string_value="oops"),
        row("weights", "histogram_series", 1, histogram_value=histogram),
        row("samples", "file_series", 2, file_value={"path": "cat.png"}),
    )
    report = take(store, tmp_path)
    assert (report.exit_code, report.not_taken) == (0, {}), report
    [run] = runs_of(store)
    info, run_id = run.info, run.info.run_id
    assert (info.run_name, info.user_id, info.status) == ("bold lion", "ada", "FAILED")
    assert info.start_time == BEGAN_MS
    assert run.data.params == {"lr": "0.1", "depth": "3"}
    assert run.data.tags["neptune.tag.best"] == "true"
    assert run.data.tags["neptune.sys/owner"] == "ada"
    assert list(store.metrics.arrays(run_id, "loss").values) == [0.5, 0.25]
    assert store.items.read(run_id, "monitoring/1/stderr") == [
        TextItem(text="oops", step=0, timestamp=BEGAN_MS, source="stderr")
    ]
    [counted] = store.items.read(run_id, "weights")
    assert isinstance(counted, HistogramItem)
    assert Histogram(counted.edges, counted.counts) == Histogram([0, 1, 2], [3, 4])
    [sample] = store.items.read(run_id, "samples")
    assert isinstance(sample, MediaItem)
    assert (sample.media_type, sample.name, sample.step) == ("image/png", "cat.png", 2)
    assert store.artifacts.open(run_id, "data/model.pt").read() == b"weights"
    again = take(store, tmp_path)
    assert again.taken.total() == 0


def test_a_fork_begins_with_the_history_of_its_parent(tmp_path: Path, store: Store) -> None:
    def write_run(name: str, *rows: Any) -> None:
        path = tmp_path / f"data/team/{name}_part_0.parquet"
        write(path, *({**each, "run_id": name} for each in rows))

    def fork_of(parent: str, step: float) -> tuple[Any, Any]:
        return (
            row("sys/forking/parent", "string", string_value=parent),
            row("sys/forking/step", "float", float_value=step),
        )

    def points(*steps: int) -> list[Any]:
        return [row("loss", "float_series", step, float_value=step / 2) for step in steps]

    text = row("log", "string_series", 1, string_value="one")
    late = row("log", "string_series", 3, string_value="three")
    write_run("R-1", row("sys/name", "string", string_value="trunk"), *points(1, 2, 3), text, late)
    write_run("R-2", *fork_of("R-1", 2), row("only", "float_series", 1, float_value=1), *points(4))
    write_run("R-3", *fork_of("R-2", 4), *points(5))
    write_run("R-4", *fork_of("R-9", 4e6), *points(6))
    report = take(store, tmp_path)
    assert [what for what, _ in report.unreadable] == ["the history of run R-4 up to step 4000000"]
    runs = {run.info.run_name: run for run in runs_of(store)}
    steps = {
        name: list(store.metrics.arrays(run.info.run_id, "loss").steps)
        for name, run in runs.items()
    }
    assert steps == {"trunk": [1, 2, 3], "R-2": [1, 2, 4], "R-3": [1, 2, 4, 5], "R-4": [6]}
    run_ids = {name: run.info.run_id for name, run in runs.items()}
    for name, parent, step in (("R-2", "trunk", 2), ("R-3", "R-2", 4)):
        [item] = store.items.read(run_ids[name], "log")
        assert isinstance(item, TextItem)
        assert item.text == "one"
        assert runs[name].data.tags["eventtrack.forkedFrom"] == f"{run_ids[parent]}@{step}"
    assert take(store, tmp_path).taken.total() == 0


def test_what_has_no_place_is_counted(tmp_path: Path, store: Store) -> None:
    (tmp_path / "secret").write_text("x")
    write(
        tmp_path / "data/R-1_part_0.parquet",
        row("loss", "float_series", 1.5, float_value=0.5),
        row("model", "file", file_value={"path": "absent.pt"}),
        row("secret", "file", file_value={"path": "../secret"}),
        row("weights", "histogram_series", 1, histogram_value={"edges": [1.0], "values": []}),
        row("odd", "hologram"),
    )
    report = take(store, tmp_path / "data")
    assert report.exit_code == 3
    assert report.not_taken == {
        "fractions of steps (what was logged is here, at the whole step below)": 1,
        "files that are not in the export": 2,
        "values of the type histogram_series that make no sense": 1,
        "attributes of the type hologram": 1,
    }
    [run] = runs_of(store)
    assert list(store.metrics.arrays(run.info.run_id, "loss").steps) == [1]


def test_a_folder_without_exports_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no \.parquet file"):
        Exports(tmp_path)


class TestNeptune(ImportContract):
    """Two runs with a curve each, in Parquet: its pages have checksums, its footer has none.

    A changed byte of a page without a checksum is a value like any other, for every reader.
    """

    def write(self, folder: Path) -> None:
        """A part for each run."""
        for name in ("one", "two"):
            write(
                folder / f"{name}_part_0.parquet",
                row("sys/name", "string", run=name, string_value=name),
                row("sys/creation_time", "datetime", run=name, datetime_value=BEGAN),
                *(row("loss", "float_series", step, name, float_value=0.5) for step in range(2)),
            )

    def grow(self, folder: Path) -> Iterator[None]:
        """At once: an export is written once."""
        self.write(folder)
        yield

    def source(self, folder: Path) -> Source:
        """The folder of the data."""
        return Exports(folder)

    def facts(self, folder: Path) -> Facts | None:
        """The rows, read without the importer: damage of a value that is no word shows in it."""
        try:
            tables = [parquet.read_table(path) for path in sorted(folder.glob("*.parquet"))]
            rows = [one for table in tables for one in table.to_pylist()]
            return facts_of(rows)
        except Exception:  # a damaged file may raise anything
            return None


def facts_of(rows: list[Any]) -> Facts:
    """The facts of rows that `TestNeptune` wrote, one of which may be damaged."""
    runs: dict[str, set[Any]] = {}
    names: dict[str, str] = {}
    for one in rows:
        facts, path = runs.setdefault(one["run_id"], set()), one["attribute_path"]
        if one["attribute_type"] == "float_series":
            step, at = int(one["step"]), int(one["timestamp"].timestamp() * 1000)
            facts.add(point_fact(path, step, at, one["float_value"]))
            continue
        kinds = {"string": "string_value", "datetime": "datetime_value"}
        value = one[kinds[one["attribute_type"]]]
        text = value if isinstance(value, str) else value.isoformat()
        if path.startswith("sys/"):
            facts.add(("tag", f"neptune.{path}", text))
        else:
            facts.add(("param", path, text))
        if path == "sys/name":
            names[one["run_id"]] = text
    return {names.get(run, run): facts for run, facts in runs.items()}
