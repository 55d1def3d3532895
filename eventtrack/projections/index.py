"""The search index: for each experiment and field, run numbers in order of the field's value.

A key is `experiment number (u32) ‖ field number (u32) ‖ value ‖ run number (u32)`; `kept` says what
the value of the row holds. Values are encoded so that byte order is the order of search: numbers
ascending with NaN behind them, texts by their UTF-8 bytes. A long text is cut and marked as cut, so
that a search looks at the run for the rest. A param or a tag that reads as a number has two rows:
its text, and behind all texts its number.

    params.lr of runs 7, 8, 9 = "auto", "1e-5", "0.1":
    'auto' 00 | 7    '0.1' 00 | 9    '1e-5' 00 | 8    fe 0.00001 | 8    fe 0.1 | 9

There are two tables of such rows. Numbers and names of runs mostly differ from run to run, so each
has a row of its own. Other values come in crowds, so their rows share storage (`shared_rows.py`).
"""

import math
import re
import struct

from eventtrack.projections.curves import curve_of, keys_of, of_run
from eventtrack.projections.shared_rows import SHARED
from eventtrack.projections.state import RunState
from eventtrack.tags import DATASET_CONTEXT_TAG

TEXT_BYTES_MAX = 64
WHOLE, CUT = b"\x00", b"\x01"
NUMBER, NAN = b"\x00", b"\x01"
# Marks a number among texts. UTF-8 never has this byte, and has none above it.
AMONG_TEXTS = b"\xfe"
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

_DOUBLE = struct.Struct(">d")
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_PREFIX = struct.Struct(">II")

# A letter for each kind of field, as in search: metric, param, tag, attribute, dataset.
METRIC, PARAM, TAG, ATTRIBUTE, DATASET = "m", "p", "t", "a", "d"
# Only of runs for which points of others count: their rows of metrics are not the whole truth.
JOINED = "joined"
RUN_ATTRIBUTES = (
    "status",
    "start_time",
    "end_time",
    "run_name",
    "user_id",
    "lifecycle_stage",
    JOINED,
)
DATASET_FIELDS = ("name", "digest", "context")
FieldName = tuple[str, str]
Entry = tuple[FieldName, bytes]
_ATTRIBUTE_FIELDS = [(name, (ATTRIBUTE, name)) for name in RUN_ATTRIBUTES]
# The tables: of values that mostly differ, and of values that many runs have.
INDEX, CROWDS = "index", SHARED
TABLES = (INDEX, CROWDS)
_DIFFERENT = ("start_time", "end_time", "run_name")


def table_of(field: FieldName) -> str:
    """The table that has the rows of a field."""
    kind, key = field
    is_different = kind == METRIC or (kind == ATTRIBUTE and key in _DIFFERENT)
    return INDEX if is_different else CROWDS


def prefix(experiment: int, field: int) -> bytes:
    """The first bytes of all rows of a field in an experiment."""
    return _PREFIX.pack(experiment, field)


def row(experiment: int, field: int, value: bytes, run: int) -> bytes:
    """A row's key."""
    return prefix(experiment, field) + value + run.to_bytes(4, "big")


def run_of(key: bytes) -> int:
    """The run number of a row."""
    return int.from_bytes(key[-4:], "big")


def value_of(key: bytes) -> bytes:
    """The encoded value of a row."""
    return key[8:-4]


def encode_text(text: str) -> bytes:
    """A text as an ordered value, cut at `TEXT_BYTES_MAX` bytes."""
    # 0xff follows each NUL within a text. UTF-8 never has it, so the NUL that ends a text is less.
    data = text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff")
    if len(data) <= TEXT_BYTES_MAX:
        return data + WHOLE
    return data[:TEXT_BYTES_MAX] + CUT


def decode_text(value: bytes) -> tuple[str, bool]:
    """The text of an ordered value, and whether it is the whole text."""
    data = value[:-1].replace(b"\0\xff", b"\0")
    return data.decode("utf-8", "replace"), value[-1:] == WHOLE


def encode_number(number: float) -> bytes:
    """A number as an ordered value; -0.0 is 0.0."""
    if math.isnan(number):
        return NAN
    bits = int.from_bytes(_DOUBLE.pack(number + 0.0), "big")
    # The usual trick: flip all bits of negative numbers, and the sign bit of others. The unsigned
    # order is then the order of the numbers.
    ordered = bits ^ _ALL if bits & _SIGN else bits | _SIGN
    return NUMBER + ordered.to_bytes(8, "big")


