"""Power cuts, played from a record of every write and sync: the log keeps all that had returned.

At a cut the disk holds everything synced before, and of the writes since then any it likes: none,
all, some sectors of some. From each such disk the log must open, and hold every call that had
returned. The views promise nothing then, and must not be believed.
"""

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from eventtrack.projections import build as build_module
from eventtrack.projections import runner
from eventtrack.store import open_store
from tests.crash import workers
from tests.crash.workers import opened

CALLS = 40
CUTS = 200
SECTOR_BYTES = 512
_RECORD = struct.Struct("<ccQI")


class Step(NamedTuple):
    """One thing that the recorded process did: "W" a write, "S" a sync, "R" a call returned."""

    kind: str
    is_synced: bool
    place: int
    data: bytes


def decide(path: Path) -> None:
    """Decisions small and large, each noted when it has returned."""
    store = open_store(path)
    run_id = store.runs.create("0", run_id="c" * 32).info.run_id
    chance = random.Random(7)
    with (path / "returned").open("wb", buffering=0) as file:
        for number in range(CALLS):
            size = chance.choice([1, 10, 3000])
            params = {f"{number}-{key}": "x" * size for key in range(chance.choice([1, 1, 8]))}
            store.runs.log_params(run_id, params)
            file.write(b"%d\n" % number)
    os._exit(0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """What a process did to the log's file."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("recording writes needs a C compiler and Linux's LD_PRELOAD")
    folder = tmp_path_factory.mktemp("recorded")
    library = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"],
        check=True,
    )
    with opened(folder / "store") as store:
        # Begun before: how a store comes to be is not under test here.
        store.experiments.create("first")
    code = (
        "import pathlib, tests.crash.test_power_cut as tests\n"
        f"tests.decide(pathlib.Path({str(folder / 'store')!r}))"
    )
    start = (folder / "store" / "log" / "data.mdb").read_bytes()
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        timeout=workers.PATIENCE_S,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "LD_PRELOAD": str(library),
            "RECORD_TO": str(folder / "record"),
            "RECORD_UNDER": str(folder / "store"),
        },
    )
    steps = list(_steps((folder / "record").read_bytes()))
    return [Step("W", is_synced=True, place=0, data=start), *steps]


def _steps(record: bytes) -> Iterator[Step]:
    at = 0
    while at < len(record):
        kind, synced, place, size = _RECORD.unpack_from(record, at)
        at += _RECORD.size
        yield Step(kind.decode(), synced == b"\1", place, record[at : at + size])
        at += size


class Disk:
    """A file as the disk holds it: what was synced, and the writes that may or may not be there."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.pending: list[tuple[int, bytes]] = []

    def take(self, step: Step) -> None:
        """Play one step."""
        if step.kind == "S":
            for place, data in self.pending:
                _put(self.synced, place, data)
            self.pending = []
        elif step.kind == "W" and step.is_synced:
            # It is on the disk when it returns, and says nothing of the others.
            _put(self.synced, step.place, step.data)
        elif step.kind == "W":
            self.pending.append((step.place, step.data))

    def after_a_cut(self, chance: random.Random, begun: Step | None) -> bytes:
        """What is found after the power comes back, when the write `begun` had not returned."""
        image = bytearray(self.synced)
        pending = [*self.pending, *([(begun.place, begun.data)] if begun is not None else [])]
        share = chance.choice([0.0, 0.5, 0.5, 0.9, 1.0])
        for place, data in pending:
            for start in range(0, len(data), SECTOR_BYTES):
                if chance.random() < share:
                    _put(image, place + start, data[start : start + SECTOR_BYTES])
        return bytes(image)


def _put(image: bytearray, place: int, data: bytes) -> None:
    if len(image) < place + len(data):
        image.extend(bytes(place + len(data) - len(image)))
    image[place : place + len(data)] = data


@pytest.mark.slow
def test_after_a_power_cut_the_log_holds_every_call_that_had_returned(
    recorded: list[Step], tmp_path: Path
) -> None:
    kinds = [step.kind for step in recorded]
    assert kinds.count("R") == CALLS
    assert kinds.count("S") >= CALLS
    chance = random.Random(11)
    cuts = sorted(chance.sample(range(1, len(recorded)), CUTS))
    disk, returned = Disk(), 0
    for number, step in enumerate(recorded):
        if number in cuts:
            begun = step if step.kind == "W" else None
            image = disk.after_a_cut(chance, begun)
            _assert_holds(image, returned, tmp_path / f"cut-{number}")
        disk.take(step)
        returned += step.kind == "R"


def _assert_holds(image: bytes, returned: int, path: Path) -> None:
    (path / "log").mkdir(parents=True)
    for name in ("journal", "views", "blobs"):
        (path / name).mkdir()
    (path / "FORMAT").write_text("1\n")
    (path / "log" / "data.mdb").write_bytes(image)
    with opened(path) as store:
        found = [
            int(next(iter(event.body["params"])).partition("-")[0])
            for event in store.events.read(types=["run.params_logged"])
        ]
        assert found == list(range(len(found)))
        assert returned <= len(found) <= returned + 1
        assert store.maintenance.check().ok
    shutil.rmtree(path)


@pytest.mark.parametrize("wreck", ["garbage", "an older file", "no file"])
def test_views_of_another_boot_that_were_not_closed_are_thrown_away_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wreck: str
) -> None:
    path = tmp_path / "store"
    workers.finish(workers.start(_leave_open, path))
    [data] = (path / "views").glob(f"{runner.fingerprint()}-*/data.mdb")
    if wreck == "garbage":
        data.write_bytes(os.urandom(data.stat().st_size))
    elif wreck == "an older file":
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    else:
        data.unlink()
    monkeypatch.setattr(build_module, "boot_id", lambda: "another boot")
    with opened(path) as store:
        assert len(store.metrics.arrays("d" * 32, "loss")) == 50
        assert not data.parent.exists()
        workers.assert_sound(store)


def _leave_open(path: Path) -> None:
    store = open_store(path)
    run_id = store.runs.create("0", run_id="d" * 32).info.run_id
    for step in range(50):
        store.metrics.log(run_id, "loss", step, step)
    assert len(store.metrics.arrays(run_id, "loss")) == 50
    store.flush()
    os._exit(0)


def test_views_that_were_closed_are_kept_over_a_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store"
    with opened(path) as store:
        store.runs.create("0", run_id="d" * 32)
    builds = {file.name for file in (path / "views").iterdir()}
    monkeypatch.setattr(build_module, "boot_id", lambda: "another boot")
    with opened(path) as store:
        assert store.runs.get("d" * 32)
        assert {file.name for file in (path / "views").iterdir()} == builds
