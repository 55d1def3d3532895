"""Histories of other trackers, brought in; ours, taken out (docs/imports.md)."""
