"""Every engine keeps the promises of `SharedLogContract`."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from tests.contracts.shared_log import Logs, SharedLogContract


class TestMemory(SharedLogContract):
    @pytest.fixture
    def logs(self) -> Logs:
        shelf = Shelf(Description("0" * 32, 0))
        return MemorySharedLog(shelf), MemorySharedLog(shelf)


@contextmanager
def two_servers(url: str, *, risky: bool = False) -> Iterator[Logs]:
    """A new log as two servers see it."""
    logs = make_shared_log(url, risky=risky), open_shared_log(url)
    yield logs
    for log in logs:
        log.close()


class TestPostgresql(SharedLogContract):
    @pytest.fixture
    def logs(self, postgresql_url: str) -> Iterator[Logs]:
        with two_servers(postgresql_url) as logs:
            yield logs


class TestNats(SharedLogContract):
    @pytest.fixture
    def logs(self, nats_url: str) -> Iterator[Logs]:
        with two_servers(nats_url) as logs:
            yield logs


class TestBucket(SharedLogContract):
    @pytest.fixture
    def logs(self, bucket_url: str) -> Iterator[Logs]:
        with two_servers(bucket_url) as logs:
            yield logs
