"""Engines that are started once for each process of tests, when a test first asks."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sharedlog.engines import Nats, Postgresql, running_nats, running_postgresql


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the keys that `cluster init` writes out of the user's folder."""
    monkeypatch.setenv("EVENTTRACK_STATE", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A database server."""
    with running_postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql: Postgresql) -> str:
    """An empty schema of a database."""
    return postgresql.new_schema(f"log_{uuid.uuid4().hex}")


@pytest.fixture(scope="session")
def nats_cluster() -> Iterator[Nats]:
    """Three nodes that sync each block."""
    with running_nats() as cluster:
        yield cluster


@pytest.fixture
def nats_url(nats_cluster: Nats) -> str:
    """A name that no log has."""
    return nats_cluster.url(f"log_{uuid.uuid4().hex}")


@pytest.fixture
def bucket_url(s3_server: str) -> str:
    """A prefix of a bucket that nobody else uses."""
    return f"s3://bucket/log-{uuid.uuid4().hex}"
