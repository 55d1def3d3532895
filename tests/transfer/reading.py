"""What a source says, read without a store: quick enough to damage a file at every byte."""

from dataclasses import dataclass, field
from pathlib import Path

from eventtrack.store.intake import IncomingRun
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import Source

Row = tuple[int, int, str]  # step, time in milliseconds, value


@dataclass
class Read:
    """One run: its facts, its points by metric in order of the source, the paths of its files."""

    run: IncomingRun
    points: dict[str, list[Row]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    def steps(self, key: str) -> list[int]:
        """The steps of a metric."""
        return [step for step, _, _ in self.points.get(key, [])]

    def values(self, key: str) -> list[float]:
        """The values of a metric."""
        return [float(value) for _, _, value in self.points.get(key, [])]


def read(source: Source) -> tuple[list[Read], Report]:
    """Every run of a source, and its report."""
    source.experiments()
    found = []
    for one in source.runs():
        points: dict[str, list[Row]] = {}
        for key, series in one.series:
            values = [repr(value) for value in series.values]
            rows = zip(series.steps, series.timestamps, values, strict=True)
            points.setdefault(key, []).extend(rows)
        found.append(Read(one.run, points, [file.path for file in one.files]))
    source.close()
    return found, source.report


def flip(whole: bytes, path: Path, place: int) -> None:
    """Write bytes with one of them changed."""
    data = bytearray(whole)
    data[place] ^= 0x41
    path.write_bytes(data)
