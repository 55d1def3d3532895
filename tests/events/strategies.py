"""Any event of any type, for laws that hold for all of them."""

from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import Event

INT64 = st.integers(-(2**63), 2**63 - 1)
# Whatever can be written as UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    int: INT64,
    str: TEXT,
    float: st.floats(),
    bytes: st.binary(max_size=40),
    NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a field with this annotation holds."""
    inner = [values(one) for one in get_args(hint)]
    if get_origin(hint) is UnionType:
        return st.one_of(inner)
    if get_origin(hint) is list:
        return st.lists(inner[0], max_size=4)
    if get_origin(hint) is dict:
        return st.dictionaries(inner[0], inner[1], max_size=4)
    if get_origin(hint) is tuple:
        return st.tuples(*inner)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{name: values(one) for name, one in get_type_hints(hint).items()})
    return PLAIN[hint]


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one type."""
    return values(kind)


any_event: st.SearchStrategy[Event] = st.sampled_from([one.struct for one in REGISTRY]).flatmap(
    events
)
