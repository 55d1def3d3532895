"""Sources of reads: the present store, or the store as it was at a moment.

`Source` is the port that every query reads through. The engine implements it for the present, and
`moments.MomentSource` for a moment.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from eventtrack.log.protocol import EventLog
from eventtrack.projections.runner import Views
from eventtrack.projections.tables import Reader


class Source(Protocol):
    """A store to read from, now or at a moment. It has no way to change anything."""

    @property
    def path(self) -> Path:
        """The store's folder."""
        ...

    @property
    def log(self) -> EventLog:
        """The store's log; it may hold more than belongs to the moment."""
        ...

    def read(self) -> AbstractContextManager[Reader]:
        """A stable view of the tables, for the length of a block."""
        ...


class LiveSource(Source, Protocol):
    """The present store, whose newest calls may not have reached the log yet."""

    @property
    def views(self) -> Views:
        """The live views."""
        ...

    def flush(self) -> None:
        """Put all that this process has logged into the log, durably."""
        ...

    def gather(self) -> None:
        """Put all that processes of this machine have logged into the log, durably."""
        ...
