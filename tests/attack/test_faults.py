"""Calls to the system that fail: an error of ours with a hint, and what returned is kept."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackError
from eventtrack.store import open_store
from tests.attack import damaged
from tests.attack.damaged import ROOT, in_child

SEED = int(os.environ.get("TORTURE_SEED", "1"))
COUNT = int(os.environ.get("TORTURE_COUNT", "20"))
NUMBERS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EMFILE": errno.EMFILE}

# Opens a store, records, and says of each call on its standard output that it returned.
PROGRAM = """
import sys, warnings
from eventtrack.errors import EventtrackError
from eventtrack.store import open_store
from eventtrack.tokens import Tokens
from pathlib import Path

def go(path):
    store = open_store(path)
    run_id = store.runs.create("0", run_id="f" * 32).info.run_id
    print("run", flush=True)
    for number in range(6):
        store.runs.set_tags(run_id, {f"tag{number}": "x" * 500})
        print("tag", number, flush=True)
        store.metrics.log(run_id, "loss", float(number), number, 1)
        print("point", number, flush=True)
    store.artifacts.log_bytes(run_id, b"bytes", "file.txt")
    print("file", flush=True)
    Tokens(Path(path)).create("ada", "read")
    print("token", flush=True)
    store.close()

warnings.simplefilter("ignore")
try:
    go(sys.argv[1])
except EventtrackError as error:
    print("error", type(error).__name__, flush=True)
    sys.exit(0 if error.hint else 3)
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("failing calls need a C compiler and Linux's LD_PRELOAD")
    library = tmp_path_factory.mktemp("shim") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def run(shim: Path, path: Path, **faults: str) -> subprocess.CompletedProcess[str]:
    """Record into a store, with faults."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LD_PRELOAD": str(shim),
            "FAULT_UNDER": str(path),
            **{f"FAULT_{name}": value for name, value in faults.items()},
        },
    )


def assert_kept(path: Path, output: str) -> None:
    """What returned is there, in a store that is sound."""
    lines = output.splitlines()
    if "run" not in lines:
        return
    store = open_store(path)
    found = store.runs.get("f" * 32)
    tags = {line.replace(" ", "") for line in lines if line.startswith("tag ")}
    assert tags <= found.data.tags.keys()
    points = [int(line.split()[1]) for line in lines if line.startswith("point ")]
    assert set(points) <= set(store.metrics.arrays("f" * 32, "loss").steps)
    assert store.maintenance.check().problems == []
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("once", [True, False])
def test_a_call_that_fails_anywhere_is_an_error_of_ours_and_loses_nothing(
    shim: Path, tmp_path: Path, name: str, *, once: bool
) -> None:
    whole = run(shim, tmp_path / "whole", COUNT=str(tmp_path / "count"))
    assert whole.returncode == 0, whole.stderr
    total = int((tmp_path / "count").read_text())
    assert total > 50
    failed = 0
    for at in places(total):
        path = tmp_path / f"store{at}"
        more = {"ONCE": "1"} if once else {}
        ended = run(shim, path, AT=str(at), ERRNO=str(NUMBERS[name]), **more)
        assert ended.returncode == 0, f"call {at}: {ended.stdout}{ended.stderr}"
        failed += "error" in ended.stdout
        assert_kept(path, ended.stdout)
        shutil.rmtree(path, ignore_errors=True)
    assert failed


def places(total: int) -> Iterator[int]:
    """Some calls among so many."""
    step = max(1, total // COUNT)
    yield from range(1 + SEED % step, total + 1, step)


def open_and_close(path: Path) -> None:
    """Make a store."""
    open_store(path).close()


def few_descriptors(path: Path) -> None:
    """Use a store, and open one, with a few descriptors left, or none."""
    warnings.simplefilter("ignore")
    store = open_store(path)
    run_id = store.runs.create("0").info.run_id
    # Python loads the modules of each kind of work when it is first done.
    store.metrics.log(run_id, "loss", 1.0)
    store.runs.get(run_id)
    store.artifacts.log_bytes(run_id, b"x", "x")
    kept = []
    # The process may hold many from before.
    soft = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    try:
        while True:
            kept.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    refused = 0
    for free in range(12):
        works: tuple[Callable[[], object], ...] = (
            lambda: store.runs.set_tags(run_id, {"a": "b"}),
            lambda: store.metrics.log(run_id, "loss", 1.0),
            lambda: store.artifacts.log_bytes(run_id, b"x", "x"),
            partial(open_and_close, path.parent / f"other{free}"),
        )
        for work in works:
            try:
                work()
            except EventtrackError:
                refused += 1
        os.close(kept.pop())
    assert refused


def test_a_process_without_descriptors_gets_errors_of_ours(tmp_path: Path) -> None:
    assert in_child(lambda: few_descriptors(tmp_path / "store")) == 0


def test_a_store_that_was_moved_away_is_missed_by_name(tmp_path: Path) -> None:
    damaged.make_store(tmp_path / "store")
    store = open_store(tmp_path / "store")
    run_id = store.runs.search(["0"])[0].info.run_id
    (tmp_path / "store").rename(tmp_path / "moved")
    works: tuple[Callable[[], object], ...] = (
        lambda: store.runs.set_tags(run_id, {"a": "b"}),
        lambda: store.metrics.log(run_id, "loss", 1.0),
        lambda: store.artifacts.log_bytes(run_id, b"x", "x"),
    )
    for work in works:
        with pytest.raises(EventtrackError) as caught:
            work()
        assert caught.value.hint
    said = in_child(lambda: len(open_store(tmp_path / "moved").runs.search(["0"])))
    assert said == 3
