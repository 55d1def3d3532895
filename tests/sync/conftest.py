"""A third machine, and a place between them all: a folder, or a bucket on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.sync.machines import machine
from tests.sync.places import BucketPlace, FolderPlace, Place


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Store]:
    """A third one."""
    store = machine(tmp_path / "three")
    yield store
    store.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Where the folder between them will be."""
    return tmp_path / "stick"


@pytest.fixture
def bucket(s3_server: str, tmp_path: Path) -> BucketPlace:
    """A prefix of a bucket that nobody else uses."""
    return BucketPlace(f"s3://bucket{tmp_path}")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, stick: Path) -> Place:
    """Where the machines meet."""
    if request.param == "folder":
        return FolderPlace(stick)
    found: BucketPlace = request.getfixturevalue("bucket")
    return found
