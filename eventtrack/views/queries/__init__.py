"""Queries: every read of a store, now or at a moment, a class for each noun."""
