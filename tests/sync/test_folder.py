"""A folder as a place for objects, while others change it."""

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eventtrack.errors import NotFoundError
from eventtrack.spaces.folder import FolderSpace


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


def test_a_file_that_others_delete_and_make_again_is_whole_or_missing(tmp_path: Path) -> None:
    space = FolderSpace(tmp_path)
    done = threading.Event()

    def replace_again_and_again() -> None:
        while not done.is_set():
            (tmp_path / "object").write_bytes(b"whole")
            (tmp_path / "object").unlink()

    with ThreadPoolExecutor(1) as pool:
        replacing = pool.submit(replace_again_and_again)
        try:
            for _ in range(3000):
                with contextlib.suppress(NotFoundError):
                    assert space.read("object") in (b"", b"whole")
        finally:
            done.set()
        replacing.result()
