"""Stores that are kept equal to a shared log: those of servers, and of writers without a server."""
