"""A folder as a place for objects, while others change it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.sync.folder import FolderSpace


def test_what_replaces_a_file_while_it_is_listed_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name that comes may lie behind the place that the listing has reached."""
    space = FolderSpace(tmp_path)
    space.make()
    for name in ("feeds/a/1", "feeds/a/2"):
        assert space.create(name, b"old")
    scandir = os.scandir

    class Overtaken:
        """The entries as they were before both files became one."""

        def __init__(self, path: Path) -> None:
            with scandir(path) as entries:
                self.entries = [*entries]
            if path.name == "a":
                monkeypatch.setattr(os, "scandir", scandir)
                space.create("feeds/a/1-2", b"new")
                space.delete(["feeds/a/1", "feeds/a/2"])

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Overtaken)
    assert [one.name for one in space.list("feeds")] == ["feeds/a/1-2"]
