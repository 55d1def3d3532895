"""Garbage: finds deleted things and erases them for good, with one cleaning of the files."""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from eventtrack.clock import recorded_ms
from eventtrack.errors import InvalidStateError
from eventtrack.projections import (
    counts,
    dataset_state,
    index,
    registered_state,
    scorer_state,
)
from eventtrack.projections.rows import end_of
from eventtrack.projections.state import (
    ExperimentState,
    ModelState,
    RunState,
    Stamp,
    latest,
    recorded_of,
)
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_tables import trace_by_number
from eventtrack.store.context import StoreContext
from eventtrack.store.redaction import Redaction
from eventtrack.tags import PARENT_TAG, TRACE_NAME_TAG
from eventtrack.views.filters.trees import Comparison, Field
from eventtrack.views.records import LifecycleStage, Record, ViewType
from eventtrack.views.registered import living_versions, shown_name
from eventtrack.views.search.forks import joined_runs
from eventtrack.views.search.runs import RunSearch

REASON = "gc"
# They separate the parts of a version's source: `models:/m-...`, `runs:/ID/...`,
# `.../ID/artifacts/...`.
_SEPARATORS = str.maketrans(":?#", "///")


class Deleted(Record):
    """A deleted thing. `kind` is the first part of its stream.

    `deleted_ms` is the time of the deletion, in milliseconds since 1970, by the clock of the
    machine that deleted it. `children` counts the runs that name it as their parent and are not
    deleted. `bytes` is the size of its payloads and files. `elsewhere` counts its files in an
    artifact location outside of the store.
    """

    kind: str
    id: str
    name: str
    deleted_ms: int
    children: int = 0
    bytes: int = 0
    elsewhere: int = 0

    @property
    def stream(self) -> str:
        """The stream of its events."""
        return f"{self.kind}/{self.id}"


class Kept(Record):
    """A deleted thing that is not erased, and the reason."""

    kind: str
    id: str
    name: str
    reason: str


class Found(Record):
    """The deleted things that can be erased, and those that stay."""

    garbage: list[Deleted] = msgspec.field(default_factory=list)
    kept: list[Kept] = msgspec.field(default_factory=list)


class Freed(Record):
    """The erased things: streams, envelopes and bytes of payloads, and files with their bytes."""

    erased: list[Deleted]
    envelopes: int
    payload_bytes: int
    files: int
    file_bytes: int


class Garbage:
    """Erases deleted runs, experiments, models, traces, datasets and scorers, with their files."""

    def __init__(self, context: StoreContext, redaction: Redaction) -> None:
        self._context = context
        self._engine = context.engine
        self._redaction = redaction

    def find(self, *, older_than_ms: int = 0, only: Collection[str] | None = None) -> Found:
        """The deleted things that `erase` would erase, and those that it would not.

        A run or model that a registered version names stays, and so does an experiment in which
        something stays.

        Args:
            older_than_ms: Only things that were deleted at least this long ago.
            only: Only things with one of these streams, or in an experiment with one of them.
        """
        self._engine.flush()
        before_ms = self._engine.clock.now_ms() - older_than_ms
        with self._engine.read() as reader:
            search = _Search(reader, before_ms)
            result = search.result()
            if only is not None:
                result.garbage = [thing for thing in result.garbage if search.is_of(thing, only)]
                result.kept = [thing for thing in result.kept if search.is_of(thing, only)]
            for thing in result.garbage:
                self._measure(reader, thing)
        return result

    def erase(self, garbage: Collection[Deleted]) -> Freed:
        """Erase things that `find` gave, in one redaction with the reason "gc".

        A thing that was restored meanwhile, or that a registered version names now, stays.

        Raises:
            InvalidStateError: None of them is deleted any more.
        """

        def still(reader: Reader) -> set[str]:
            now = _Search(reader, self._engine.clock.now_ms())
            return {thing.stream for thing in now.result().garbage}

        done = self._redaction.redact_streams([thing.stream for thing in garbage], REASON, still)
        if not done.streams:
            raise InvalidStateError(
                "nothing of this is deleted any more: there is nothing to erase",
                hint="`eventtrack gc --dry-run` shows what there is",
            )
        return Freed(
            erased=[thing for thing in garbage if thing.stream in done.streams],
            envelopes=done.envelopes,
            payload_bytes=done.payload_bytes,
            files=done.files,
            file_bytes=done.file_bytes,
        )

    def _measure(self, reader: Reader, thing: Deleted) -> None:
        for position in reader.timeline(thing.stream):
            envelope = self._engine.log.get(position)
            thing.bytes += len(envelope.payload) if envelope is not None else 0
        number = reader.number(thing.stream)
        for file in reader.artifacts(number) if number is not None else ():
            if file.place is None:
                thing.bytes += file.size
            else:
                thing.elsewhere += 1


