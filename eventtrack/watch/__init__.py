"""Keeping the views current while other processes write."""

from eventtrack.watch.watcher import commits, watch

__all__ = ["commits", "watch"]
