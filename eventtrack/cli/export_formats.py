"""Rows of runs and of metric points, and the three formats that write them."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from eventtrack.cli.encoding import to_json
from eventtrack.errors import UsageError
from eventtrack.views.records import Run

if TYPE_CHECKING:
    from eventtrack.store import Store

Row = dict[str, Any]
Writer = Callable[[IO[bytes], Sequence[str], Iterable[Row]], int]

_RUN_COLUMNS = (
    "run_id",
    "run_name",
    "experiment_id",
    "experiment",
    "status",
    "lifecycle_stage",
    "user_id",
    "start_time",
    "end_time",
)
METRIC_COLUMNS = ("run_id", "key", "step", "timestamp", "value")
# Cells of a Parquet row group: enough to compress well, few enough to hold in memory.
_PARQUET_GROUP_CELLS = 100_000


def columns_of_runs(runs: Iterable[Run]) -> list[str]:
    """The fixed columns, then each param, metric and tag of any run, sorted."""
    params: set[str] = set()
    metrics: set[str] = set()
    tags: set[str] = set()
    for run in runs:
        params.update(run.data.params)
        metrics.update(run.data.metrics)
        tags.update(run.data.tags)
    return [
        *_RUN_COLUMNS,
        *(f"params.{key}" for key in sorted(params)),
        *(f"metrics.{key}" for key in sorted(metrics)),
        *(f"tags.{key}" for key in sorted(tags)),
    ]


def run_rows(runs: Iterable[Run], experiments: Mapping[str, str]) -> Iterator[Row]:
    """A row for each run, with only the run's own params, metrics and tags."""
    for run in runs:
        info = run.info
        fixed = {name: getattr(info, name) for name in _RUN_COLUMNS if name != "experiment"}
        yield {
            **fixed,
            "experiment": experiments.get(info.experiment_id),
            **{f"params.{key}": value for key, value in run.data.params.items()},
            **{f"metrics.{key}": value for key, value in run.data.metrics.items()},
            **{f"tags.{key}": value for key, value in run.data.tags.items()},
        }


def metric_rows(store: "Store", runs: Iterable[Run]) -> Iterator[Row]:
    """A row for each point of each metric, series by series."""
    for run in runs:
        run_id = run.info.run_id
        for key in sorted(run.data.metrics):
            arrays = store.metrics.arrays(run_id, key)
            points = zip(arrays.steps, arrays.timestamps, arrays.values, strict=True)
            for step, timestamp, value in points:
                yield dict(zip(METRIC_COLUMNS, (run_id, key, step, timestamp, value), strict=True))


def _write_csv(stream: IO[bytes], columns: Sequence[str], rows: Iterable[Row]) -> int:
    lines = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
    writer = csv.writer(lines, lineterminator="\n")
    # `csv` does not quote a lone carriage return, and then readers take it for the end of a line.
    quoting = csv.writer(lines, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    written = 0
    for row in rows:
        cells = [row.get(column) for column in columns]
        returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (quoting if returns else writer).writerow(cells)
        written += 1
    lines.flush()
    lines.detach()
    return written


def _write_jsonl(stream: IO[bytes], columns: Sequence[str], rows: Iterable[Row]) -> int:
    written = 0
    for row in rows:
        stream.write(to_json(row).encode("utf-8", errors="replace") + b"\n")
        written += 1
    return written


def _write_parquet(stream: IO[bytes], columns: Sequence[str], rows: Iterable[Row]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed",
            hint="pip install 'eventtrack[parquet]', or export --format csv",
        ) from error
    schema = pa.schema([(column, getattr(pa, _arrow_type(column))()) for column in columns])
    written = 0
    rows, size = iter(rows), max(100, _PARQUET_GROUP_CELLS // len(columns))
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        while group := list(islice(rows, size)):
            data = [[row.get(column) for row in group] for column in columns]
            arrays = [
                pa.array(cells, type=field.type) for cells, field in zip(data, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            written += len(group)
    return written


def _arrow_type(column: str) -> str:
    if column in {"start_time", "end_time", "timestamp", "step", "size"}:
        return "int64"
    return "float64" if column == "value" or column.startswith("metrics.") else "string"


WRITERS: dict[str, Writer] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
