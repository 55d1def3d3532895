"""The quick way for the most frequent request: a batch in which nothing is odd.

Training programs send little else. Any other body (a number as a text, another spelling, an unknown
field) is read the slow way, which decides its meaning.
"""

from typing import Annotated, Any

import msgspec

from eventtrack import limits

_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Int64 = Annotated[int, msgspec.Meta(ge=limits.INT64_MIN, le=limits.INT64_MAX)]


class _Fields(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that are read by name, like the fields of `Values`."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class Point(_Fields, forbid_unknown_fields=True, gc=False):
    """A point of a metric."""

    key: _Name
    value: float
    timestamp: _Int64
    step: _Int64 = 0
    dataset_name: str = ""
    dataset_digest: str = ""
    model_id: str = ""
    run_id: str = ""


class _Pair(_Fields, forbid_unknown_fields=True, gc=False):
    key: _Name
    value: str = ""


class Batch(_Fields, forbid_unknown_fields=True):
    """A request of `runs/log-batch`."""

    run_id: _Name
    metrics: list[Point] = []
    params: list[_Pair] = []
    tags: list[_Pair] = []


_decoder = msgspec.json.Decoder(Batch)


def batch(body: bytes) -> Batch | None:
    """A batch; None if the body has to be read the slow way."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
