"""What every benchmark shares: rounds, the table of figures against goals and limits, JSON.

A figure is the median of its rounds; least and greatest stand beside it. A goal is met or missed
by the median. Next to the goal stands a limit of the machine that was measured in the same run,
because a ratio to it means much the same on a busy machine and on an idle one.
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

ROUNDS = 7


class Samples(NamedTuple):
    """Measurements of one thing, each from a round of its own."""

    values: list[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def scaled(self, factor: float) -> "Samples":
        """The same in another unit."""
        return Samples([value * factor for value in self.values])


class Limit(NamedTuple):
    """What the machine can do at best, measured in this run, in the unit of its figures."""

    name: str
    value: float


class Figure(NamedTuple):
    """One line of the table. A `unit` that ends in `/s` is better when greater."""

    name: str
    samples: Samples
    unit: str
    goal: float | None
    limit: Limit | None
    ratio_goal: float | None
    peers: dict[str, float]

    @property
    def ratio(self) -> float | None:
        """How many times the limit."""
        return None if self.limit is None else self.samples.median / self.limit.value

    @property
    def verdict(self) -> str:
        """Whether the goals are met: "met", "MISSED", or nothing where there is none."""
        verdicts = []
        if self.goal is not None:
            median = self.samples.median
            is_rate = self.unit.endswith("/s")
            verdicts.append(median >= self.goal if is_rate else median <= self.goal)
        if self.ratio_goal is not None and self.ratio is not None:
            verdicts.append(self.ratio <= self.ratio_goal)
        if not verdicts:
            return ""
        return "met" if all(verdicts) else "MISSED"


class Report:
    """The options of a benchmark, its scratch folder, and what it found.

    Args:
        title: What is measured, one line.
        options: Further options of this benchmark: name and help of flags.
        numbers: The same of numbers: name, default and help.
    """

    def __init__(
        self,
        title: str,
        options: dict[str, str] | None = None,
        numbers: dict[str, tuple[float, str]] | None = None,
    ) -> None:
        parser = argparse.ArgumentParser(description=title)
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
        parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each measurement")
        parser.add_argument(
            "--folder", type=Path, help="where stores are made (default: temporary)"
        )
        parser.add_argument(
            "--peers", type=Path, metavar="DIR", help="virtual environments of peers"
        )
        parser.add_argument("--no-peers", action="store_true", help="measure eventtrack alone")
        for name, text in (options or {}).items():
            parser.add_argument(name, action="store_true", help=text)
        for name, (default, text) in (numbers or {}).items():
            words = f"{text} (default: {default:g})"
            parser.add_argument(name, type=float, default=default, metavar="N", help=words)
        self.title = title
        self.options = parser.parse_args()
        self.rounds: int = self.options.rounds
        self.figures: list[Figure] = []
        self.limits: dict[str, Limit] = {}
        self._notes: list[str] = []
        print(f"# {title}\n", flush=True)
        for line in machine():
            print(line)
        print(flush=True)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder that is removed at the end of the block."""
        if self.options.folder is not None:
            self.options.folder.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix="eventtrack-bench-", dir=self.options.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def note(self, text: str) -> None:
        """Say something below the table: a size of data, a peer that is missing."""
        self._notes.append(text)

    def limit(self, name: str, samples: Samples, unit: str) -> Limit:
        """Record what the machine can do."""
        found = Limit(f"{name}, {number(samples.median)} {unit}", samples.median)
        self.limits[name] = found
        print(f"  limit: {found.name}", flush=True)
        return found

    def figure(
        self,
        name: str,
        samples: Samples,
        unit: str,
        *,
        goal: float | None = None,
        limit: Limit | None = None,
        ratio_goal: float | None = None,
        peers: dict[str, float] | None = None,
    ) -> None:
        """Record a figure. `peers` are their medians in the same unit."""
        found = Figure(name, samples, unit, goal, limit, ratio_goal, peers or {})
        self.figures.append(found)
        print(f"  {name}: {number(samples.median)} {unit} {found.verdict}", flush=True)

    def finish(self) -> None:
        """Print the table, write the JSON."""
        print()
        for line in table(list(self._rows())):
            print(line)
        for text in self._notes:
            print(f"\n{text}", end="")
        print(flush=True)
        if self.options.json is not None:
            self.options.json.write_text(json.dumps(self._document(), indent=1) + "\n")

    def _rows(self) -> Iterator[list[str]]:
        yield ["figure", "median", "least .. most", "goal", "", "limit", "x limit", "peers"]
        for one in self.figures:
            values = one.samples.values
            sign = ">=" if one.unit.endswith("/s") else "<="
            goals = [f"{sign} {number(one.goal)}"] if one.goal is not None else []
            if one.ratio_goal is not None:
                goals.append(f"<= {number(one.ratio_goal)} x limit")
            yield [
                one.name,
                f"{number(one.samples.median)} {one.unit}",
                f"{number(min(values))} .. {number(max(values))}",
                ", ".join(goals),
                one.verdict,
                one.limit.name if one.limit is not None else "",
                number(one.ratio) if one.ratio is not None else "",
                ", ".join(self._peer_texts(one)),
            ]

    @staticmethod
    def _peer_texts(one: Figure) -> Iterator[str]:
        for peer, median in one.peers.items():
            ratio = median / one.samples.median
            if one.unit.endswith("/s"):
                ratio = 1 / ratio
            yield f"{peer} {number(median)} ({number(ratio)} x)"

    def _document(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "machine": machine(),
            "limits": {name: limit.value for name, limit in self.limits.items()},
            "figures": [
                {
                    "name": one.name,
                    "unit": one.unit,
                    "median": one.samples.median,
                    "samples": one.samples.values,
                    "goal": one.goal,
                    "limit": one.limit.name if one.limit is not None else None,
                    "ratio_to_limit": one.ratio,
                    "ratio_goal": one.ratio_goal,
                    "verdict": one.verdict,
                    "peers": one.peers,
                }
                for one in self.figures
            ],
            "notes": self._notes,
        }


