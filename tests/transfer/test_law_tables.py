"""The importers' law for tables; see tests/contracts/importer.py.

A table has no checksums, so a damaged file counts for what it says: each of its numbers and texts
is in the store, wherever a person would put it, or the file is reported.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, ClassVar

from eventtrack.store import Store
from eventtrack.transfer.source import Source
from eventtrack.transfer.tables import CsvTables, JsonTables
from tests.contracts.importer import Facts, ImportContract, numbers_of, point_fact, texts_of

START_MS = 1_700_000_000_000
ROWS = [(0, 0.91, "warm"), (1, 0.82, "warm"), (2, float("nan"), "cold"), (3, 0.75, "cold")]


class TableContract(ImportContract):
    """Two files, each a run, with steps, times, a metric and a text."""

    ending = ""

    def write(self, folder: Path) -> None:
        """Both files."""
        for _ in self.grow(folder):
            pass

    def grow(self, folder: Path) -> Iterator[None]:
        """Row by row."""
        for count in range(1, len(ROWS) + 1):
            for number, name in enumerate(("one", "two")):
                place = folder / name
                place.mkdir(exist_ok=True)
                rows = [(step, START_MS + 1000 * step, *rest) for step, *rest in ROWS[:count]]
                (place / f"log{self.ending}").write_bytes(self.file(rows, number))
            yield

    def file(self, rows: list[Any], number: int) -> bytes:
        """A file of rows (step, time, loss, phase)."""
        raise NotImplementedError

    def facts(self, folder: Path) -> Facts | None:
        """What `write` wrote."""
        texts = [
            {"step": step, "time": START_MS + 1000 * step, "text": text} for step, _, text in ROWS
        ]
        file = json.dumps({"phase": texts}, indent=1, sort_keys=True).encode()
        return {
            f"{name}/log": {
                *(point_fact("loss", step, START_MS + 1000 * step, loss) for step, loss, _ in ROWS),
                ("tag", "phase", "cold"),
                ("file", "imported/texts.json", file),
            }
            for name in ("one", "two")
        }

    def runs_in(self, file: Path) -> AbstractSet[str]:
        """A file is a run."""
        return {f"{file.parts[0]}/log"}

    def cells(self, data: bytes) -> Iterable[str]:
        """All cells of a file, as simply as they can be found."""
        raise NotImplementedError

    def is_accounted(self, folder: Path, shown: Facts, store: Store) -> bool:
        """Whether every cell is somewhere in the store."""
        numbers, texts = numbers_of(shown), " ".join(texts_of(shown))
        for file in folder.rglob(f"log{self.ending}"):
            for cell in self.cells(file.read_bytes()):
                if not _is_known(cell, numbers) and cell not in texts:
                    return False
        return True


def _is_known(cell: str, numbers: AbstractSet[float]) -> bool:
    try:
        value = float(cell)
    except ValueError:
        return not cell or cell.lower() in ("-", "nan")
    return math.isnan(value) or {value, value / 1000, value / 10**6} & numbers != set()


class TestCsv(TableContract):
    """Commas, plain cells."""

    ending = ".csv"
    form: ClassVar[dict[str, Any]] = {"lineterminator": "\n"}

    def file(self, rows: list[Any], number: int) -> bytes:
        """A line of names, and a line for each row."""
        stream = io.StringIO()
        writer = csv.writer(stream, **self.form)
        writer.writerow(["step", "timestamp", "loss", "phase"])
        writer.writerows(rows)
        return stream.getvalue().encode()

    def source(self, folder: Path) -> Source:
        """Both files."""
        return CsvTables(sorted(folder.rglob("log.csv")), "flowers")

    def cells(self, data: bytes) -> Iterable[str]:
        """All cells of all rows but the first, as Python reads them."""
        lines = io.StringIO(data.decode("latin-1"), newline="")
        for row in list(csv.reader(lines, delimiter=self.form.get("delimiter", ",")))[1:]:
            yield from (cell.strip().strip('"') for cell in row)


class TestQuotedCsv(TestCsv):
    """Semicolons, and quotes around everything that is no number."""

    form: ClassVar[dict[str, Any]] = {
        "lineterminator": "\r\n",
        "delimiter": ";",
        "quoting": csv.QUOTE_NONNUMERIC,
    }


class TestJsonLines(TableContract):
    """An object on each line, NaN as a bare word."""

    ending = ".jsonl"

    def file(self, rows: list[Any], number: int) -> bytes:
        """A line for each row."""
        names = ("step", "timestamp", "loss", "phase")
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
        return "".join(f"{line}\n" for line in lines).encode()

    def source(self, folder: Path) -> Source:
        """Both files."""
        return JsonTables(sorted(folder.rglob("log.jsonl")), "flowers")

    def cells(self, data: bytes) -> Iterable[str]:
        """Everything behind a colon."""
        for value in re.findall(r':\s*("(?:[^"\\]|\\.)*"|[^,}\s]+)', data.decode("latin-1")):
            yield value.strip('"')


class TestJsonArray(TestJsonLines):
    """One array, a few lines for each object."""

    ending = ".json"

    def file(self, rows: list[Any], number: int) -> bytes:
        """The array."""
        names = ("step", "timestamp", "loss", "phase")
        return json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2).encode()

    def source(self, folder: Path) -> Source:
        """Both files."""
        return JsonTables(sorted(folder.rglob("log.json")), "flowers")
