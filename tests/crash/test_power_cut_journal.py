"""Power cuts while a server has points in its journal: all that were answered are found again."""

import os
import random
import shutil
import warnings
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackWarning
from eventtrack.log import journal
from eventtrack.store import Store
from eventtrack.views.records import Metric
from tests.crash.disk import SECTOR_BYTES
from tests.crash.workers import opened

RUN, CALLS = "d" * 32, 30


def record(store: Store, steps: range) -> None:
    """Record points as a server does, each of a call of its own."""
    calls = [store.metrics.prepare(RUN, [Metric("loss", 0.5, 1, step)]) for step in steps]
    assert store.metrics.record(calls, journal=True) == [None] * len(calls)


def test_after_a_power_cut_all_points_that_were_answered_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The journal as it was at each sync, and the number of points that were answered after it.
    synced: list[tuple[bytes, int]] = []
    chance = random.Random(3)
    with opened(tmp_path / "store") as store:
        store.runs.create("0", run_id=RUN)
        record(store, range(1))  # a decision: it goes into the log
        count = 1
        monkeypatch.setattr(
            journal, "_sync_data", lambda file: synced.append((os.pread(file, 2**20, 0), count))
        )
        for _ in range(CALLS):
            start, count = count, count + chance.choice([1, 1, 5, 40])
            record(store, range(start, count))
        [name] = (file.name for file in (store.path / "journal").glob("*.journal"))
        shutil.copytree(store.path, tmp_path / "before", ignore=shutil.ignore_patterns("*.journal"))
    assert len(synced) == CALLS
    for cut in range(CALLS - 1):
        (image, answered), (later, _) = synced[cut], synced[cut + 1]
        path = tmp_path / f"cut-{cut}"
        shutil.copytree(tmp_path / "before", path)
        mixed = bytearray(image)
        for place in range(0, len(image), SECTOR_BYTES):
            if chance.random() < 0.5:
                mixed[place : place + SECTOR_BYTES] = later[place : place + SECTOR_BYTES]
        (path / "journal" / name).write_bytes(mixed)
        with warnings.catch_warnings():
            # What was not answered may be half there; the file is then set aside.
            warnings.simplefilter("ignore", EventtrackWarning)
            with opened(path) as store:
                found = list(store.metrics.arrays(RUN, "loss").steps)
        assert found[:answered] == list(range(answered))
        shutil.rmtree(path)
