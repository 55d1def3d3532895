"""The views' tables, as the folds see them: entities by name, changed in place, written at the end.

`Tables` lives for one write transaction. An entity is decoded on first use and encoded once when
the batch ends, however many events touched it; index rows follow from the changes. A `Cache` keeps
decoded entities for the next batch, as long as nobody else folds meanwhile.
"""

from collections.abc import Iterator, Mapping
from itertools import islice, repeat
from typing import TYPE_CHECKING

import msgspec

from eventtrack.projections import (
    counts,
    forks,
    histories,
    index,
    item_curves,
    items,
    kept,
    keys,
    points,
    run_rows,
    skipped,
    timeline,
)
from eventtrack.projections.cache import Cache
from eventtrack.projections.curves import AnyCurve
from eventtrack.projections.index import FieldName
from eventtrack.projections.item_curves import AnySeries
from eventtrack.projections.new_points import NewPoints
from eventtrack.projections.prefixes import Prefixes
from eventtrack.projections.rows import View, WritableRows, below, end_of
from eventtrack.projections.state import (
    ArtifactState,
    ExperimentState,
    ModelState,
    RunState,
    SessionState,
)

if TYPE_CHECKING:
    from eventtrack.projections.trace_tables import ChangedTraces

TABLES = (
    *("meta", "streams", *timeline.TABLES, "experiments", "names"),
    *("runs", run_rows.TABLE, "models"),
    "model_points",
    *("registered", "registered_names", "registered_versions"),
    "sessions",
    *("artifacts", points.CHUNKS, points.STEPS, "fields"),
    *(*index.TABLES, kept.KEPT, kept.GONE, counts.TABLE, counts.DISPUTED),
    *("unknown", skipped.TABLE, "raised", items.TABLE, items.BLOBS_TABLE, items.MARKS_TABLE),
    *("datasets", "dataset_records", "dataset_order", "scorers"),
    *("traces", "traces_by_time", "spans", "span_bodies"),
)

_STATUS = (index.ATTRIBUTE, "status")

_encode = msgspec.msgpack.Encoder().encode
_decode_experiment = msgspec.msgpack.Decoder(ExperimentState).decode
_decode_model = msgspec.msgpack.Decoder(ModelState).decode
_decode_artifact = msgspec.msgpack.Decoder(ArtifactState).decode
_decode_session = msgspec.msgpack.Decoder(SessionState).decode


