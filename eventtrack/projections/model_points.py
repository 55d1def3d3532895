"""The points of metrics that describe a model. They are few, so each is a row of its own.

A run may log one point of a metric for a model at each time and step, as in MLflow's tables. If
several points claim the same place, the first counts on every machine.
"""

import msgspec

from eventtrack.events.types import ModelPoint
from eventtrack.hashing import sha256
from eventtrack.projections.rows import below
from eventtrack.projections.state import Stamp
from eventtrack.projections.tables import Reader, Tables

TABLE = "model_points"

_SIGN = 1 << 63
_ALL = (1 << 64) - 1


class ModelPointState(msgspec.Struct, array_like=True, gc=False):
    """One point. `value` is the last field: it alone may be NaN, which equals nothing."""

    key: str
    run_id: str
    timestamp_ms: int
    step: int
    dataset_name: str | None
    dataset_digest: str | None
    stamp: Stamp
    value: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ModelPointState).decode


def keep(tables: Tables, model: int, run_id: str, point: ModelPoint, stamp: Stamp) -> None:
    """Add a point of a model, unless an earlier one has its place."""
    new = ModelPointState(
        point.key,
        run_id,
        point.timestamp_ms,
        point.step,
        point.dataset_name,
        point.dataset_digest,
        stamp,
        point.value,
    )
    key, encoded = _key(model, new), _encode(new)
    known = tables.rows.get(TABLE, key)
    # Points with equal stamps come from one event. Any rule will do that all machines share.
    if known is None or (stamp, encoded) < (_decode(known).stamp, bytes(known)):
        tables.rows.put(TABLE, key, encoded)


def read(reader: Reader, model: int) -> list[ModelPointState]:
    """All points of a model: each metric of each run in order of (timestamp, step)."""
    rows = below(reader.rows, TABLE, model.to_bytes(4, "big"))
    return [_decode(value) for _, value in rows]


def _key(model: int, point: ModelPointState) -> bytes:
    series = sha256(f"{point.run_id}\0{point.key}".encode("utf-8", "surrogatepass"))
    numbers = (point.timestamp_ms, point.step)
    ordered = b"".join(((number + _SIGN) & _ALL).to_bytes(8, "big") for number in numbers)
    return model.to_bytes(4, "big") + series.digest()[:16] + ordered
