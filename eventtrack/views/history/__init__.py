"""History: events as records, blame, facts of a thing, and differences."""
