"""Two or three machines and a place between them: a folder, or a bucket on a real server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.sync.machines import machine
from tests.sync.places import BucketPlace, FolderPlace, Place
from tests.tidy.tree import ROOT


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Store]:
    """A machine."""
    store = machine(tmp_path / "one")
    yield store
    store.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Store]:
    """Another one."""
    store = machine(tmp_path / "two")
    yield store
    store.close()


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


@pytest.fixture(scope="session")
def s3_process() -> Iterator[str]:
    """The URL of a server with buckets, one for all tests of this process."""
    words = [sys.executable, str(ROOT / "tools" / "s3_server.py")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture
def s3_server(s3_process: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a server with buckets, which the environment names as well."""
    settings = {
        "AWS_ENDPOINT_URL": s3_process,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    return s3_process


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
