"""Places in an order of runs, as page tokens carry them."""

from collections.abc import Sequence

import msgspec

from eventtrack.projections import index
from eventtrack.views.filters.trees import OrderTerm
from eventtrack.views.search.values import is_numeric

# Classes of values, in this order whatever the direction. `OTHER`: NaN, and a text among numbers.
VALUE, OTHER, NONE = 0, 1, 2
Key = tuple[int, bytes]
_NUMBER_BYTES = 9
# A longer text makes too long a token: then the token only counts results.
TEXT_BYTES_MAX = 512


class Place(msgspec.Struct, array_like=True):
    """A run's place in an order: the class and value of each term, and its id."""

    keys: list[Key]
    run_id: str

    def is_of(self, terms: Sequence[OrderTerm]) -> bool:
        """Whether it can be a place in an order."""
        return len(self.keys) == len(terms) and all(
            _is_of(term, key) for term, key in zip(terms, self.keys, strict=True)
        )


def _is_of(term: OrderTerm, key: Key) -> bool:
    kind, value = key
    if kind == NONE:
        return not value
    if is_numeric(term.field):
        is_number = value[:1] == index.NUMBER and len(value) == _NUMBER_BYTES
        return value == index.NAN if kind == OTHER else kind == VALUE and is_number
    if term.numbers and kind == VALUE:
        return value[:1] == index.AMONG_TEXTS and len(value) == _NUMBER_BYTES
    try:
        value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return kind == (OTHER if term.numbers else VALUE)
