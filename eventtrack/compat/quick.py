"""The quick way for the most frequent requests: points in which nothing is odd.

Training programs send little else. Any other body (a number as a text, another spelling, an unknown
field) is read the slow way, which decides its meaning.
"""

from typing import Annotated, Any, ClassVar

import msgspec

from eventtrack import limits

_Name = Annotated[str, msgspec.Meta(min_length=1)]
_Int64 = Annotated[int, msgspec.Meta(ge=limits.INT64_MIN, le=limits.INT64_MAX)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=limits.INT64_MAX)]


class _Fields(msgspec.Struct, forbid_unknown_fields=True):
    """Fields that are read by name, like the fields of `Values`."""

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


class _OfNoModel(_Fields):
    """The fields of a point that describes no model."""

    dataset_name: ClassVar[str] = ""
    dataset_digest: ClassVar[str] = ""
    model_id: ClassVar[str] = ""


class Point(_OfNoModel, forbid_unknown_fields=True, gc=False):
    """A point of a metric within a batch."""

    key: _Name
    value: float
    timestamp: _Time
    step: _Int64 = 0
    run_id: str = ""


class LoggedMetric(_OfNoModel, forbid_unknown_fields=True, gc=False):
    """A request of `runs/log-metric`."""

    run_id: _Name
    key: _Name
    value: float
    timestamp: _Time
    step: _Int64 = 0
    run_uuid: str = ""


class _Pair(_Fields, forbid_unknown_fields=True, gc=False):
    key: _Name
    value: str = ""


class Batch(_Fields, forbid_unknown_fields=True):
    """A request of `runs/log-batch`."""

    run_id: _Name
    metrics: list[Point] = []
    params: list[_Pair] = []
    tags: list[_Pair] = []


_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_metric = msgspec.json.Decoder(LoggedMetric).decode


def batch(body: bytes) -> Batch | None:
    """A batch; None if the body has to be read the slow way."""
    try:
        return _decode_batch(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def metric(body: bytes) -> LoggedMetric | None:
    """A point; None if the body has to be read the slow way."""
    try:
        return _decode_metric(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
