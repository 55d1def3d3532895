"""Traces as records, their search, and figures about them."""
