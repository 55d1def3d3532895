"""Filters and orders: strings in, small trees out."""
