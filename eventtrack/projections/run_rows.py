"""Rows of runs: one row for a run, and for runs with very many metrics a row for each of those.

A run with 100,000 metrics would have a row of 5 MB, and each new point would read and write all of
it. So a map of more than `NAMES_MAX` names is *wide*: the row of the run leaves it out, and the
table `run_metrics` has a row for each name:

    run number (u32) ‖ place (u32) ‖ name  ->  msgpack [state], or [state, name] if the key cuts it

Place 0 has the states of `RunState.metrics`; place n has the parts of the run's layer n, counted
from 1. `RunState.wide` lists the places of the maps that are wide. A map that became wide stays so
until it is replaced as a whole. Rows that are kept for moments (`kept.py`) have all names in them.

A row of 512 bytes or more is stored as a frame of Zstandard (`squeezing.py`): most of its bytes are
stamps, which are alike (decision 0080).
"""

import struct
from collections.abc import ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, Generic, TypeVar

import msgspec

from eventtrack.projections import keys, squeezing
from eventtrack.projections.rows import Rows, WritableRows, below
from eventtrack.projections.state import MetricState, Part, RunState

TABLE = "run_metrics"
# A smaller map is faster to read and to write as a whole: less than 1 us a name.
NAMES_MAX = 2_000
_PREFIX = struct.Struct(">II")

T = TypeVar("T")


class _Row(msgspec.Struct, Generic[T], array_like=True, gc=False):
    state: T
    name: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode_run = msgspec.msgpack.Decoder(RunState).decode
_decode_metric = msgspec.msgpack.Decoder(_Row[MetricState]).decode
_decode_part = msgspec.msgpack.Decoder(_Row[Part]).decode


class WideMap(MutableMapping[str, T]):
    """A map of a run that reads the row of a name when that name is asked for.

    Valid within the transaction of `rows`. States that were read may be changed.

    Args:
        known: States that are not written yet.
    """

    __slots__ = ("_decode", "_is_whole", "_known", "_prefix", "_rows")

    def __init__(
        self, rows: Rows, number: int, place: int, known: dict[str, T] | None = None
    ) -> None:
        self._rows = rows
        self._prefix = _PREFIX.pack(number, place)
        self._decode: Any = _decode_part if place else _decode_metric
        self._known: dict[str, T] = {} if known is None else known
        self._is_whole = False

    def __getitem__(self, name: str) -> T:
        state = self._known.get(name)
        if state is None:
            value = (
                None if self._is_whole else self._rows.get(TABLE, self._prefix + keys.name(name))
            )
            if value is None:
                raise KeyError(name)
            state = self._known[name] = self._decode(value).state
        return state

    def __setitem__(self, name: str, state: T) -> None:
        self._known[name] = state

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"cannot remove {name!r} alone: replace the map")

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def items(self) -> ItemsView[str, T]:
        """Every name with its state."""
        return self._whole().items()

    def values(self) -> ValuesView[T]:
        """Every state."""
        return self._whole().values()

    def write(self, rows: WritableRows) -> None:
        """Write the states that were read or set, and forget them."""
        stem = len(self._prefix)
        written = []
        for name, state in self._known.items():
            key = self._prefix + keys.name(name)
            cut = len(key) - stem > keys.TEXT_BYTES_MAX
            written.append((key, _encode((state, name) if cut else (state,))))
        written.sort()
        rows.put_many(TABLE, written)
        self._known, self._is_whole = {}, False

    def _whole(self) -> dict[str, T]:
        if not self._is_whole:
            stem = len(self._prefix)
            for key, value in below(self._rows, TABLE, self._prefix):
                row = self._decode(value)
                self._known.setdefault(row.name or key[stem:].decode(), row.state)
            self._is_whole = True
        return self._known


def decode(rows: Rows, value: bytes) -> RunState:
    """The run of a row."""
    return bind(rows, _decode_run(squeezing.restore(value)))


def bind(rows: Rows, run: RunState) -> RunState:
    """Let the wide maps of a run read their rows in a transaction."""
    for place in run.wide:
        _set_map(run, place, WideMap(rows, run.number, place))
    return run


def encode(rows: WritableRows, run: RunState) -> bytes:
    """The row of a run. Writes the rows of its wide maps."""
    if not run.wide and not run.layers and len(run.metrics) <= NAMES_MAX:
        return squeezing.squeeze(_encode(run))
    maps: dict[int, Any] = {0: run.metrics}
    maps |= {place: layer.parts for place, layer in enumerate(run.layers, 1)}
    for place in run.wide:
        if not isinstance(maps.get(place), WideMap):  # it was replaced
            _remove(rows, _PREFIX.pack(run.number, place))
    run.wide = []
    for place, states in maps.items():
        wide = states
        if not isinstance(states, WideMap):
            if len(states) <= NAMES_MAX:
                continue
            wide = WideMap(rows, run.number, place, states)
            _set_map(run, place, wide)
        wide.write(rows)
        run.wide.append(place)
    return squeezing.squeeze(_encode(_with_maps(run, {})))


def whole(rows: Rows, value: bytes) -> bytes:
    """A row of a run with the states of all names in it."""
    run = decode(rows, value)
    if not run.wide:
        return value
    inline = _with_maps(run, {place: dict(_map_of(run, place)) for place in run.wide})
    inline.wide = []
    return squeezing.squeeze(_encode(inline))


def _map_of(run: RunState, place: int) -> Any:
    return run.layers[place - 1].parts if place else run.metrics


def _set_map(run: RunState, place: int, states: Any) -> None:
    if place:
        run.layers[place - 1].parts = states
    else:
        run.metrics = states


def _with_maps(run: RunState, maps: dict[int, Any]) -> RunState:
    """A copy of a run with other maps in place of its wide ones; empty maps by default."""
    copy = msgspec.structs.replace(run, layers=list(map(msgspec.structs.replace, run.layers)))
    for place in run.wide:
        _set_map(copy, place, maps.get(place, {}))
    return copy


def _remove(rows: WritableRows, prefix: bytes) -> None:
    for key in [key for key, _ in below(rows, TABLE, prefix)]:
        rows.delete(TABLE, key)
