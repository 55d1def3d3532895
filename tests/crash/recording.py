"""The library that records what a process does to files, and kills it at one of its calls."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tidy.tree import ROOT

_RECORD = struct.Struct("<ccQIHH")


class Step(NamedTuple):
    """One thing that a recorded process did; `kind` is a letter of recorder.c."""

    kind: str
    is_synced: bool
    place: int
    path: str
    other: str
    data: bytes


def built(folder: Path) -> Path:
    """The library, compiled; the test is skipped where that cannot be."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("recording calls needs a C compiler and Linux's LD_PRELOAD")
    library = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"],
        check=True,
    )
    return library


def environment(library: Path, under: Path, record: Path | None = None) -> dict[str, str]:
    """The environment of a process whose calls below a folder are recorded, or only counted."""
    found = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LD_PRELOAD": str(library),
        "RECORD_UNDER": str(under),
    }
    return found if record is None else {**found, "RECORD_TO": str(record)}


def steps(record: Path) -> Iterator[Step]:
    """What was recorded, in order."""
    data = record.read_bytes()
    at = 0
    while at < len(data):
        kind, synced, place, size, first, second = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        path = data[at : at + first].decode()
        other = data[at + first : at + first + second].decode()
        at += first + second
        yield Step(kind.decode(), synced == b"\1", place, path, other, data[at : at + size])
        at += size
