"""The digest: a hash of the whole state of the views, equal on machines that hold the same facts.

Local numbers and positions are left out. Everything is hashed in the order of its global name, and
every NaN as the same NaN.
"""

import hashlib
from array import array
from collections.abc import Callable
from math import isnan, nan
from typing import Any

import msgspec

from eventtrack.projections import (
    dataset_state,
    model_points,
    registered_state,
    scorer_state,
    skipped,
)
from eventtrack.projections.points import Points
from eventtrack.projections.state import (
    ExperimentState,
    MetricState,
    ModelState,
    RunState,
    SessionState,
)
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.projections.trace_tables import spans_of, trace_by_number

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def digest(reader: Reader, progress: Callable[[int, int], None] | None = None) -> str:
    """SHA-256, in hex, over every session and every entity in order of their names.

    Costs a read of all views: about 50 ns a point and 50 us a run.
    """
    hasher = hashlib.sha256()
    total = reader.rows.count("streams")
    for done, (stream, number) in enumerate(reader.rows.scan("streams")):
        kind = bytes(stream).partition(b"/")[0]
        place = int.from_bytes(number, "big")
        if kind == b"run":
            run = reader.run_by_number(place)
            if run is not None:
                hasher.update(_encode(_run(reader, run)))
        elif kind == b"experiment":
            experiment = reader.experiment_by_number(place)
            if experiment is not None:
                hasher.update(_encode(_experiment(experiment)))
        elif kind == b"model":
            model = reader.model_by_number(place)
            if model is not None:
                hasher.update(_encode(_model(reader, model)))
        elif kind == b"registered":
            registered = registered_state.by_number(reader, place)
            if registered is not None:
                hasher.update(_encode(_registered(reader, registered)))
        elif kind == b"trace":
            trace = trace_by_number(reader, place)
            if trace is not None:
                hasher.update(_encode(_trace(reader, trace)))
        elif kind == b"dataset":
            dataset = dataset_state.by_number(reader, place)
            if dataset is not None:
                hasher.update(_encode(_dataset(reader, dataset)))
        elif kind == b"scorer":
            scorer = scorer_state.by_number(reader, place)
            if scorer is not None:
                hasher.update(_encode(["scorer", *msgspec.structs.astuple(scorer)[1:]]))
        if progress is not None and done % 256 == 0:
            progress(done, total)
    for session in sorted(reader.sessions(), key=_session_name):
        hasher.update(_encode(_session(session)))
    hasher.update(_encode(sorted(skipped.unknown_counts(reader).items())))
    names = skipped.global_names(reader)
    if names:
        hasher.update(_encode(names))
    return hasher.hexdigest()


def points_hash(points: Points) -> bytes:
    """SHA-256 of a history in canonical order."""
    values = points.values
    if any(map(isnan, values)):
        values = array("d", [nan if isnan(value) else value for value in values])
    hasher = hashlib.sha256(points.timestamps.tobytes())
    hasher.update(points.steps.tobytes())
    hasher.update(values.tobytes())
    return hasher.digest()


def _run(reader: Reader, run: RunState) -> list[Any]:
    values = [
        "run",
        run.run_id,
        run.experiment_id,
        run.born,
        run.user,
        run.start_ms,
        run.name,
        run.status,
        run.end_ms,
        run.lifecycle,
        run.params,
        run.tags,
        [
            (
                key,
                _canonical(metric.value),
                metric.timestamp_ms,
                metric.step,
                points_hash(reader.history(metric)),
            )
            for key, metric in sorted(reader.curves(run).items())
        ],
        run.datasets,
        run.models_read,
        run.models_written,
        _artifacts(reader, run.number),
    ]
    items = [
        (name, reader.items_of(series).digest())
        for name, series in sorted(reader.series(run).items())
    ]
    # Runs whose points all count have the digest that they had before points could be withdrawn.
    withdrawn = _withdrawn(reader, run) if run.withdrawals else []
    # That it has forks is no state of a run: they show its points in their own curves.
    withdrawn += [part for part in (run.fork[0], run.merged) if part]
    return [*values, *(part for part in (items, run.moves, run.signatures) if part), *withdrawn]


def _withdrawn(reader: Reader, run: RunState) -> list[Any]:
    """The withdrawals, and all points by the cuts that cover them."""
    layers = [
        (layer.cuts, [(key, _all_points(reader, it.points)) for key, it in layer.parts.items()])
        for layer in run.layers
    ]
    series = [
        (layer.cuts, name, reader.items_of(part.items).digest())
        for layer in run.layers
        for name, part in layer.items.items()
    ]
    covered = sorted((cuts, sorted(parts)) for cuts, parts in layers if parts)
    return [run.withdrawals, covered, *([sorted(series)] if series else [])]


def _all_points(reader: Reader, metric: MetricState) -> bytes:
    return points_hash(reader.history(metric))


def _model(reader: Reader, model: ModelState) -> list[Any]:
    fields = msgspec.structs.astuple(model)[1:]
    values = ["model", *fields, _artifacts(reader, model.number)]
    points = [
        [*msgspec.structs.astuple(point)[:-1], _canonical(point.value)]
        for point in model_points.read(reader, model.number)
    ]
    return [*values, points] if points else values


def _trace(reader: Reader, trace: TraceState) -> list[Any]:
    fields = msgspec.structs.astuple(trace)[1:]
    return ["trace", *fields, spans_of(reader, trace.number), _artifacts(reader, trace.number)]


def _registered(reader: Reader, model: registered_state.RegisteredState) -> list[Any]:
    versions = registered_state.versions(reader, model)
    versions.sort(key=lambda version: version.version_id)
    fields = msgspec.structs.astuple(model)[1:]
    return ["registered", *fields, [msgspec.structs.astuple(version) for version in versions]]


def _dataset(reader: Reader, dataset: dataset_state.DatasetState) -> list[Any]:
    records = sorted(dataset_state.records(reader, dataset), key=lambda item: item.record_id)
    fields = msgspec.structs.astuple(dataset)[1:]
    return ["dataset", *fields, [msgspec.structs.astuple(item) for item in records]]


def _artifacts(reader: Reader, owner: int) -> list[Any]:
    return [
        (file.path, file.size, file.sha256, file.place, file.stamp)
        for file in reader.artifacts(owner)
    ]


def _experiment(experiment: ExperimentState) -> list[Any]:
    *values, views = msgspec.structs.astuple(experiment)[1:]
    # Without saved views, as before there were any.
    return ["experiment", *values, *([views] if views else [])]


def _session(session: SessionState) -> list[Any]:
    hidden = ("position", "born")  # facts of this machine: its position, and its stamp
    return ["session", *(value for name, value in _items(session) if name not in hidden)]


def _session_name(session: SessionState) -> bytes:
    return session.session


def _items(session: SessionState) -> list[tuple[str, Any]]:
    return list(msgspec.structs.asdict(session).items())


def _canonical(value: float) -> float | None:
    return None if isnan(value) else value
