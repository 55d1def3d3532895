"""Keeping the views current while other processes write."""

from eventtrack.watch.watcher import watch

__all__ = ["watch"]