def number_of(text: str) -> float | None:
    """The finite number that a text is, as `1e-5` or ` 0.10 `; None for any other text."""
    if len(text) > TEXT_BYTES_MAX or _PLAIN_NUMBER.fullmatch(text.strip()) is None:
        return None
    number = float(text.strip())  # `float` leaves separators such as \x1f, which `strip` takes
    return number if math.isfinite(number) else None


def encode_number_among_texts(number: float) -> bytes:
    """A finite number as an ordered value of a field of texts."""
    return AMONG_TEXTS + encode_number(number)[1:]


def encode_texts(text: str) -> tuple[bytes, ...]:
    """The values of a param or a tag: its text, and its number if it is a number."""
    number = number_of(text)
    if number is None:
        return (encode_text(text),)
    return encode_text(text), encode_number_among_texts(number)


def decode_number(value: bytes) -> float:
    """The number of an ordered value."""
    if value == NAN:
        return math.nan
    ordered = int.from_bytes(value[1:], "big")
    bits = ordered ^ _SIGN if ordered & _SIGN else ordered ^ _ALL
    (number,) = _DOUBLE.unpack(bits.to_bytes(8, "big"))
    return float(number)


def values(state: RunState, field: FieldName) -> tuple[bytes, ...]:
    """The encoded values of a run in the index of a field: none, one or many."""
    kind, key = field
    if kind == METRIC:
        curve = curve_of(state, key)
        return () if curve is None else (encode_number(curve.value),)
    if kind == PARAM:
        param = state.params.get(key)
        value = param.value if param is not None else None
        return () if value is None else encode_texts(value)
    if kind == TAG:
        tag = state.tags.get(key)
        return () if tag is None or tag[0] is None else encode_texts(tag[0])
    if kind == DATASET:
        return _dataset_values(state, key)
    return _attribute_values(state, key)


def entries(state: RunState) -> tuple[list[Entry], list[Entry]]:
    """Every field and encoded value of a run in the index: those of `INDEX`, those of `CROWDS`."""
    different = [
        ((METRIC, key), encode_number(metric.value))
        for key, metric in of_run(state).items()
        if metric.count
    ]
    crowds = [
        ((kind, key), value)
        for kind, texts in ((PARAM, state.live_params()), (TAG, state.live_tags()))
        for key, text in texts.items()
        for value in encode_texts(text)
    ]
    for name, field in _ATTRIBUTE_FIELDS:
        rows = different if name in _DIFFERENT else crowds
        rows += [(field, value) for value in _attribute_values(state, name)]
    if state.datasets:
        fields = [(DATASET, name) for name in DATASET_FIELDS]
        crowds += [(field, value) for field in fields for value in values(state, field)]
    return different, crowds


def fields(state: RunState) -> list[FieldName]:
    """Every field with a value of a run in the index."""
    names: list[FieldName] = [(ATTRIBUTE, name) for name in RUN_ATTRIBUTES]
    names += [(METRIC, key) for key in keys_of(state)]
    names += [(PARAM, key) for key in state.params]
    names += [(TAG, key) for key in state.tags]
    if state.datasets:
        names += [(DATASET, name) for name in DATASET_FIELDS]
    return names


def _attribute_values(state: RunState, name: str) -> tuple[bytes, ...]:
    if name == "start_time":
        return (encode_number(state.start_ms),)
    if name == "end_time":
        end_ms = state.end_ms[0]
        return () if end_ms is None else (encode_number(end_ms),)
    if name == "lifecycle_stage":
        # Only for runs with a deletion or restoration of their own; others follow the experiment.
        return (encode_text(state.lifecycle[0]),) if state.lifecycle[1] else ()
    if name == JOINED:
        return (encode_text(""),) if state.is_joined else ()
    if name == "status":
        return (encode_text(state.status[0]),)
    return (encode_text(state.name[0] if name == "run_name" else state.user),)


def _dataset_values(state: RunState, name: str) -> tuple[bytes, ...]:
    encoded: set[bytes] = set()
    for dataset, _ in state.datasets.values():
        if name == "context":
            text = dataset.tags.get(DATASET_CONTEXT_TAG)
        else:
            text = dataset.name if name == "name" else dataset.digest
        if text is not None:
            encoded.add(encode_text(text))
    return tuple(sorted(encoded))
