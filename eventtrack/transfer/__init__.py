"""Imports histories of other trackers and exports ours (docs/imports.md)."""
