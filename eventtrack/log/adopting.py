"""Looks for the journals of processes that have died, now and then."""

import time
import warnings
from pathlib import Path

from eventtrack.errors import EventtrackWarning, StoreError
from eventtrack.log.drain import adopt_orphans
from eventtrack.log.orphans import clear_drafts
from eventtrack.log.protocol import EventLog


class Adopter:
    """Moves the journals of dead processes into a log, but does not look too often.

    A look costs microseconds for each writing process; all looks, a twentieth of the time.

    Args:
        folder: The store's journals.
    """

    def __init__(self, log: EventLog, folder: Path) -> None:
        self._log = log
        self._folder = folder
        self._look_at = 0.0  # the time of the next look
        clear_drafts(folder)

    def look(self) -> None:
        """Move what is there, unless the last look was a moment ago."""
        began = time.monotonic()
        if began < self._look_at:
            return
        adopted = 0
        try:
            adopted = adopt_orphans(self._log, self._folder)
        except StoreError as error:
            # On a full disk, say. The journals stay, and the log can still be read.
            warnings.warn(
                f"the journals of processes that died stay as they are for now: {error}",
                EventtrackWarning,
                stacklevel=2,
            )
        ended = time.monotonic()
        self._look_at = ended + (0.0 if adopted else 20 * (ended - began))