def measure(work: Callable[[], object], rounds: int, *, warm_up: int = 1) -> Samples:
    """Seconds that each round of `work` takes, after `warm_up` rounds that do not count."""
    for _ in range(warm_up):
        work()
    return Samples([seconds(work) for _ in range(rounds)])


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def each_call_us(work: Callable[[int], object], calls: int) -> list[float]:
    """The time of every single call, in microseconds; the clock itself costs some 0.05 of that."""
    clock = time.perf_counter_ns
    taken = []
    for place in range(calls):
        began = clock()
        work(place)
        taken.append((clock() - began) / 1000)
    return taken


def median_of(groups: Iterable[list[float]]) -> Samples:
    """The median of each group: a sample a round."""
    return Samples([statistics.median(group) for group in groups])


def environment(**more: str) -> dict[str, str]:
    """The environment of a new process, in which Python keeps compiled modules as users' does."""
    inherited = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return inherited | more


def run_python(*arguments: str) -> str:
    """Run this Python in a new process and return what it printed."""
    command = [sys.executable, *arguments]
    return subprocess.check_output(command, env=environment(), text=True)


def disk_bytes(folder: Path) -> int:
    """What the disk holds of a folder, by blocks: sparse and preallocated files as they are."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def machine() -> list[str]:
    """Machine and versions, a line each."""
    names = ("eventtrack", "lmdb", "msgspec")
    with tempfile.NamedTemporaryFile() as file:
        blocks = os.statvfs(file.name).f_bsize
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    system = f"{platform.system()} {platform.release()}, blocks of {blocks} bytes, load {load}"
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    return [
        f"machine: {os.cpu_count()} cores, {platform.machine()}, {_processor()}, {system}",
        f"python {platform.python_version()}, {versions}",
    ]


def table(rows: list[list[str]]) -> Iterator[str]:
    """Rows as a Markdown table with even columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for place, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"
        if place == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"


def number(value: float | None) -> str:
    """Three significant digits, whole thousands with commas."""
    if value is None:
        return ""
    if value == 0 or not math.isfinite(value):
        return str(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _version(name: str) -> str:
    if name == "eventtrack":
        from eventtrack import __version__

        return __version__
    return version(name)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