class Reader(View):
    """Reads of the views within one transaction, read or write."""

    def streams(self, prefix: str, limit: int) -> list[str]:
        """At most `limit` streams whose names begin with `prefix`, sorted."""
        start = prefix.encode()
        names = self.rows.keys("streams", start, end_of(start))
        # The key of a longer name has only its beginning.
        whole = (name.decode() for name in names if len(name) <= keys.TEXT_BYTES_MAX)
        return list(islice(whole, limit))

    def run(self, run_id: str) -> RunState | None:
        """A run by its id; None if no event names it."""
        number = self.number("run/" + run_id)
        return None if number is None else self.run_by_number(number)

    def run_by_number(self, number: int) -> RunState | None:
        """A run by its local number."""
        value = self.rows.get("runs", number.to_bytes(4, "big"))
        return None if value is None else run_rows.decode(self.rows, value)

    def experiment(self, experiment_id: str) -> ExperimentState | None:
        """An experiment by its id; None if no event names it."""
        number = self.number("experiment/" + experiment_id)
        return None if number is None else self.experiment_by_number(number)

    def experiment_by_number(self, number: int) -> ExperimentState | None:
        """An experiment by its local number."""
        value = self.rows.get("experiments", number.to_bytes(4, "big"))
        return None if value is None else _decode_experiment(value)

    def experiments(self) -> list[ExperimentState]:
        """Every experiment whose creation was seen."""
        rows = self.rows.scan("experiments")
        return [state for _, value in rows if (state := _decode_experiment(value)).exists]

    def model(self, model_id: str) -> ModelState | None:
        """A logged model by its id; None if no event names it."""
        number = self.number("model/" + model_id)
        return None if number is None else self.model_by_number(number)

    def model_by_number(self, number: int) -> ModelState | None:
        """A logged model by its local number."""
        value = self.rows.get("models", number.to_bytes(4, "big"))
        return None if value is None else _decode_model(value)

    def models(self) -> list[ModelState]:
        """Every logged model whose creation was seen."""
        rows = self.rows.scan("models")
        return [state for _, value in rows if (state := _decode_model(value)).experiment_id]

    def session(self, session: bytes) -> SessionState | None:
        """A session by its id; None if its opening was not seen."""
        number = self.number("session/" + session.hex())
        key = b"" if number is None else number.to_bytes(4, "big")
        value = self.rows.get("sessions", key) if key else None
        return None if value is None else _decode_session(value)

    def sessions(self) -> list[SessionState]:
        """Every session."""
        rows = self.rows.scan("sessions")
        return [_decode_session(value) for _, value in rows]

    def artifact(self, run: int, path: str) -> ArtifactState | None:
        """An artifact of a run, deleted or not."""
        value = self.rows.get("artifacts", keys.artifact(run, path))
        return None if value is None else _decode_artifact(value)

    def artifacts(self, run: int, prefix: str = "") -> list[ArtifactState]:
        """The artifacts of a run whose paths begin with `prefix`, sorted, without deleted ones."""
        start = run.to_bytes(4, "big") + prefix.encode()[: keys.TEXT_BYTES_MAX]
        states = [_decode_artifact(value) for _, value in below(self.rows, "artifacts", start)]
        return [state for state in states if not state.deleted and state.path.startswith(prefix)]

    def timeline(self, stream: str) -> list[int]:
        """The positions of all envelopes of a stream, in order."""
        number = self.number(stream)
        if number is None:
            return []
        return [place.position for place in timeline.envelopes_of(self.rows, number)]

    def field(self, field: FieldName) -> int | None:
        """The number of an indexed field; None if no run ever had it."""
        value = self.rows.get("fields", keys.field(field))
        return None if value is None else int.from_bytes(value, "big")

    def curves(self, run: RunState) -> Mapping[str, AnyCurve]:
        """The curves of a run, by key: the points of each metric that count."""
        return forks.curves_of(self, run)

    def series(self, run: RunState) -> Mapping[str, AnySeries]:
        """The text, histograms and media of a run that count, by the names of their facts."""
        return forks.series_of(self, run)

    def items_of(self, series: AnySeries, start: int = 0, stop: int | None = None) -> items.Items:
        """The items of a series, in order; `start` and `stop` are as in a slice."""
        return item_curves.read(self.rows, series, start, stop)

    def curve(self, run: RunState, key: str) -> AnyCurve | None:
        """The curve of a metric; None if it has no point that counts."""
        return forks.curve_of(self, run, key)

    def parent(self, run_id: str) -> RunState | None:
        """A run whose series are about to be read as those of its fork."""
        return self.run(run_id)

    def history(self, curve: AnyCurve) -> points.Points:
        """All points of a curve in order of (timestamp, step, value), without repeats."""
        return histories.history(self.rows, curve)

    def first_point(self, curve: AnyCurve) -> tuple[int, int]:
        """The step and timestamp of the point of a curve that is stored first."""
        return histories.earliest(self.rows, curve)


