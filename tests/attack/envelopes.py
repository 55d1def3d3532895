"""Envelopes as somebody writes them who wants to break what reads them."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from eventtrack.events.envelope import Cause, Draft, encode_groups
from eventtrack.events.registry import REGISTRY
from tests.events.strategies import STREAMS, events

# Numbers, texts and shapes at the edges of what there is.
EXTREME: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)),
    *(float("nan"), float("inf"), -0.0, 1e308, 5e-324),
    *("", "\0", "a" * 300, "é" * 300, "../../x", "\ud7ff\U0010ffff", "{", "[]", '{"a": NaN}'),
    *(b"", b"\xff" * 32, b"x" * 33),
    *([], {}, [[]], {"": ""}, {"a": None}, {"a": {"b": []}}),
]
STREAM = st.one_of(
    st.sampled_from(sorted(set(STREAMS.values()))),
    st.sampled_from(
        [
            "run/",
            "run/../x",
            "/",
            "x",
            "run/" + "r" * 600,
            "session/zz",
            "later/1",
            "dataset/a/b",
            "trace/\n",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
)


def _extreme(draw: st.DrawFn) -> Any:
    return draw(st.sampled_from(EXTREME))


def _disturbed(draw: st.DrawFn, value: Any) -> Any:
    """A plain value with something in it replaced, taken out, repeated or put behind it."""
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(value) - 1))
        how = draw(st.sampled_from(["inside", "inside", "drop", "cut", "repeat", "more"]))
        if how == "inside":
            return [*value[:place], _disturbed(draw, value[place]), *value[place + 1 :]]
        if how == "drop":
            return [*value[:place], *value[place + 1 :]]
        if how == "cut":
            return value[:place]
        return [*value, value[place] if how == "repeat" else _extreme(draw)]
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value, key=repr)))
        return {**value, key: _extreme(draw)}
    return _extreme(draw)


@st.composite
def bodies(draw: st.DrawFn, name: str) -> bytes:
    """A body under the name of a type: as it may be, or as nobody should write it."""
    entry = REGISTRY.find(name)
    assert entry is not None
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(draw(events(entry.struct))))
    how = draw(
        st.sampled_from(["sound", "disturbed", "disturbed", "extreme", "cut", "any", "deep"])
    )
    if how == "sound":
        return msgspec.msgpack.encode(plain)
    if how == "extreme":
        return msgspec.msgpack.encode([_extreme(draw) for _ in plain])
    if how == "cut":
        whole = msgspec.msgpack.encode(plain)
        return whole[: draw(st.integers(0, len(whole)))]
    if how == "any":
        return draw(st.binary(max_size=30))
    if how == "deep":
        depth = draw(st.sampled_from([50, 700, 990, 5000]))
        return msgspec.msgpack.encode([*plain, 0])[:-1] + b"\x91" * depth + b"\x00"
    return msgspec.msgpack.encode(_disturbed(draw, plain))


NAMES = [entry.name for entry in REGISTRY]


@st.composite
def hostile(draw: st.DrawFn, names: list[str] = NAMES) -> Draft:
    """An envelope with events of some types, whose stream, count and cause may lie."""
    name = draw(st.sampled_from(names))
    kinds = [(name, 1)]
    if not draw(st.integers(0, 4)):
        kinds.append((draw(st.sampled_from([*NAMES, "run.teleported"])), draw(st.integers(0, 2))))
    parts = []
    for kind, version in kinds:
        of = kind if kind in NAMES else name
        parts.append((kind, version, draw(st.lists(bodies(of), min_size=1, max_size=3))))
    count = sum(len(part[2]) for part in parts)
    body = encode_groups(parts)
    if not draw(st.integers(0, 5)):
        count = draw(st.sampled_from([0, -1, count + 1, 65_535, 65_536, 2**32, 2**63, -(2**63)]))
    if not draw(st.integers(0, 7)):
        body = body[: draw(st.integers(0, len(body)))] + draw(st.binary(max_size=3))
    cause = None
    if not draw(st.integers(0, 5)):
        cause = Cause(
            draw(st.sampled_from([b"", b"a", bytes(16), bytes(24)])),
            draw(st.sampled_from([0, 1, -1, 2**63, 2**64 - 1])),
            draw(st.sampled_from([0, -1, 2**40])),
        )
    right = STREAMS[name.partition(".")[0]]
    stream = right if draw(st.integers(0, 4)) else draw(STREAM)
    return Draft(stream, body, count, cause)
