"""Curves of many runs and metrics at once, as a JSON header and raw arrays of numbers.

The bytes: the header's length (u32, little-endian), the header, zeros up to a multiple of 8, then
all x and then all y of all curves as little-endian float64. `start` and `count` in the header say
which of them belong to a curve.
"""

from array import array
from collections.abc import Sequence
from itertools import chain

import msgspec

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Queries, Store
from eventtrack.web.answers import as_of
from eventtrack.web.downsample import Curve, curve, downsample

# Curves of one request: what a chart of a thousand runs, or a page of charts of a few, asks for.
CURVES_MAX = 5000
BUCKETS_MAX = 4000
AXES = ("step", "time", "relative")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Which curves, over which stretch of x, for how many pixels.

    Args:
        x: `step`, `time` (milliseconds since 1970) or `relative` (seconds since the run began).
        low: Where the stretch begins; by default where the first curve does.
        high: Where it ends.
        at: The moment as of which they are; by default now.
    """

    run_ids: list[str]
    keys: list[str]
    x: str = "step"
    buckets: int = 400
    low: float | None = None
    high: float | None = None
    at: str = ""


def answer(store: Store, body: bytes) -> bytes:
    """The bytes that answer a request in JSON. Runs that are not there have no curves.

    Raises:
        InvalidValueError: The request cannot be read, or asks for too much.
    """
    asked = _read(body)
    with as_of(store, asked.at) as queries:
        found = [
            (run_id, key, one)
            for run_id in asked.run_ids
            for key, one in _curves(queries, run_id, asked)
        ]
    filled = [one for _, _, (one, _) in found if len(one)]
    low = asked.low if asked.low is not None else min((one.x[0] for one in filled), default=0.0)
    high = asked.high if asked.high is not None else max((one.x[-1] for one in filled), default=0.0)
    drawn = [downsample(one, low, high, asked.buckets) for _, _, (one, _) in found]
    described, start = [], 0
    for (run_id, key, (_, points)), few in zip(found, drawn, strict=True):
        described.append(
            {"run_id": run_id, "key": key, "points": points, "start": start, "count": len(few)}
        )
        start += len(few)
    header = msgspec.json.encode({"low": low, "high": high, "series": described})
    padding = bytes(-(4 + len(header)) % 8)
    columns = chain((few.x.tobytes() for few in drawn), (few.y.tobytes() for few in drawn))
    return b"".join((len(header).to_bytes(4, "little"), header, padding, *columns))


def _read(body: bytes) -> Asked:
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except msgspec.DecodeError as error:
        raise InvalidValueError(f"cannot read which curves are asked for: {error}") from error
    if asked.x not in AXES or not 0 < asked.buckets <= BUCKETS_MAX:
        raise InvalidValueError(
            f"x is one of {', '.join(AXES)}, and there are 1 to {BUCKETS_MAX} buckets; "
            f"found {asked.x[:40]!r} and {asked.buckets}"
        )
    if len(asked.run_ids) * len(asked.keys) > CURVES_MAX:
        raise InvalidValueError(
            f"{len(asked.run_ids)} runs with {len(asked.keys)} metrics are more than "
            f"{CURVES_MAX} curves",
            hint="ask several times",
        )
    return asked


def _curves(store: Queries, run_id: str, asked: Asked) -> list[tuple[str, tuple[Curve, int]]]:
    """The curves of a run by metric, each with the number of points that were logged."""
    try:
        info = store.runs.get(run_id).info
        histories = [(key, store.metrics.arrays(run_id, key)) for key in asked.keys]
    except NotFoundError:
        return []
    found = []
    for key, history in histories:
        if not len(history):
            continue
        x: Sequence[float] = history.steps if asked.x == "step" else history.timestamps
        if asked.x == "relative":
            first = history.timestamps[0]
            began = info.start_time if 0 < info.start_time <= first else first
            x = array("d", ((time - began) / 1000 for time in history.timestamps))
        found.append((key, (curve(x, history.values), len(history))))
    return found
