"""Maintenance of a store: figures, rebuilds of the views, comparisons of views and log."""

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from eventtrack.log import files
from eventtrack.projections import curves
from eventtrack.projections.digest import digest
from eventtrack.projections.skipped import unknown_counts
from eventtrack.store.check import CheckReport, check_log, check_store
from eventtrack.store.engine import Engine
from eventtrack.views.moments import Moment, folded
from eventtrack.views.records import Record
from eventtrack.views.skips import SkippedEnvelope, skipped_envelopes

Progress = Callable[[int, int], None]


class StoreStats(Record):
    """Counts and sizes of a store. `bytes_*` are sizes on the disk.

    `skipped_envelopes` counts the envelopes without effect by their kind; see `SkippedEnvelope`.
    """

    path: str
    replica: str
    format: int
    envelopes: int
    feeds: int
    sessions: int
    experiments: int
    runs: int
    points: int
    series: int
    artifacts: int
    journals: int
    bytes_log: int
    bytes_views: int
    bytes_journal: int
    bytes_blobs: int
    unknown_events: dict[str, int]
    skipped_envelopes: dict[str, int]


class Building(Record):
    """Views of this version that are being built, while older ones are shown.

    `shown` is the last position that the older ones have, `folded` that of the newer so far, and
    `head` the last of the log.
    """

    shown: int
    folded: int
    head: int


class Maintenance:
    """Figures, checks and rebuilds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stats(self) -> StoreStats:
        """Counts and sizes; costs a look at every run."""
        engine, path = self._engine, self._engine.path
        with engine.read() as reader:
            runs = points = series = 0
            for key in reader.rows.keys("runs"):
                run = reader.run_by_number(int.from_bytes(key, "big"))
                if run is not None and run.experiment_id:
                    runs += 1
                    counts = [metric.count for _, metric in curves.series_of(run)]
                    series, points = series + len(counts), points + sum(counts)
            return StoreStats(
                path=str(path),
                replica=engine.log.replica.hex(),
                format=files.read_format(path),
                envelopes=engine.log.head(),
                feeds=len(engine.log.heads()),
                sessions=reader.rows.count("sessions"),
                experiments=len(reader.experiments()),
                runs=runs,
                points=points,
                series=series,
                artifacts=reader.rows.count("artifacts"),
                journals=len(list((path / files.JOURNAL).glob("*.journal"))),
                bytes_log=_size(path / files.LOG),
                bytes_views=_size(path / files.VIEWS),
                bytes_journal=_size(path / files.JOURNAL),
                bytes_blobs=_size(path / files.BLOBS),
                unknown_events=unknown_counts(reader),
                skipped_envelopes=dict(
                    Counter(skipped.kind for skipped in skipped_envelopes(reader))
                ),
            )

    def building(self) -> Building | None:
        """The views that are being built; None unless older views are shown meanwhile."""
        views = self._engine.views
        if not views.older.is_shown:
            return None
        return Building(
            shown=views.older.position, folded=views.folded(), head=self._engine.log.head()
        )

    def skipped(self) -> list[SkippedEnvelope]:
        """The envelopes without effect, in order of positions."""
        with self._engine.read() as reader:
            return skipped_envelopes(reader)

    def digest(self, progress: Progress | None = None) -> str:
        """The digest of the live views, in hex: equal on every machine with the same facts."""
        with self._engine.read():  # takes in the journals of processes that have died
            pass
        # Of what the log has: points that wait in journals are nowhere else.
        with self._engine.views.read() as reader:
            return digest(reader, progress)

    def rebuild(self, progress: Progress | None = None) -> str:
        """Fold the whole log anew beside the live views, swap, and return the new digest."""
        self._engine.flush()
        self._engine.views.rebuild(progress)
        return self.digest()

    def verify(self, progress: Progress | None = None) -> tuple[bool, str, str]:
        """Whether the live views match the log, as (equal, live digest, rebuilt digest).

        Folds the whole log into a temporary folder and changes nothing.
        """
        live = self.digest()
        with self._engine.read():
            moment = Moment(position=self._engine.log.head())
        with folded(self._engine.log, moment, progress) as build, build.read() as reader:
            rebuilt = digest(reader)
        return live == rebuilt, live, rebuilt

    def check_log(self, progress: Progress | None = None) -> CheckReport:
        """Examine the log alone: every header and payload, every feed; changes nothing."""
        self._engine.flush()
        return check_log(self._engine, progress)

    def check(self, progress: Progress | None = None) -> CheckReport:
        """Examine log, journals, views and blobs; changes nothing. See `check_store`."""
        self._engine.flush()
        return check_store(self._engine, progress)


def _size(folder: Path) -> int:
    """The bytes of a folder on the disk: preallocated and sparse files count by their blocks.

    Files and folders that other processes delete meanwhile count as nothing.
    """
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                size += Path(place, name).stat().st_blocks * 512
    return size
