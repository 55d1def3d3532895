"""Typed reads: records, filters, search, paging."""
