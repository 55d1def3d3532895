"""What the machine can do at best, measured beside the figures that are held against it."""

import mmap
import os
import statistics
from array import array
from collections.abc import Callable
from pathlib import Path

import lmdb
import msgspec
from _harness import Samples, each_call_us, measure, median_of, run_python, seconds

from eventtrack.events.types import MetricLogged

CALLS = 20_000
LINE = b"x" * 90
POINT = MetricLogged("loss", 0.25, 12_345, 1_700_000_000_000)


def os_write_us(folder: Path, rounds: int) -> Samples:
    """An `os.write` of 90 bytes to a file, p50 of single calls: the least a safe logger pays."""
    descriptor = os.open(folder / "write", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        return median_of(
            each_call_us(lambda _: os.write(descriptor, LINE), CALLS) for _ in range(rounds)
        )
    finally:
        os.close(descriptor)


def mmap_copy_us(folder: Path, rounds: int) -> Samples:
    """A copy of 90 bytes into a shared, preallocated map, p50 of single calls."""
    size = CALLS * len(LINE)
    descriptor = os.open(folder / "map", os.O_CREAT | os.O_RDWR)
    try:
        os.posix_fallocate(descriptor, 0, size)
        with mmap.mmap(descriptor, size) as shared:

            def copy(place: int) -> None:
                start = place * len(LINE)
                shared[start : start + len(LINE)] = LINE

            return median_of(each_call_us(copy, CALLS) for _ in range(rounds))
    finally:
        os.close(descriptor)


def encode_us(rounds: int) -> Samples:
    """Msgspec encoding one point, mean of a loop."""
    encode = msgspec.msgpack.Encoder().encode
    return _loop_us(lambda: encode(POINT), rounds)


def commit_ms(folder: Path, rounds: int) -> Samples:
    """One put and one durable commit of LMDB."""
    with _environment(folder / "commit") as environment:

        def commit(place: int) -> None:
            with environment.begin(write=True) as txn:
                txn.put(place.to_bytes(8, "big"), LINE)

        return median_of(each_call_us(commit, 200) for _ in range(rounds)).scaled(1e-3)


def put_us(folder: Path, rounds: int) -> Samples:
    """One put of 90 bytes into LMDB, in order, within a large transaction; the commit counts."""
    with _environment(folder / "put") as environment:

        def put() -> None:
            with environment.begin(write=True) as txn:
                for place in range(CALLS):
                    txn.put(place.to_bytes(8, "big"), LINE)

        return measure(put, rounds).scaled(1e6 / CALLS)


def fdatasync_ms(folder: Path, rounds: int) -> Samples:
    """Making 4 KiB of a file durable."""
    descriptor = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY)
    try:
        found = []
        for _ in range(rounds):
            taken = []
            for _ in range(50):
                os.write(descriptor, bytes(4096))
                taken.append(seconds(lambda: os.fdatasync(descriptor)))
            found.append(statistics.median(taken) * 1e3)
        return Samples(found)
    finally:
        os.close(descriptor)


def read_columns_ms(folder: Path, points: int, rounds: int) -> Samples:
    """Three columns of 8-byte numbers from LMDB into arrays, in rows of 4,096 points."""
    rows = range(points // 4096)
    with _environment(folder / "columns") as environment:
        with environment.begin(write=True) as txn:
            for row in rows:
                txn.put(row.to_bytes(4, "big"), bytes(4096 * 24))

        def read() -> None:
            columns = [memoryview(array("d", (0.0,)) * points).cast("B") for _ in range(3)]
            with environment.begin(buffers=True) as txn:
                for row, data in enumerate(txn.cursor().iternext(keys=False)):
                    for place, column in enumerate(columns):
                        chunk = data[place * 32768 : (place + 1) * 32768]
                        column[row * 32768 : (row + 1) * 32768] = chunk

        return measure(read, rounds).scaled(1e3)


def python_start_ms(rounds: int, code: str = "pass") -> Samples:
    """A new Python that runs `code`, until it has ended."""
    return measure(lambda: run_python("-c", code), rounds).scaled(1e3)


def _environment(folder: Path) -> lmdb.Environment:
    folder.mkdir()
    return lmdb.open(str(folder), map_size=2**30)


def _loop_us(work: Callable[[], object], rounds: int) -> Samples:
    def loop() -> None:
        for _ in range(CALLS):
            work()

    return measure(loop, rounds).scaled(1e6 / CALLS)
