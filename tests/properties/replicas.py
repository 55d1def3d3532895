"""Replicas that record by themselves and exchange what they have recorded."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.events import datasets, registered, scorers, signatures, traces, types
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.types import Event
from eventtrack.ids import SeededIds
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import EventLog
from eventtrack.projections import dataset_state, registered_state
from eventtrack.projections.build import Build
from eventtrack.projections.dataset_state import DatasetState
from eventtrack.projections.digest import digest
from eventtrack.projections.past import Past
from eventtrack.projections.standing import Bounds
from eventtrack.projections.tables import Reader
from eventtrack.views.datasets import dataset_record, record_of
from eventtrack.views.entities import EntityReader, shown_name
from eventtrack.views.registered import model_record
from tests.projections.facts import index_of, traces_by_time
from tests.properties.item_events import ITEMS_EVENT
from tests.properties.withdrawals import FORK_EVENT, WITHDRAWAL_EVENT

RUNS = [f"run/{letter * 32}" for letter in "ab"]
EXPERIMENTS = ["experiment/1", "experiment/2"]
MODELS, TRACES = ["model/m-1"], ["trace/tr-1"]
REGISTERED = ["registered/1", "registered/2"]
DATASETS, SCORERS = ["dataset/d-1"], ["scorer/1"]

# Few different names and values: replicas are to disagree about the same things.
KEY = st.sampled_from(["a", "b", "mlflow.runName"])
TEXT = st.sampled_from(["", "x", "y", "é\0"])
TAGS = st.dictionaries(KEY, TEXT, max_size=2)
NUMBER = st.integers(0, 3)
VALUE = st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")])
EXPERIMENT_ID = st.sampled_from(["1", "2"])
NAME = st.sampled_from(["one", "two"])
STATUS = st.sampled_from(["RUNNING", "FINISHED"])
PATH = st.sampled_from(["a.txt", "b/c.txt"])
DATASET = st.builds(
    types.DatasetUsed, NAME, TEXT, st.just("local"), TEXT, st.none(), st.none(), TAGS
)
FILE = st.builds(types.ArtifactStored, PATH, NUMBER, st.binary(min_size=1, max_size=1), st.none())
POINT = st.builds(types.ModelPoint, KEY, VALUE, NUMBER, NUMBER, st.none() | NAME, st.none() | TEXT)
MODEL = st.sampled_from(["m-1", "m-2"])

RUN_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(types.RunStarted, EXPERIMENT_ID, NAME, TEXT, NUMBER, TAGS, STATUS),
    st.builds(types.RunUpdated, st.none() | STATUS, st.none() | NUMBER, st.none() | NAME),
    st.builds(types.RunDeleted, NUMBER),
    st.builds(types.RunRestored, NUMBER),
    st.builds(types.ParamsLogged, TAGS),
    st.builds(types.ParamsWithdrawn, st.lists(KEY, max_size=2)),
    st.builds(types.ParamsCorrected, TAGS),
    st.builds(types.RunMoved, EXPERIMENT_ID),
    st.builds(signatures.RunSigned, NAME, NAME, st.just(bytes(32)), NAME, NUMBER),
    st.builds(types.TagsSet, TAGS),
    st.builds(types.TagDeleted, KEY),
    st.builds(types.MetricLogged, KEY, VALUE, NUMBER, NUMBER),
    st.builds(
        lambda rows, step, time: types.MetricsLogged(list(rows), list(rows.values()), step, time),
        st.dictionaries(KEY, VALUE, max_size=3),
        NUMBER,
        NUMBER,
    ),
    *(ITEMS_EVENT, WITHDRAWAL_EVENT, FORK_EVENT),
    st.builds(types.InputsLogged, st.lists(DATASET, max_size=2), st.lists(MODEL, max_size=1)),
    st.builds(types.OutputsLogged, st.lists(st.tuples(MODEL, NUMBER), max_size=2)),
    st.builds(types.ArtifactsLogged, st.lists(FILE, max_size=2)),
    st.builds(types.ArtifactsDeleted, st.lists(PATH, max_size=2)),
)
EXPERIMENT_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(types.ExperimentCreated, NAME, st.none() | TEXT, TAGS, NUMBER),
    st.builds(types.ExperimentRenamed, NAME, NUMBER),
    st.builds(types.ExperimentDeleted, NUMBER),
    st.builds(types.ExperimentRestored, NUMBER),
    st.builds(types.ExperimentTagsSet, TAGS, NUMBER),
    st.builds(types.ExperimentTagDeleted, KEY, NUMBER),
    st.builds(types.ExperimentViewSaved, KEY, TEXT),
    st.builds(types.ExperimentViewDeleted, KEY),
)
MODEL_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        types.ModelCreated,
        experiment_id=EXPERIMENT_ID,
        name=NAME,
        source_run_id=st.none() | TEXT,
        model_type=st.none() | TEXT,
        params=TAGS,
        tags=TAGS,
        created_ms=NUMBER,
    ),
    st.builds(types.ModelFinalized, STATUS, NUMBER),
    st.builds(types.ModelParamsLogged, TAGS),
    st.builds(types.ModelTagsSet, TAGS),
    st.builds(types.ModelTagDeleted, KEY),
    st.builds(types.ModelMetricsLogged, NAME, st.lists(POINT, max_size=3)),
    st.builds(types.ModelDeleted, NUMBER),
    st.builds(types.ModelRestored, NUMBER),
    st.builds(types.ModelArtifactsLogged, st.lists(FILE, max_size=2)),
    st.builds(types.ModelArtifactsDeleted, st.lists(PATH, max_size=2)),
)
SPAN = st.builds(
    traces.SpanLogged,
    span_id=NAME,
    parent_id=st.none() | NAME,
    name=TEXT,
    kind=TEXT,
    status=st.sampled_from(["OK", "ERROR", "UNSET"]),
    start_ns=NUMBER,
    end_ns=st.none() | NUMBER,
    size=NUMBER,
    sha256=st.just(b""),
    body=st.none() | st.binary(max_size=1),
    about_trace=st.dictionaries(
        st.sampled_from(["usage", "session", "user", "request_preview"]), TEXT, max_size=2
    ),
)
ASSESSMENT = st.sampled_from(["a-1", "a-2"])
TRACE_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        traces.TraceRecorded,
        experiment_id=EXPERIMENT_ID,
        request_ms=NUMBER,
        duration_ms=st.none() | NUMBER,
        state=st.sampled_from(["OK", "ERROR", "IN_PROGRESS"]),
        client_request_id=st.none() | TEXT,
        request_preview=st.none() | TEXT,
        response_preview=st.none(),
        metadata=TAGS,
        tags=TAGS,
    ),
    st.builds(traces.SpansLogged, EXPERIMENT_ID, st.lists(SPAN, max_size=3)),
    st.builds(traces.TraceTagsSet, TAGS),
    st.builds(traces.TraceTagDeleted, KEY),
    st.builds(traces.TraceRunsLinked, st.lists(NAME, max_size=2)),
    st.builds(traces.TraceRunsUnlinked, st.lists(NAME, max_size=2)),
    st.builds(traces.TracePromptsLinked, st.lists(NAME, max_size=2)),
    st.builds(
        traces.AssessmentCreated,
        assessment_id=ASSESSMENT,
        kind=st.just("feedback"),
        name=NAME,
        value=TEXT,
        error=st.none() | st.builds(traces.AssessmentError, TEXT),
        source_type=TEXT,
        source_id=st.none(),
        created_ms=NUMBER,
        updated_ms=NUMBER,
        span_id=st.none(),
        run_id=st.none(),
        rationale=st.none() | TEXT,
        metadata=TAGS,
        overrides=st.none() | ASSESSMENT,
    ),
    st.builds(traces.AssessmentUpdated, ASSESSMENT, NUMBER, st.none() | NAME, st.none() | TEXT),
    st.builds(traces.AssessmentDeleted, ASSESSMENT),
    st.builds(traces.TraceArtifactsLogged, st.lists(FILE, max_size=2)),
    st.builds(traces.TraceArtifactsDeleted, st.lists(PATH, max_size=2)),
    st.builds(traces.TraceDeleted, NUMBER),
    st.builds(traces.TraceRestored, NUMBER),
)

SESSION_EVENT: st.SearchStrategy[Event] = st.builds(
    types.SessionOpened,
    user=TEXT,
    host=NAME,
    pid=NUMBER,
    program=TEXT,
    cwd=TEXT,
    git_commit=st.none() | TEXT,
    source=NAME,
    version=NAME,
    opened_ms=NUMBER,
)
SESSIONS = ["session/" + "5e" * 16]
VERSION = st.sampled_from(["v1", "v2", "v3"])
STAGE = st.sampled_from(["None", "Staging", "Production"])
REGISTERED_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(registered.RegisteredCreated, NAME, st.none() | TEXT, TAGS, NUMBER),
    st.builds(registered.RegisteredRenamed, NAME, NUMBER),
    st.builds(registered.RegisteredDescribed, st.none() | TEXT, NUMBER),
    st.builds(registered.RegisteredDeleted, NUMBER),
    st.builds(registered.RegisteredRestored, NUMBER),
    st.builds(registered.RegisteredTagsSet, TAGS),
    st.builds(registered.RegisteredTagDeleted, KEY),
    st.builds(registered.AliasSet, KEY, VERSION),
    st.builds(registered.AliasDeleted, KEY),
    st.builds(
        registered.VersionCreated,
        version_id=VERSION,
        number=NUMBER,
        source=TEXT,
        location=TEXT,
        run_id=st.none() | TEXT,
        run_link=st.none(),
        model_id=st.none() | MODEL,
        user=st.none(),
        description=st.none() | TEXT,
        tags=TAGS,
        created_ms=NUMBER,
    ),
    st.builds(registered.VersionDescribed, VERSION, st.none() | TEXT, NUMBER),
    st.builds(registered.VersionStaged, VERSION, STAGE, NUMBER),
    st.builds(registered.VersionDeleted, VERSION, NUMBER),
    st.builds(registered.VersionRestored, VERSION, NUMBER),
    st.builds(registered.VersionTagsSet, VERSION, TAGS),
    st.builds(registered.VersionTagDeleted, VERSION, KEY),
)

JSON = st.sampled_from(["{}", '{"a": 1}', '{"a": "x"}', '"y"', "null", "no JSON"])
JSON_BY_KEY = st.dictionaries(st.sampled_from(["a", "mlflow.user"]), JSON, max_size=2)
RECORD_ID = st.sampled_from(["dr-1", "dr-2"])
MERGED = st.builds(
    datasets.RecordMerged,
    record_id=RECORD_ID,
    inputs=JSON,
    outputs=st.none() | JSON,
    expectations=st.none() | JSON_BY_KEY,
    tags=JSON_BY_KEY,
    source=st.none() | JSON,
    is_new=st.booleans(),
)
DATASET_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        datasets.DatasetCreated,
        NAME,
        TAGS,
        st.lists(EXPERIMENT_ID, max_size=2),
        st.none() | TEXT,
        NUMBER,
    ),
    st.builds(datasets.DatasetDeleted, NUMBER),
    st.builds(datasets.DatasetRestored, NUMBER),
    st.builds(datasets.DatasetTagsSet, TAGS),
    st.builds(datasets.DatasetTagDeleted, KEY),
    st.builds(datasets.ExperimentsAdded, st.lists(EXPERIMENT_ID, max_size=2), NUMBER),
    st.builds(datasets.ExperimentsRemoved, st.lists(EXPERIMENT_ID, max_size=2), NUMBER),
    st.builds(datasets.RecordsMerged, st.lists(MERGED, max_size=2), NUMBER, st.none() | TEXT),
    st.builds(datasets.RecordsDeleted, st.lists(RECORD_ID, max_size=2), NUMBER),
)

SCORER_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(scorers.ScorerRegistered, EXPERIMENT_ID, NAME, VERSION, NUMBER, TEXT, NUMBER),
    st.builds(scorers.ScorerDeleted, VERSION, NUMBER),
    st.builds(scorers.ScorerRestored, VERSION, NUMBER),
)


def _draft(stream: str, events: list[Event], reason: str | None) -> Draft:
    draft = Draft.of(stream, *events)
    return draft if reason is None else draft.explained(reason)


def _drafts(streams: list[str], event: st.SearchStrategy[Event]) -> st.SearchStrategy[Draft]:
    return st.builds(
        _draft,
        st.sampled_from(streams),
        st.lists(event, min_size=1, max_size=4),
        st.none() | st.just("because"),
    )


RUN_DRAFT: st.SearchStrategy[Draft] = _drafts(RUNS, RUN_EVENT)
# What a replica may record at once: events of one stream.
DRAFT: st.SearchStrategy[Draft] = st.one_of(
    RUN_DRAFT,
    _drafts(EXPERIMENTS, EXPERIMENT_EVENT),
    _drafts(MODELS, MODEL_EVENT),
    _drafts(TRACES, TRACE_EVENT),
    _drafts(REGISTERED, REGISTERED_EVENT),
    _drafts(DATASETS, DATASET_EVENT),
    _drafts(SCORERS, SCORER_EVENT),
    _drafts(SESSIONS, SESSION_EVENT),
)


# A digest, and what follows from the facts but is not in it: the indexes, shown names, the order of
# what is listed.
State = tuple[str, str, str, str, str]


def state_of(build: Build | Past) -> State:
    """All that views show, without what is local to them."""
    with build.read() as reader:
        names = {one.experiment_id: shown_name(reader, one) for one in reader.experiments()}
        index = json.dumps(index_of(reader), sort_keys=True)
        entities = EntityReader(reader, "root", lambda _, __: None)
        found = (reader.run(stream.partition("/")[2]) for stream in RUNS)
        records = [entities.run(run) for run in found if run is not None]
        lists = repr([(one.inputs, one.outputs) for one in records])
        registry = [model_record(reader, one) for one in registered_state.models(reader)]
        registry.sort(key=lambda one: one.registered_id)
        evaluation = [_evaluation(reader, one) for one in dataset_state.datasets(reader)]
        shown = repr((sorted(names.items()), registry, evaluation))
        # The digest last: of a past it folds what could be shown without.
        return index, shown, repr(traces_by_time(reader)), lists, digest(reader)


def _evaluation(reader: Reader, state: DatasetState) -> tuple[object, ...]:
    rows = dataset_state.records_in_order(reader, state)
    return dataset_record(state), [record_of(state.dataset_id, row) for row in rows]


@dataclass
class Replica:
    """A log of its own, views of its own, and a clock that somebody else sets."""

    name: str
    folder: Path
    log: EventLog
    clock: ManualClock
    build: Build

    @classmethod
    def make(cls, name: str, folder: Path, *, on_disk: bool = False) -> "Replica":
        """A replica in an empty folder."""
        clock = ManualClock(1_000)
        ids = SeededIds(name)
        (folder / "log").mkdir(parents=True)
        log: EventLog = (
            LmdbLog(folder / "log", clock=clock, ids=ids)
            if on_disk
            else MemoryLog(clock=clock, ids=ids)
        )
        return cls(name, folder, log, clock, Build(folder / "views"))

    def record(self, draft: Draft) -> None:
        """Record events in a session of its own."""
        session = hashlib.sha256(self.name.encode()).digest()[:16]
        self.log.transact(lambda txn: txn.append(draft, session))

    def pull(self, other: "Replica", feed: bytes, limit: int) -> None:
        """Take at most so many envelopes of a feed that the other has and this has not."""
        head = self.log.heads().get(feed)
        size = 0 if head is None else head.size
        wanted = [
            envelope.data
            for envelope in other.log.read(0, 10**6)
            if envelope.header.replica == feed and envelope.header.index >= size
        ]
        self.log.transact(lambda txn: [txn.append_foreign(data) for data in wanted[:limit]])

    def pull_all(self, other: "Replica") -> None:
        """Take everything that the other has, in its order of arrival."""
        wanted = [envelope.data for envelope in other.log.read(0, 10**6)]
        self.log.transact(lambda txn: [txn.append_foreign(data) for data in wanted])

    def fold(self, batch: int) -> None:
        """Fold at most so many envelopes."""
        with self.build.begin() as fold:
            fold.take_batch(self.log, batch)

    def fold_all(self) -> State:
        """The state of views that hold the whole log."""
        while self.build.checkpoint().position < self.log.head():
            self.build.advance(self.log)
        return state_of(self.build)

    def fold_anew(self, name: str) -> State:
        """The state of views folded from the beginning."""
        build = Build(self.folder / name)
        while build.checkpoint().position < self.log.head():
            build.advance(self.log)
        found = state_of(build)
        build.close()
        return found

    def fold_until(self, name: str, until: Bounds) -> State:
        """The state of views into which only what is within bounds was folded."""
        build = Build(
            self.folder / name, lambda one: until.include(one.position, one.header.recorded)
        )
        while build.checkpoint().position < self.log.head():
            build.advance(self.log)
        found = state_of(build)
        build.close()
        return found

    def look_back(self, name: str, until: Bounds) -> Past:
        """The views as they were, made of those of now; the caller closes it."""
        self.fold_all()
        (self.folder / name).mkdir()
        return Past(self.build, self.log, until, self.folder / name)

    def envelopes(self) -> dict[tuple[bytes, int], Envelope]:
        """Everything it holds, by name."""
        return {(one.header.replica, one.header.index): one for one in self.log.read(0, 10**6)}

    def close(self) -> None:
        self.build.close()
        self.log.close()