class Tables(Reader):
    """The views within one write transaction of a fold.

    Args:
        keeps: Whether to keep rows of runs before they change, for questions about moments.
    """

    rows: WritableRows

    def __init__(self, rows: WritableRows, cache: Cache, *, keeps: bool = True) -> None:
        super().__init__(rows)
        self._cache = cache
        self._keeper = kept.Keeper(rows, cache.kept) if keeps else None
        self._new: set[int] = set()  # runs that have no row yet
        self._runs: dict[int, RunState] = {}  # changed in this batch
        self._experiments: dict[int, ExperimentState] = {}  # changed in this batch
        # The old index values of each changed run, by field; None for a run without index rows.
        self._before: dict[int, dict[FieldName, tuple[bytes, ...]] | None] = {}
        self._moved_from: dict[int, str] = {}
        self.points = NewPoints(self)
        self.places = timeline.Timeline(rows)
        self._unknown: dict[bytes, int] = {}
        self._next_number = 0
        self.traces: ChangedTraces | None = None  # made by the fold of the first trace
        self.new_items = items.NewItems(self.rows, self.take_number)
        self._counts = counts.NewCounts(self)
        self._prefixes = Prefixes(self, cache)

    def stream_number(self, stream: str) -> int:
        """The local number of a stream; a new number if it has none."""
        number = self._cache.streams.get(stream) or self.number(stream)
        if number is None:
            number = self.take_number()
            self.rows.put("streams", keys.name(stream), number.to_bytes(4, "big"))
        self._cache.streams[stream] = number
        return number

    def note_envelope(self, stream: str, place: timeline.Place) -> None:
        """Record that an envelope touches a stream."""
        self.places.note(self.stream_number(stream), place)

    def note_unknown(self, stream: str, event_type: str, count: int) -> None:
        """Count events of a stream that no fold knows."""
        key = self.stream_number(stream).to_bytes(4, "big") + keys.event_type(event_type)
        self._unknown[key] = self._unknown.get(key, 0) + count

    def change_run(self, stream: str) -> RunState:
        """A run that is about to change; a new state if no event named it before."""
        number = self.stream_number(stream)
        state = self._runs.get(number)
        if state is None:
            known = self._cache.runs.get(number)
            state = run_rows.bind(self.rows, known) if known else self.run_by_number(number)
            if state is None:
                state = RunState(number, stream.partition("/")[2])
                self._new.add(number)
            self._runs[number] = self._cache.runs[number] = state
            self._before[number] = {} if state.experiment_id else None
            self._moved_from[number] = state.experiment
        return state

    def changed_run(self, number: int) -> RunState:
        """A run that changes in this batch."""
        return self._runs[number]

    def ended_runs(self) -> Iterator[RunState]:
        """The runs that ended in this batch and began before it."""
        for number, run in self._runs.items():
            if run.has_ended and _STATUS in (self._before[number] or ()):
                yield run

    def touch(self, state: RunState, field: FieldName) -> None:
        """Note that an indexed field of a run is about to change."""
        before = self._before[state.number]
        if before is not None and field not in before:
            before[field] = index.values(state, field)

    def change_experiment(self, stream: str) -> ExperimentState:
        """An experiment that is about to change; a new state if no event named it before."""
        number = self.stream_number(stream)
        state = self._experiments.get(number)
        if state is None:
            state = self._cache.experiments.get(number) or self.experiment_by_number(number)
            if state is None:
                state = ExperimentState(number, stream.partition("/")[2])
            self._experiments[number] = self._cache.experiments[number] = state
        return state

    def put_model(self, state: ModelState) -> None:
        """Store a logged model."""
        self.rows.put("models", state.number.to_bytes(4, "big"), _encode(state))

    def put_session(self, state: SessionState) -> None:
        """Store a session."""
        number = self.stream_number("session/" + state.session.hex())
        self.rows.put("sessions", number.to_bytes(4, "big"), _encode(state))

    def put_artifact(self, run: int, state: ArtifactState) -> None:
        """Store an artifact of a run."""
        self.rows.put("artifacts", keys.artifact(run, state.path), _encode(state))

    def flush(self) -> None:
        """Write all changes; reads of this transaction then see them."""
        self.points.flush()
        experiments = self._experiments.items()
        self._put_many("experiments", [(_key(it), _encode(state)) for it, state in experiments])
        if self._keeper is not None:
            for number, touched in self.places.first.items():
                if number in self._new:
                    self._keeper.keeps_none(number)
                else:
                    self._keeper.keep(number, touched, self._runs.get(number))
        self._flush_index()
        self.places.flush()
        runs = [(_key(it), run_rows.encode(self.rows, run)) for it, run in self._runs.items()]
        self._put_many("runs", runs)
        for run in self._runs.values():
            self._cache.weigh(run)
        if self.traces is not None:
            self.traces.flush()
        for name, count in self._unknown.items():
            known = int.from_bytes(self.rows.get("unknown", name) or b"", "big")
            self.rows.put("unknown", name, (known + count).to_bytes(8, "big"))
        if self._next_number:
            self.rows.put("meta", b"numbers", self._next_number.to_bytes(4, "big"))
        self._experiments.clear()
        self._runs.clear()
        self._before.clear()
        self._moved_from.clear()
        self._unknown.clear()

    def _flush_index(self) -> None:
        # Rows without a value are nearly all. Apart from the others they take less time.
        plain: dict[str, list[bytes]] = {table: [] for table in index.TABLES}
        valued: dict[str, list[tuple[bytes, bytes]]] = {table: [] for table in index.TABLES}
        for number, state in self._runs.items():
            old_id = self._moved_from[number]
            before = self._before[number]
            self._counts.note_disputes(state)
            if not state.experiment_id:
                continue
            self._counts.note(state, old_id, before)
            if before is not None and old_id != state.experiment:
                self._remove_rows(old_id, state, before)
                before = None
            experiment = self.stream_number("experiment/" + state.experiment)
            if before is None:
                added = list(zip(index.TABLES, index.entries(state), strict=True))
            else:
                added = self._changed_entries(experiment, state, before)
            since = self._keeper.coming(number, self.places.first[number]) if self._keeper else b""
            known, prefix_of = self._prefixes.known(experiment), self._prefixes.of
            run = number.to_bytes(4, "big")
            for table, entries in added:
                keys = [
                    (known.get(field) or prefix_of(experiment, field)) + value + run
                    for field, value in entries
                ]
                if since:
                    valued[table] += zip(keys, repeat(since))
                else:
                    plain[table] += keys
        # Sorted rows land on neighbouring pages. In random order this is several times slower.
        for table in index.TABLES:
            self.rows.put_many(table, zip(sorted(plain[table]), repeat(b"")))
            self.rows.put_many(table, sorted(valued[table]))
        self._counts.flush()
        self._new.clear()

    def _changed_entries(
        self, experiment: int, state: RunState, before: dict[FieldName, tuple[bytes, ...]]
    ) -> list[tuple[str, list[index.Entry]]]:
        """The new entries of a run's fields that changed. Removes the rows of their old ones."""
        added = []
        for field, old in before.items():
            new = index.values(state, field)
            if new != old:
                self._remove(experiment, field, old, state.number)
                added.append((index.table_of(field), [(field, value) for value in new]))
        return added

    def _remove_rows(
        self, experiment_id: str, state: RunState, before: dict[FieldName, tuple[bytes, ...]]
    ) -> None:
        """Take a run out of the index of an experiment: it moved, or was born in another."""
        experiment = self.stream_number("experiment/" + experiment_id)
        for field in {*index.fields(state), *before}:
            values = before.get(field, index.values(state, field))
            self._remove(experiment, field, values, state.number)

    def _remove(
        self, experiment: int, field: FieldName, values: tuple[bytes, ...], number: int
    ) -> None:
        table, prefix = index.table_of(field), self._prefixes.of(experiment, field)
        for value in values:
            row = prefix + value + number.to_bytes(4, "big")
            if self._keeper is None:
                self.rows.delete(table, row)
            else:
                self._keeper.remove(table, row, number, self.places.first[number].position)

    def take_number(self) -> int:
        """A local number that nothing has yet."""
        if not self._next_number:
            value = self.rows.get("meta", b"numbers")
            self._next_number = int.from_bytes(value, "big") if value else 0
        self._next_number += 1
        return self._next_number

    def _put_many(self, table: str, rows: list[tuple[bytes, bytes]]) -> None:
        if len(rows) > 1:  # sorted, as above
            self.rows.put_many(table, sorted(rows))
        elif rows:
            self.rows.put(table, *rows[0])


def _key(number: int) -> bytes:
    return number.to_bytes(4, "big")
