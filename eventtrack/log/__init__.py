"""The append-only log: protocol, backends, journal."""
