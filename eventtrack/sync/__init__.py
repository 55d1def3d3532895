"""Sync: stores send each other the events and artifacts they lack, over any transport."""

from eventtrack.sync.bundle import BundleInfo, BundleRemote, apply_bundle, create_bundle
from eventtrack.sync.following import Mended, News, Trouble, follow
from eventtrack.sync.peer import StoreRemote, serve
from eventtrack.sync.remotes import RemoteAddress, Remotes, open_remote
from eventtrack.sync.report import Moved, Progress, SyncReport
from eventtrack.sync.selection import Selection
from eventtrack.sync.service import Ways, clone, synchronize
from eventtrack.sync.status import RemoteStatus, all_conflicts, all_statuses, forks_told

__all__ = [
    "BundleInfo",
    "BundleRemote",
    "Mended",
    "Moved",
    "News",
    "Progress",
    "RemoteAddress",
    "RemoteStatus",
    "Remotes",
    "Selection",
    "StoreRemote",
    "SyncReport",
    "Trouble",
    "Ways",
    "all_conflicts",
    "all_statuses",
    "apply_bundle",
    "clone",
    "create_bundle",
    "follow",
    "forks_told",
    "open_remote",
    "serve",
    "synchronize",
]
