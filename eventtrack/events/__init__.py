"""The data that may be written: event types, their registry, and the envelope around them."""
