"""Older views: shown to people while those of a new version are built, and to nobody else."""

import json
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import EventtrackWarning
from eventtrack.events.envelope import Envelope
from eventtrack.log.memory import MemoryLog
from eventtrack.projections import older, shape
from eventtrack.projections.older import SHOWS_OLDER
from eventtrack.projections.runner import Views
from tests.projections.live import builds, open_views, record, value


class SlowLog(MemoryLog):
    """A log that gives envelopes only while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.opened.set()
        self.rewritten = 0

    def read(self, after: int, limit: int = 1) -> list[Envelope]:
        assert self.opened.wait(30)
        return super().read(after, limit)

    def rewrites(self) -> int:
        return self.rewritten


@pytest.fixture
def slow() -> SlowLog:
    return SlowLog()


@pytest.fixture
def upgraded(tmp_path: Path, slow: SlowLog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Views]:
    """Views of a version whose folds mean something else, of a log that an earlier one folded."""
    before = open_views(tmp_path, slow)
    record(slow, 1)
    assert value(before) == "1"
    before.close()
    record(slow, 2)
    monkeypatch.setattr(shape, "PROJECTIONS_VERSION", shape.PROJECTIONS_VERSION + 1)
    monkeypatch.setattr(older, "PATIENCE_S", 0.05)
    token = SHOWS_OLDER.set(True)
    views = open_views(tmp_path, slow)
    slow.opened.clear()
    yield views
    slow.opened.set()
    views.close()
    SHOWS_OLDER.reset(token)


def shown(views: Views) -> str | None:
    """What a reader sees who would rather not wait; None if it has to."""
    build = views.instead()
    if build is None:
        return None
    with build.read() as reader:
        run = reader.run("a" * 32)
        return None if run is None else run.live_tags()["value"]


def test_older_views_are_shown_until_the_newer_are_built(upgraded: Views, slow: SlowLog) -> None:
    with pytest.warns(EventtrackWarning, match="up to event 1 of 2"):
        assert shown(upgraded) == "1"
    assert (upgraded.older.is_shown, upgraded.older.position) == (True, 1)
    assert shown(upgraded) == "1"
    slow.opened.set()
    assert value(upgraded) == "2"
    upgraded.older._thread.join()  # type: ignore[union-attr]
    assert shown(upgraded) is None
    assert not upgraded.older.is_shown


@pytest.mark.filterwarnings("ignore::eventtrack.errors.EventtrackWarning")
def test_nothing_is_folded_into_older_views(
    upgraded: Views, slow: SlowLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(upgraded) == "1"
    slow.opened.set()
    assert value(upgraded) == "2"
    upgraded.close()
    monkeypatch.undo()
    [name] = builds(tmp_path)
    again = open_views(tmp_path, slow)
    assert again.in_use().folder.name == name
    assert again.in_use().checkpoint().position == 1
    again.close()


@pytest.mark.usefixtures("upgraded")
@pytest.mark.filterwarnings("ignore::eventtrack.errors.EventtrackWarning")
@pytest.mark.parametrize("days", [29, 31])
def test_views_of_versions_that_nobody_uses_are_deleted_when_the_newer_are_there(
    upgraded: Views, slow: SlowLog, tmp_path: Path, days: int
) -> None:
    [pointer] = tmp_path.glob("current-*")
    older_build = tmp_path / pointer.read_text()
    then = time.time() - days * 86_400
    os.utime(older_build / "data.mdb", (then, then))
    assert shown(upgraded) == "1"
    assert older_build.is_dir()
    slow.opened.set()
    assert value(upgraded) == "2"
    upgraded.older._thread.join()  # type: ignore[union-attr]
    assert older_build.is_dir() == pointer.exists() == (days < 30)


def test_programs_wait(upgraded: Views) -> None:
    SHOWS_OLDER.set(False)
    assert upgraded.instead() is None
    assert not upgraded.older.is_shown


@pytest.mark.filterwarnings("ignore::eventtrack.errors.EventtrackWarning")
def test_what_was_erased_is_not_shown(upgraded: Views, slow: SlowLog) -> None:
    assert shown(upgraded) == "1"
    slow.rewritten += 1
    assert shown(upgraded) is None


def test_a_layout_that_this_version_cannot_read_is_not_shown(
    upgraded: Views, slow: SlowLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shape, "LAYOUT_VERSION", shape.LAYOUT_VERSION + 1)
    assert shown(upgraded) is None
    slow.opened.set()
    assert value(upgraded) == "2"


@pytest.mark.filterwarnings("ignore::eventtrack.errors.EventtrackWarning")
def test_views_that_are_closed_while_they_are_built_go_on_where_they_were(
    upgraded: Views, slow: SlowLog, tmp_path: Path
) -> None:
    assert shown(upgraded) == "1"
    closing = threading.Thread(target=upgraded.close)
    closing.start()
    slow.opened.set()
    closing.join(30)
    again = open_views(tmp_path, slow)
    assert again.in_use().checkpoint().position == 2
    again.close()


class TestReadable:
    """Which builds this version can read, by the shape beside them."""

    @pytest.fixture
    def theirs(self, tmp_path: Path) -> Any:
        shape.note(tmp_path)
        assert shape.is_readable(tmp_path)
        return json.loads((tmp_path / "shape").read_bytes())

    def readable(self, folder: Path, theirs: Any) -> bool:
        (folder / "shape").write_text(json.dumps(theirs))
        return shape.is_readable(folder)

    def test_fields_that_came_later_have_their_defaults(self, tmp_path: Path, theirs: Any) -> None:
        theirs["fields"]["RunState"].pop()
        assert self.readable(tmp_path, theirs)
        del theirs["fields"]["RunState"][1:]
        assert not self.readable(tmp_path, theirs)

    def test_a_field_of_another_type_cannot_be_read(self, tmp_path: Path, theirs: Any) -> None:
        theirs["fields"]["MetricState"][0] = ["series", "text"]
        assert not self.readable(tmp_path, theirs)

    def test_every_table_has_to_be_there(self, tmp_path: Path, theirs: Any) -> None:
        theirs["tables"].append("later")
        assert self.readable(tmp_path, theirs)
        theirs["tables"].remove("points")
        assert not self.readable(tmp_path, theirs)

    def test_builds_of_before_have_no_shape(self, tmp_path: Path) -> None:
        assert not shape.is_readable(tmp_path)


def test_views_that_nobody_holds_are_let_go_at_once(tmp_path: Path, log: MemoryLog) -> None:
    """A process may open their file again only then."""
    views = weakref.ref(open_views(tmp_path, log))
    assert views() is None
