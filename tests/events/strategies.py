"""Any event of any type, for laws that hold for all of them."""

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from eventtrack.events.envelope import REPLICA_BYTES
from eventtrack.events.histories import (
    Fork,
    HistoryShared,
    PointsWithdrawn,
    RunForked,
    Withdrawal,
)
from eventtrack.events.items import Histogram, HistogramsLogged, MediaLogged, Medium, TextLogged
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import Event, MetricsLogged

INT64 = st.integers(-(2**63), 2**63 - 1)
# Whatever can be written as UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    int: INT64,
    str: TEXT,
    float: st.floats(),
    bytes: st.binary(max_size=40),
    bool: st.booleans(),
    NoneType: st.none(),
}
# A stream of each noun that events are about.
STREAMS = {
    "session": f"session/{32 * '5'}",
    "replica": f"replica/{32 * '6'}",
    "experiment": "experiment/7",
    "run": f"run/{32 * 'a'}",
    "model": "model/m-1",
    "registered": "registered/1",
    "trace": "trace/tr-1",
    "dataset": "dataset/d-1",
    "scorer": "scorer/1",
    "study": "study/optuna",
    "access": "access/tokens",
    "payloads": f"run/{32 * 'a'}",
    "events": f"run/{32 * 'a'}",
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value that a field with this annotation holds."""
    if get_origin(hint) is Annotated:
        plain, bound = get_args(hint)
        if bound.pattern is not None:
            return st.from_regex(bound.pattern)
        if plain is str:
            letters = st.characters(exclude_categories=["Cs"])
            return st.text(letters, min_size=bound.min_length or 0, max_size=bound.max_length)
        if plain is bytes:
            return st.binary(min_size=bound.min_length or 0, max_size=bound.max_length)
        return st.integers(bound.ge, 2**64 - 1 if bound.le is None else bound.le)
    inner = [values(one) for one in get_args(hint)]
    if get_origin(hint) in (UnionType, Union):
        return st.one_of(inner)
    if get_origin(hint) is list:
        return st.lists(inner[0], max_size=4)
    if get_origin(hint) is dict:
        return st.dictionaries(inner[0], inner[1], max_size=4)
    if get_origin(hint) is tuple:
        return st.tuples(*inner)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = get_type_hints(hint, include_extras=True)
        return st.builds(hint, **{name: values(one) for name, one in fields.items()})
    return PLAIN[hint]


@st.composite
def rows(draw: st.DrawFn) -> MetricsLogged:
    """Points of some metrics: as many values as keys, and one step or as many."""
    keys = draw(st.lists(TEXT, max_size=4))
    numbers = INT64 | st.lists(INT64, min_size=len(keys), max_size=len(keys))
    values = draw(st.lists(st.floats(), min_size=len(keys), max_size=len(keys)))
    return MetricsLogged(keys, values, draw(numbers), draw(numbers))


HISTOGRAM = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=5).map(
    lambda numbers: Histogram(sorted(numbers), numbers[1:])
)
MEDIUM = st.builds(
    Medium, TEXT, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.none() | TEXT
)


def _logged(kind: Any, item: st.SearchStrategy[Any], *rest: st.SearchStrategy[Any]) -> Any:
    """Items of one series: one step or as many as items."""

    def of(items: list[Any]) -> st.SearchStrategy[Any]:
        numbers = INT64 | st.lists(INT64, min_size=len(items), max_size=len(items))
        return st.builds(kind, TEXT, st.just(items), numbers, numbers, *rest)

    return st.lists(item, min_size=1, max_size=4).flatmap(of)


SORTED_NAMES = st.lists(TEXT, max_size=4, unique=True).map(sorted)
COVERS = st.dictionaries(
    st.binary(min_size=REPLICA_BYTES, max_size=REPLICA_BYTES), st.integers(0, 2**63 - 1), max_size=4
).map(lambda covers: sorted(covers.items()))


def _withdrawal(
    covers: list[tuple[bytes, int]], keys: list[str], steps: tuple[int, int], merged: list[str]
) -> Withdrawal:
    return Withdrawal(covers, keys or None, min(steps), max(steps), merged)


WITHDRAWALS = st.builds(_withdrawal, COVERS, SORTED_NAMES, st.tuples(INT64, INT64), SORTED_NAMES)
FORKS = st.builds(Fork, TEXT, INT64, TEXT, st.lists(WITHDRAWALS, max_size=2))

# Types whose fields have to fit to each other.
FITTING: dict[type[Event], st.SearchStrategy[Event]] = {
    MetricsLogged: rows(),
    TextLogged: _logged(TextLogged, TEXT, TEXT),
    HistogramsLogged: _logged(HistogramsLogged, HISTOGRAM),
    MediaLogged: _logged(MediaLogged, MEDIUM),
    PointsWithdrawn: st.builds(PointsWithdrawn, WITHDRAWALS, INT64),
    HistoryShared: st.builds(HistoryShared, TEXT, COVERS, INT64),
    RunForked: st.builds(RunForked, FORKS, INT64),
}


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of one type, as it may be written."""
    return FITTING[kind] if kind in FITTING else values(kind)


def stream_of(kind: type[Event]) -> str:
    """A stream in which events of a type stand."""
    [name] = [entry.name for entry in REGISTRY if entry.struct is kind]
    return STREAMS[name.partition(".")[0]]


any_kind = st.sampled_from([one.struct for one in REGISTRY])
any_event: st.SearchStrategy[Event] = any_kind.flatmap(events)
# Events of all types that may stand in one stream, with its name.
of_one_stream: st.SearchStrategy[tuple[str, list[Event]]] = st.sampled_from(
    sorted(set(STREAMS.values()))
).flatmap(
    lambda stream: st.tuples(
        st.just(stream),
        st.lists(
            st.one_of([events(one.struct) for one in REGISTRY if stream_of(one.struct) == stream]),
            min_size=1,
            max_size=20,
        ),
    )
)
