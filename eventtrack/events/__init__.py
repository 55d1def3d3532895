"""The data that may be written: event types, their registry, and the envelope around them."""

from eventtrack.quick_msgspec import import_msgspec

# All that imports msgspec imports this package first, or starts a little later.
import_msgspec()
