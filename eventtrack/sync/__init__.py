"""Sync: stores that were apart exchange what they lack, over anything that can hold bytes."""

from eventtrack.sync.remotes import RemoteAddress, Remotes, open_remote
from eventtrack.sync.report import Moved, Progress, SyncReport
from eventtrack.sync.service import Ways, clone, synchronize

__all__ = [
    "Moved",
    "Progress",
    "RemoteAddress",
    "Remotes",
    "SyncReport",
    "Ways",
    "clone",
    "open_remote",
    "synchronize",
]
