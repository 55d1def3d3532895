"""Audit: signed heads of feeds, and proofs that hold without the store (docs/audit.md)."""
