"""Messages of protocol buffers, against the library that everyone else reads them with."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.transfer import wire

struct_pb2: Any = pytest.importorskip("google.protobuf.struct_pb2")
timestamp_pb2: Any = pytest.importorskip("google.protobuf.timestamp_pb2")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999))
def test_numbers_are_those_of_the_library(seconds: int, nanos: int) -> None:
    message = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos).SerializeToString()
    found = {number: wire.signed(value) for number, _, value in wire.fields(message)}
    assert (found.get(1, 0), found.get(2, 0)) == (seconds, nanos)


@given(st.text(max_size=400), st.floats(allow_nan=False))
def test_texts_and_doubles_are_those_of_the_library(text: str, number: float) -> None:
    message = struct_pb2.Value(string_value=text).SerializeToString()
    assert [wire.text(value) for _, _, value in wire.fields(message)] == [text]
    message = struct_pb2.Value(number_value=number).SerializeToString()
    assert [wire.double(value) for _, _, value in wire.fields(message)] == [number]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        fields = list(wire.fields(data))
    except ValueError:
        return
    assert all(number >= 0 for number, _, _ in fields)
