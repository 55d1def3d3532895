"""The account of a run, for an auditor: what holds, who changed what, when and why, and the proofs.

`account_of` gathers it from the log and the views; `account_page` prints it.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress

from eventtrack._version import __version__
from eventtrack.audit.auditor import Auditor
from eventtrack.audit.checkpoints import Checkpoint
from eventtrack.audit.proofs import EventProof
from eventtrack.errors import EventtrackError, NotFoundError, StoreReadOnlyError
from eventtrack.events.envelope import Envelope
from eventtrack.facts.run import EXPERIMENT
from eventtrack.store import Store
from eventtrack.views.history.blame import blame_lines
from eventtrack.views.history.events import POINTS, EventRecord
from eventtrack.views.items import ItemSeries
from eventtrack.views.queries.artifacts import ArtifactEntry
from eventtrack.views.queries.runs import Signature
from eventtrack.views.queries.sessions import Session
from eventtrack.views.records import Record, Run

# A page of more entries is of no use to a reader; `eventtrack blame --json` has all of them.
CHANGES_MAX = 5000
# Points of a small picture of a metric's course.
_COURSE_POINTS = 120


class FactChange(Record):
    """The value of one fact before and after an event, as texts; None for none."""

    fact: str
    before: str | None
    after: str | None


class Entry(Record):
    """One event of the run, or of an experiment that it was in, with its effect.

    `points` counts the points of a stretch by metric. Times are milliseconds since 1970:
    `recorded_ms` by the writer's clock, `arrived_ms` by the clock here, None if recorded here.
    """

    address: str
    type: str
    recorded_ms: int
    arrived_ms: int | None
    session: str
    reason: str | None
    facts: list[FactChange]
    points: dict[str, int]


class SignatureState(Record):
    """A signature, and the facts that have changed since if it does not hold."""

    signature: Signature
    changed: list[str]


class MetricLine(Record):
    """A metric: its points that count, in figures, and `course`, some of the values in order."""

    key: str
    points: int
    last: float
    step: int
    least: float | None
    greatest: float | None
    course: list[float]


class FeedProof(Record):
    """The evidence for the run's envelopes in one feed.

    `proved` of its `envelopes` stand under the signed head of `size` envelopes and root `root`;
    `problem` says why the others do not, "" if all do. `erased` have lost their contents.
    """

    replica: str
    own: bool
    envelopes: int
    erased: int
    proved: int
    size: int
    root: str
    keys: list[str]
    signatures: int
    problem: str


class Account(Record):
    """All that an auditor asks of a run, as of `position` of the log here."""

    made_ms: int
    version: str
    replica: str
    position: int
    run: Run
    experiment: str
    digest: str
    signatures: list[SignatureState]
    metrics: list[MetricLine]
    series: list[ItemSeries]
    merged: list[str]
    files: list[ArtifactEntry]
    entries: list[Entry]
    left_out: int
    authors: list[Session]
    feeds: list[FeedProof]


def account_of(store: Store, run_id: str, made_ms: int) -> Account:
    """The account of a run. Signs this store's head first if the run's events need it.

    Costs a read of the run's events and points.

    Raises:
        NotFoundError: There is no such run.
    """
    run = store.runs.get(run_id)
    proofs = _proofs(store, run_id)
    entries = _entries(store, run_id)
    shown = entries[-CHANGES_MAX:]
    wrote = dict.fromkeys(entry.session for entry in shown)
    sessions = store.sessions.of(wrote)
    return Account(
        made_ms=made_ms,
        version=__version__,
        replica=store.feeds.own,
        position=store.events.head(),
        run=run,
        experiment=store.experiments.get(run.info.experiment_id).name,
        digest=store.runs.digest(run_id),
        signatures=[
            SignatureState(
                signature=signed,
                changed=[] if signed.holds else store.history.changed_since(run_id, signed),
            )
            for signed in store.runs.signatures(run_id)
        ],
        metrics=_metrics(store, run),
        series=list(store.items.list(run_id)),
        merged=store.runs.merged_of(run_id),
        files=list(store.artifacts.entries(run_id)),
        entries=shown,
        left_out=len(entries) - len(shown),
        authors=[sessions[name] for name in wrote if name in sessions],
        feeds=proofs,
    )


def _metrics(store: Store, run: Run) -> list[MetricLine]:
    lines = []
    for point in store.metrics.latest(run.info.run_id):
        values = list(store.metrics.arrays(run.info.run_id, point.key).values)
        finite = [value for value in values if math.isfinite(value)]
        stride = max(1, math.ceil(len(finite) / _COURSE_POINTS))
        lines.append(
            MetricLine(
                key=point.key,
                points=len(values),
                last=point.value,
                step=point.step,
                least=min(finite, default=None),
                greatest=max(finite, default=None),
                course=finite[::stride],
            )
        )
    return lines


def _entries(store: Store, run_id: str) -> list[Entry]:
    """The events of a run in the order of the log, those of experiments only if they changed it."""
    events = store.history.timeline(run_id, counted=True)  # points by the stretch: they are many
    names = _experiments(store, run_id)
    around = [
        event
        for experiment_id in store.runs.experiments_of(run_id)
        for event in store.events.read(stream=f"experiment/{experiment_id}")
    ]
    changes = [*(event for event in events if event.type not in POINTS), *around]
    facts: dict[str, list[FactChange]] = {}
    for line in blame_lines(store.history.subject(run_id).noun, changes, {}, None):
        before, after = line.before, line.after
        if line.event.stream.startswith("experiment/") and before == after:
            continue
        if line.fact == EXPERIMENT.name:
            before, after = names.get(before or "", before), names.get(after or "", after)
        change = FactChange(fact=line.fact, before=before, after=after)
        facts.setdefault(line.event.address, []).append(change)
    every = [*events, *(event for event in around if event.address in facts)]
    every.sort(key=lambda event: (event.position, event.offset))
    return [_entry(event, facts.get(event.address, [])) for event in every]


def _experiments(store: Store, run_id: str) -> dict[str, str]:
    """The experiments that a run was in, by id: name and id as people read them."""
    names = {}
    for experiment_id in store.runs.experiments_of(run_id):
        with suppress(NotFoundError):  # it is known by hearsay only
            name = store.experiments.get(experiment_id).name
            names[experiment_id] = f"{name} ({experiment_id})"
    return names


def _entry(event: EventRecord, facts: list[FactChange]) -> Entry:
    return Entry(
        address=event.address,
        type=event.type,
        recorded_ms=event.recorded_ms,
        arrived_ms=event.arrived_ms,
        session=event.session,
        reason=event.reason,
        facts=facts,
        points=event.body.get("points", {}) if event.type in POINTS else {},
    )


def _proofs(store: Store, run_id: str) -> list[FeedProof]:
    auditor = Auditor(store)
    by_replica: dict[str, list[Envelope]] = {}
    for envelope in store.feeds.of_stream(f"run/{run_id}"):
        by_replica.setdefault(envelope.header.replica.hex(), []).append(envelope)
    return [_proof(store, auditor, replica, some) for replica, some in by_replica.items()]


def _proof(
    store: Store, auditor: Auditor, replica: str, envelopes: Sequence[Envelope]
) -> FeedProof:
    proofs: list[EventProof] = []
    problem = ""
    try:
        proofs = auditor.prove(envelopes)
        keys = auditor.keys(replica)
        for proof in proofs:
            proof.verify(keys)
    except StoreReadOnlyError:
        problem = "no head of this feed was signed, and this store can only be read"
    except EventtrackError as error:
        problem = error.message
    proved = [] if problem else proofs
    head = Checkpoint.of(proved[-1].note) if proved else None
    return FeedProof(
        replica=replica,
        own=replica == store.feeds.own,
        envelopes=len(envelopes),
        erased=_count(not envelope.payload for envelope in envelopes),
        proved=len(proved),
        size=head.size if head else 0,
        root=head.root.hex() if head else "",
        keys=list(map(str, auditor.keys(replica))),
        signatures=len(proved[-1].note.signatures) if proved else 0,
        problem=problem,
    )


def _count(flags: Iterable[bool]) -> int:
    return sum(flags)
