"""Event files of any content, and what an import shows of them."""

from pathlib import Path
from typing import Any

import pytest

from eventtrack.transfer.report import Report
from eventtrack.transfer.tensorboard import EventFolders
from tests.transfer.reading import Read, read

START = 1_700_000_000.0
NAME = "events.out.tfevents.1700000000.host"

writer: Any = pytest.importorskip("tensorboardX.record_writer")
pb: Any = pytest.importorskip("tensorboardX.proto.event_pb2")
summaries: Any = pytest.importorskip("tensorboardX.proto.summary_pb2")
hparams: Any = pytest.importorskip("tensorboardX.proto.plugin_hparams_pb2")


def scalar(step: int, wall: float | None = None, **values: float) -> Any:
    """An event with scalars."""
    wall = START + step if wall is None else wall
    pairs = [summaries.Summary.Value(tag=tag, simple_value=one) for tag, one in values.items()]
    return pb.Event(wall_time=wall, step=step, summary=summaries.Summary(value=pairs))


def tensor(tag: str, **fields: Any) -> Any:
    """An event with a tensor."""
    value = summaries.Summary.Value(tag=tag)
    value.tensor.MergeFrom(type(value.tensor)(**fields))
    return pb.Event(wall_time=START, step=1, summary=summaries.Summary(value=[value]))


def begin(step: int, wall: float = START) -> Any:
    """The event that says that a session begins at a step."""
    return pb.Event(wall_time=wall, step=step, session_log=pb.SessionLog(status=1))


def write(path: Path, *events: Any, version: str = "brain.Event:2", wall: float = START) -> Path:
    """Write an event file as TensorBoard's writers do; no version where it is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        records = writer.RecordWriter.__new__(writer.RecordWriter)
        records._writer = file
        if version:
            records.write(pb.Event(wall_time=wall, file_version=version).SerializeToString())
        for event in events:
            records.write(event.SerializeToString())
    return path


def show(logs: Path) -> tuple[dict[str, Read], Report]:
    """The runs below a folder, by name."""
    runs, report = read(EventFolders(logs))
    return {one.run.name: one for one in runs}, report
