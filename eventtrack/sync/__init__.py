"""Sync: stores that were apart exchange what they lack, over anything that can hold bytes."""

from eventtrack.sync.bundle import BundleInfo, BundleRemote, apply_bundle, create_bundle
from eventtrack.sync.peer import StoreRemote, serve
from eventtrack.sync.remotes import RemoteAddress, Remotes, open_remote
from eventtrack.sync.report import Moved, Progress, SyncReport
from eventtrack.sync.selection import Selection
from eventtrack.sync.service import Ways, clone, follow, synchronize

__all__ = [
    "BundleInfo",
    "BundleRemote",
    "Moved",
    "Progress",
    "RemoteAddress",
    "Remotes",
    "Selection",
    "StoreRemote",
    "SyncReport",
    "Ways",
    "apply_bundle",
    "clone",
    "create_bundle",
    "follow",
    "open_remote",
    "serve",
    "synchronize",
]
