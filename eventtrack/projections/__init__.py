"""Folds of events into tables, and the machinery that keeps them current."""
