"""Journals made for tests, and what is found in them."""

import errno
import os
import zlib
from pathlib import Path

import msgspec
import pytest

from eventtrack.events.reading import events_of
from eventtrack.events.types import Event, MetricLogged
from eventtrack.ids import SeededIds
from eventtrack.log.drain import adopt_orphans
from eventtrack.log.frames import PREAMBLE, Frame, scan, slot_seed
from eventtrack.log.journal import Journal
from eventtrack.log.memory import MemoryLog

SESSION = b"s" * 16
RUN = "run/1"
FILE_BYTES = 4096


def new_journal(folder: Path, file_bytes: int = FILE_BYTES, ids: str = "ids") -> Journal:
    return Journal(folder, SESSION, SeededIds(ids).id128, lambda: None, file_bytes)


def body(step: int, key: str = "loss") -> bytes:
    return msgspec.msgpack.encode(MetricLogged(key, 0.5, step, 1))


def append(journal: Journal, slot: int, *bodies: bytes) -> None:
    for one in bodies:
        journal.append(slot, one, slot_seed(slot))


def frames_of(path: Path) -> list[Frame]:
    data = path.read_bytes()
    found = scan(data, PREAMBLE.size, len(data))
    assert (found.damage, found.torn) == ("", 0)
    return found.frames


def bodies_in(folder: Path) -> list[bytes]:
    """All events of all journals of a folder, in order of their steps."""
    found = [one for path in folder.glob("*.journal") for slot, one in frames_of(path) if slot != 0]
    return sorted(found, key=lambda one: msgspec.msgpack.decode(one)[2])


def abandoned(folder: Path, *steps: int, file_bytes: int = FILE_BYTES) -> Path:
    """The journal of a process that died after it had logged these steps."""
    journal = new_journal(folder, file_bytes)
    slot = journal.define(RUN, "run.metric_logged", 1)
    append(journal, slot, *map(body, steps))
    [path] = folder.glob("*.journal")
    journal.close()
    return path


def adopted_events(folder: Path) -> list[Event | None]:
    """What the journals of dead processes held."""
    log = MemoryLog()
    adopt_orphans(log, folder)
    return [event for envelope in log.read(0, 1000) for event in events_of(envelope)]


def points(*steps: int) -> list[MetricLogged]:
    return [MetricLogged("loss", 0.5, step, 1) for step in steps]


def frame(slot: int, data: bytes) -> bytes:
    """A frame, made by the letter of the format."""
    number = slot.to_bytes(4, "little")
    checksum = zlib.crc32(data, zlib.crc32(number) + len(data))
    return len(data).to_bytes(4, "little") + checksum.to_bytes(4, "little") + number + data


def fill_disk(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOSPC) -> None:
    """Let every preallocation fail."""

    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
