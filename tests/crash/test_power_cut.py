"""Power cuts, played from a record of every write and sync: the log keeps all that had returned.

At a cut the disk holds everything synced before, and of the writes since then any it likes: none,
all, some sectors of some. From each such disk the log must open, and hold every call that had
returned. The views promise nothing then, and must not be believed.
"""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.projections import build as build_module
from eventtrack.projections import shape
from eventtrack.store import open_store
from tests.crash import recording, workers
from tests.crash.disk import File
from tests.crash.recording import Step
from tests.crash.workers import opened

CALLS = 40
CUTS = 200
DATA = "/log/data.mdb"


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
    folder = tmp_path_factory.mktemp("recorded")
    library = recording.built(folder)
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
        env=recording.environment(library, folder / "store", folder / "record"),
    )
    first = Step("W", is_synced=True, place=0, path=DATA, other="", data=start)
    steps = recording.steps(folder / "record")
    return [first, *(step for step in steps if step.path in (DATA, "/returned"))]


@pytest.mark.slow
def test_after_a_power_cut_the_log_holds_every_call_that_had_returned(
    recorded: list[Step], tmp_path: Path
) -> None:
    kinds = [step.kind for step in recorded]
    assert kinds.count("R") == CALLS
    assert kinds.count("S") >= CALLS
    chance = random.Random(11)
    cuts = sorted(chance.sample(range(1, len(recorded)), CUTS))
    disk, returned = File(), 0
    for number, step in enumerate(recorded):
        if step.kind in "WTS":
            disk.take(step)
        returned += step.kind == "R"
        if number in cuts:
            _assert_holds(disk.after_a_cut(chance), returned, tmp_path / f"cut-{number}")


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
    [data] = (path / "views").glob(f"{shape.fingerprint()}-*/data.mdb")
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