class _Search:
    """One look at all deleted things. Of runs it reads those, and the runs that depend on them.

    Args:
        before_ms: Things that were deleted later stay.
    """

    def __init__(self, reader: Reader, before_ms: int) -> None:
        self._reader = reader
        self._before_ms = before_ms
        self._holders = dict(_held(reader))
        self._forked: dict[str, str] = {}  # runs whose points count for runs that are there
        # The experiments that have runs; one that is known by hearsay only has an empty state.
        numbers = [int.from_bytes(key, "big") for key in reader.rows.keys(counts.TABLE)]
        self._with_runs = [
            reader.experiment_by_number(number) or ExperimentState(number, "") for number in numbers
        ]
        self._experiments = {state.experiment_id: state for state in reader.experiments()}
        self._gone = {
            key: self._time(state.lifecycle[1])
            for key, state in self._experiments.items()
            if state.lifecycle[0] == LifecycleStage.DELETED and self._is_old(state.lifecycle[1])
        }
        self._inhabited: dict[str, str] = {}  # experiments that must stay, and the reason
        self._of: dict[str, str] = {}  # the experiment of each deleted thing, by its stream

    def result(self) -> Found:
        """All deleted things: those that may be erased, and those that stay."""
        result = Found()
        self._forked = self._needed()
        for run in self._runs():
            if run.run_id in self._forked:
                self._holders.setdefault(run.run_id, f"run {self._forked[run.run_id]}")
            self._put(result, "run", run.run_id, run.experiment, run.name[0], self._run_stage(run))
        models = self._reader.models()
        for model in models:
            stage = self._model_stage(model)
            self._put(result, "model", model.model_id, model.experiment_id, model.name, stage)
        self._count_children(result)
        self._put_experiments(result)
        self._put_traces(result)
        self._put_registered(result)
        self._put_datasets(result)
        self._put_scorers(result)
        return result

    def _needed(self) -> dict[str, str]:
        """The runs whose points count for runs that are there, each with such a run."""
        sources: dict[str, list[str]] = {}
        there: list[str] = []
        for experiment in self._with_runs:
            for run in joined_runs(self._reader, experiment.number):
                sources[run.run_id] = run.sources()
                if self._run_stage(run) is None:
                    there.append(run.run_id)
        needed: dict[str, str] = {}
        for run_id in there:
            waiting = [run_id]
            while waiting:
                for named in sources.get(waiting.pop(), ()):
                    if named not in needed:
                        needed[named] = run_id
                        waiting.append(named)
        return needed

    def is_of(self, thing: Deleted | Kept, streams: Collection[str]) -> bool:
        """Whether a thing has one of some streams, or is in an experiment with one of them."""
        stream = f"{thing.kind}/{thing.id}"
        return stream in streams or f"experiment/{self._of.get(stream)}" in streams

    def _runs(self) -> Iterator[RunState]:
        """The runs of deleted experiments, and of others those that were deleted by themselves."""
        numbers: list[int] = []
        for experiment in self._with_runs:
            if experiment.experiment_id in self._gone:
                numbers += self._indexed(experiment, "start_time", b"")
            else:
                deleted = index.encode_text(LifecycleStage.DELETED)
                numbers += self._indexed(experiment, "lifecycle_stage", deleted)
        for number in sorted(numbers):
            run = self._reader.run_by_number(number)
            if run is not None:
                yield run

    def _indexed(self, experiment: ExperimentState, attribute: str, value: bytes) -> Sequence[int]:
        """The numbers of the runs of an experiment with a value that begins so."""
        name = (index.ATTRIBUTE, attribute)
        field = self._reader.field(name)
        if field is None:
            return ()
        first = index.prefix(experiment.number, field) + value
        rows = self._reader.rows.keys(index.table_of(name), first, end_of(first))
        return [index.run_of(key) for key in rows]

    def _count_children(self, result: Found) -> None:
        """Count the active runs that are nested in each run that may be erased."""
        search = RunSearch(self._reader, self._with_runs, lambda run: run.run_id)
        for thing in result.garbage:
            if thing.kind == "run":
                nested = Comparison(Field("tag", PARENT_TAG), "=", thing.id)
                thing.children = search.count(nested, ViewType.ACTIVE_ONLY)

    def _run_stage(self, run: RunState) -> Stamp | None:
        """The stamp of a run's deletion; None for an active run."""
        lifecycle, experiment = run.lifecycle, self._experiments.get(run.experiment)
        if experiment is not None:
            lifecycle = latest(lifecycle, *experiment.lifecycle)
        return lifecycle[1] if lifecycle[0] == LifecycleStage.DELETED else None

    def _model_stage(self, model: ModelState) -> Stamp | None:
        """The stamp of a model's deletion: its own, or else its experiment's."""
        if model.lifecycle[0] == LifecycleStage.DELETED:
            return model.lifecycle[1]
        experiment = self._experiments.get(model.experiment_id)
        gone = experiment is not None and model.experiment_id in self._gone
        return experiment.lifecycle[1] if gone and experiment is not None else None

    def _put(
        self,
        result: Found,
        kind: str,
        identifier: str,
        experiment: str,
        name: str,
        stage: Stamp | None,
    ) -> None:
        self._of[f"{kind}/{identifier}"] = experiment
        if stage is not None and self._is_old(stage):
            holder = self._holders.get(identifier)
            if holder is None:
                when = self._time(stage)
                result.garbage.append(Deleted(kind=kind, id=identifier, name=name, deleted_ms=when))
                return
            reason = f"{holder} names it"
            result.kept.append(Kept(kind=kind, id=identifier, name=name, reason=reason))
        self._inhabited.setdefault(experiment, f"{kind} {identifier} stays in it")

    def _put_experiments(self, result: Found) -> None:
        # A model that is deleted only with its experiment stays if the experiment stays.
        own = {model.model_id for model in self._reader.models() if model.lifecycle[0] == "deleted"}
        result.garbage = [
            thing
            for thing in result.garbage
            if thing.kind != "model"
            or thing.id in own
            or self._of[thing.stream] not in self._inhabited
        ]
        for key, when in self._gone.items():
            self._of[f"experiment/{key}"] = key
            name = self._experiments[key].name[0]
            if key in self._inhabited:
                reason = self._inhabited[key]
                result.kept.append(Kept(kind="experiment", id=key, name=name, reason=reason))
            else:
                result.garbage.append(
                    Deleted(kind="experiment", id=key, name=name, deleted_ms=when)
                )

    def _put_traces(self, result: Found) -> None:
        for key in self._reader.rows.keys("traces"):
            trace = trace_by_number(self._reader, int.from_bytes(key, "big"))
            if trace is None or not trace.experiment_id:
                continue
            experiment, when = trace.experiment_id, None
            if experiment in self._gone and experiment not in self._inhabited:
                when = self._gone[experiment]
            elif not trace.shown and self._is_old(trace.lifecycle[1]):
                when = self._time(trace.lifecycle[1])
            if when is not None:
                name = trace.live_tags().get(TRACE_NAME_TAG, "")
                gone = Deleted(kind="trace", id=trace.trace_id, name=name, deleted_ms=when)
                self._of[gone.stream] = experiment
                result.garbage.append(gone)

    def _put_registered(self, result: Found) -> None:
        for model in registered_state.deleted_models(self._reader):
            if self._is_old(model.deleted):
                result.garbage.append(
                    Deleted(
                        kind="registered",
                        id=model.registered_id,
                        name=model.name[0],
                        deleted_ms=self._time(model.deleted),
                    )
                )

    def _put_datasets(self, result: Found) -> None:
        for dataset in dataset_state.datasets(self._reader):
            stage, stamp = dataset.lifecycle
            if stage == LifecycleStage.DELETED and self._is_old(stamp):
                result.garbage.append(
                    Deleted(
                        kind="dataset",
                        id=dataset.dataset_id,
                        name=dataset.name,
                        deleted_ms=self._time(stamp),
                    )
                )

    def _put_scorers(self, result: Found) -> None:
        for scorer in scorer_state.all_scorers(self._reader):
            experiment, when = scorer.experiment[0], None
            if experiment in self._gone and experiment not in self._inhabited:
                when = self._gone[experiment]
            elif not scorer.living() and self._is_old(scorer.deleted):
                when = self._time(scorer.deleted)
            if when is not None:
                name, key = scorer.name[0], scorer.scorer_id
                gone = Deleted(kind="scorer", id=key, name=name, deleted_ms=when)
                self._of[gone.stream] = experiment
                result.garbage.append(gone)

    def _is_old(self, stamp: Stamp) -> bool:
        return self._time(stamp) <= self._before_ms

    @staticmethod
    def _time(stamp: Stamp) -> int:
        return recorded_ms(recorded_of(stamp))


def _held(reader: Reader) -> Iterator[tuple[str, str]]:
    """Each run and model that a registered version needs, by id, with that version."""
    for model in registered_state.models(reader):
        name = shown_name(reader, model)
        for number, version in living_versions(reader, model).items():
            holder = f"version {number} of the registered model {name!r}"
            places = f"{version.source}/{version.location}".translate(_SEPARATORS).split("/")
            for identifier in {version.run_id, version.model_id, *places}:
                if identifier:
                    yield identifier, holder
