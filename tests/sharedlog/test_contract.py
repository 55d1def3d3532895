"""Every engine keeps the promises of `SharedLogContract`."""

import pytest

from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from tests.contracts.shared_log import Logs, SharedLogContract


class TestMemory(SharedLogContract):
    @pytest.fixture
    def logs(self) -> Logs:
        shelf = Shelf(Description("0" * 32, 0))
        return MemorySharedLog(shelf), MemorySharedLog(shelf)
