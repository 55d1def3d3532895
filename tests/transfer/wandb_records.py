"""`.wandb` files of any content, written without wandb: protocol buffers and their frames."""

import json
import struct
from pathlib import Path
from typing import Any

from eventtrack.transfer.report import Report
from eventtrack.transfer.wandb import RunFolders
from tests.transfer.reading import Read, read
from tests.transfer.test_wandb import framed

START = 1_700_000_000
FIRST, SECOND = "offline-run-20240101_100000-abc", "offline-run-20240102_100000-abc"


def varint(number: int) -> bytes:
    """A number as protocol buffers have it."""
    number &= 2**64 - 1
    data = b""
    while number > 0x7F:
        data, number = data + bytes([number & 0x7F | 0x80]), number >> 7
    return data + bytes([number])


def field(number: int, value: Any) -> bytes:
    """A field: a double, a whole number, a text or a message."""
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def pairs(values: dict[Any, Any], number: int = 1) -> bytes:
    """Items: keys are names, or tuples of nested names."""
    data = b""
    for key, value in values.items():
        names = field(1, key) if isinstance(key, str) else b"".join(field(2, one) for one in key)
        data += field(number, names + field(16, json.dumps(value)))
    return data


def begin(
    run_id: str = "abc",
    start: int = 1_700_000_000,
    config: dict[Any, Any] | None = None,
    more: bytes = b"",
    **texts: str,
) -> bytes:
    """The record that a run begins with; texts are entity, project and name."""
    data = field(1, run_id) + field(2, texts.get("entity", "team"))
    data += field(3, texts.get("project", "flowers")) + field(4, pairs(config or {}))
    data += field(8, texts.get("name", run_id))
    return field(17, data + (field(17, field(1, start)) if start else b"") + more)


def branch(run_id: str, step: float) -> bytes:
    """For `begin`: it goes on from a step of a run."""
    return field(23, field(1, run_id) + field(2, float(step)) + field(3, "_step"))


def row(step: int | None, seconds: float | None, **values: Any) -> bytes:
    """A row of the history."""
    own = {"_step": step, "_timestamp": seconds}
    return field(2, pairs(values | {key: one for key, one in own.items() if one is not None}))


def summary(**values: Any) -> bytes:
    """What the summary says from here on."""
    return field(3, pairs(values))


def end(code: int = 0, seconds: int | None = None) -> bytes:
    """How the run ended, and after how many seconds."""
    data = field(1, code) if code else b""
    return field(18, data + (field(2, seconds) if seconds is not None else b""))


def write(folder: Path, *records: bytes, run_id: str = "abc") -> Path:
    """Write the file of a run to its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{run_id}.wandb"
    path.write_bytes(framed(list(records)))
    return path


def show(folder: Path) -> tuple[dict[str, Read], Report]:
    """The runs below a folder, by their names."""
    runs, report = read(RunFolders(folder))
    assert len({one.run.run_id for one in runs}) == len(runs)
    return {one.run.name: one for one in runs}, report


def only(folder: Path) -> Read:
    """The one run below a folder, read without a complaint."""
    [run] = show(folder)[0].values()
    return run
