"""Small stores, ways to damage their files, and what processes make of those that were."""

import os
import random
import shutil
import string
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

from eventtrack.errors import EventtrackError, EventtrackWarning
from eventtrack.store import Store, open_store

PAGE_BYTES = 4096
ROOT = Path(__file__).resolve().parents[2]
# How a child says what became of its work.
SAME, OTHER, TOLD, BROKEN = range(4)


def make_store(path: Path, runs: int = 3, points: int = 5) -> None:
    """A store with a few runs, closed: made in a child, so that nothing of it is open here."""

    def work() -> None:
        store = Store(path)
        for number in range(runs):
            run_id = store.runs.create("0", run_name=f"run {number}").info.run_id
            store.runs.log_params(run_id, {"lr": number / 8})
            # Letters that cannot be compressed much: the log is to have many pages.
            note = "".join(random.Random(number).choices(string.printable, k=40 * number))
            store.runs.set_tags(run_id, {"note": note})
            for step in range(points):
                store.metrics.log(run_id, "loss", step + number / 4, step, 1)
        store.close()

    assert in_child(work) == 0


def what_it_says(path: Path) -> str:
    """Everything that a store shows of its runs."""
    store = open_store(path, create=False)
    try:
        runs = sorted(store.runs.search(["0"], max_results=100), key=lambda run: run.info.run_name)
        return repr(
            [
                (run.info.run_name, run.data.params, run.data.tags, found.values, found.steps)
                for run in runs
                for found in [store.metrics.arrays(run.info.run_id, "loss")]
            ]
        )
    finally:
        store.close()


def numbers_shown(path: Path) -> set[tuple[object, ...]]:
    """Every param and point that a store shows, each with its run."""
    store = open_store(path, create=False)
    try:
        return {
            shown
            for run in store.runs.search(["0"], max_results=100)
            for run_id in [run.info.run_id]
            for found in [store.metrics.arrays(run_id, "loss")]
            for shown in [
                *((run_id, key, value) for key, value in run.data.params.items()),
                *((run_id, *point) for point in zip(found.steps, found.values, strict=True)),
            ]
        }
    finally:
        store.close()


def in_child(work: Callable[[], object]) -> int:
    """Do `work` in a forked child; returns its code, negative for the signal that killed it.

    A child that returns a number ends with that; one that raises ends with `BROKEN`.
    """
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        code = BROKEN
        try:
            found = work()
            code = found if isinstance(found, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def told_or(work: Callable[[], bool]) -> int:
    """Whether `work` found all as it was, was told that it is not, or found something else."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            same = work()
        except EventtrackError:
            return TOLD
    if any(one.category is EventtrackWarning for one in caught):
        return TOLD
    return SAME if same else OTHER


def flip(path: Path, bit: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes((byte ^ 1 << bit % 8,)))


def some_bits(path: Path, count: int, seed: int) -> list[int]:
    """Bits of a file, chosen by chance; all of them where there are not so many."""
    total = 8 * path.stat().st_size
    return random.Random(seed).sample(range(total), min(count, total))


@contextmanager
def copied(store: Path) -> Iterator[Path]:
    """A copy of a store's folder, removed at the end of the block."""
    with tempfile.TemporaryDirectory(dir=store.parent) as folder:
        shutil.copytree(store, Path(folder) / store.name)
        yield Path(folder) / store.name


def eventtrack(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "eventtrack", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
    )


def damage_payload(path: Path, position: int) -> None:
    """Change the last byte of an envelope in the log of a store that nobody has open."""
    _rewrite(path, position, lambda data: data[:-1] + bytes((data[-1] ^ 1,)))


def damage_header(path: Path, position: int, old: bytes, new: bytes) -> None:
    """Change bytes of an envelope's header, in a store that nobody has open."""
    _rewrite(path, position, lambda data: data.replace(old, new, 1))


def _rewrite(path: Path, position: int, change: Callable[[bytes], bytes]) -> None:
    with lmdb.open(str(path / "log"), max_dbs=20) as environment:
        table = environment.open_db(b"events")
        with environment.begin(write=True) as txn:
            key = position.to_bytes(8, "big")
            data = bytes(txn.get(key, db=table) or b"")
            assert change(data) != data
            txn.put(key, change(data), db=table)
