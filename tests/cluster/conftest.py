"""The engines of the shared log's own tests, and servers that many tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.sharedlog.making import make_shared_log
from eventtrack.sharedlog.memory import Shelf
from tests.cluster.processes import Lab, cluster_of
from tests.cluster.servers import Server, Start, new_shelf
from tests.conftest import s3_settings
from tests.sharedlog.conftest import (
    bucket_url,
    nats_cluster,
    nats_url,
    own_state,
    postgresql,
    postgresql_url,
)

__all__ = ["bucket_url", "nats_cluster", "nats_url", "own_state", "postgresql", "postgresql_url"]


@pytest.fixture(scope="session", params=["postgresql", "nats", "bucket"])
def lab_servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """Two servers over a log of an engine, which live as long as tests want that engine."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "postgresql":
            url = request.getfixturevalue("postgresql").new_schema("lab")
        elif request.param == "nats":
            url = request.getfixturevalue("nats_cluster").url("lab")
        else:
            url = "s3://bucket/lab"
            for name, text in s3_settings(request.getfixturevalue("s3_process")).items():
                patch.setenv(name, text)
        make_shared_log(url).close()
        with cluster_of(tmp_path_factory.mktemp("lab"), url, "ada", "ben") as (ada, ben):
            patch.undo()
            yield Lab(request.param, url, ada, ben)


@pytest.fixture
def lab(lab_servers: Lab, request: pytest.FixtureRequest) -> Lab:
    """Two servers over a log of each engine. Others have used both, and no test may kill one."""
    if lab_servers.engine == "bucket":
        request.getfixturevalue("s3_server")
    return lab_servers


@pytest.fixture
def shelf() -> Shelf:
    """The log that the servers of a test share."""
    return new_shelf()


@pytest.fixture
def start(tmp_path: Path, shelf: Shelf) -> Iterator[Start]:
    """Starts a server with a folder of that name."""
    servers: list[Server] = []

    def started(name: str) -> Server:
        servers.append(Server(tmp_path / name, shelf))
        return servers[-1]

    yield started
    for server in servers:
        server.cache.close()
