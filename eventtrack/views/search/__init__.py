"""Searches: filters and orders evaluated over the views."""
