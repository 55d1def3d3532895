"""The state of each entity in the views, and the rules that merge facts (the merge table).

Every rule is commutative: the same set of facts gives the same state in any order. A fact carries
a *stamp*, which orders all events of the world: effective time, replica, place in the envelope.
Last-writer fields keep the greatest stamp, birth facts and params the least.
"""

from collections.abc import Mapping, MutableMapping
from typing import TypeVar

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.events.histories import Fork, HistoryShared, Withdrawal
from eventtrack.events.signatures import RunSigned
from eventtrack.events.types import DatasetUsed

# 16 bytes that compare as (effective time, replica, offset). Six bytes of the replica suffice to
# tell apart replicas that recorded in the same 1/65536 ms. Between equal stamps, values decide.
Stamp = bytes
NEVER: Stamp = b""
BEYOND: Stamp = b"\xff" * 17


def stamp_of(envelope: Envelope, offset: int) -> Stamp:
    """The stamp of the event at `offset` of an envelope."""
    replica = envelope.header.replica[:6]
    return envelope.effective.to_bytes(8, "big") + replica + offset.to_bytes(2, "big")


def recorded_of(stamp: Stamp) -> int:
    """The hybrid time in a stamp, which is the envelope's effective time; 0 for none."""
    return int.from_bytes(stamp[:8], "big")


T = TypeVar("T")
Text = tuple[str, Stamp]
OptionalText = tuple[str | None, Stamp]
OptionalNumber = tuple[int | None, Stamp]


class ParamClaim(msgspec.Struct, array_like=True, gc=False):
    """One logged value of a param."""

    stamp: Stamp
    value: str


class ParamState(msgspec.Struct, array_like=True):
    """All claims of a param, and the last withdrawal or correction.

    The first claim since then counts. A correction is a claim and a withdrawal with one stamp.
    """

    claims: list[ParamClaim]
    withdrawn: Stamp = NEVER

    @property
    def value(self) -> str | None:
        """The value that counts; None after a withdrawal."""
        claims = self.claims if not self.withdrawn else self.live()
        return claims[0].value if claims else None

    def live(self) -> list[ParamClaim]:
        """The claims since the last withdrawal or correction. The first of them counts."""
        return [claim for claim in self.claims if claim.stamp >= self.withdrawn]

    def add(self, value: str, stamp: Stamp) -> None:
        """Add a claim."""
        self.claims.append(ParamClaim(stamp, value))
        self.claims.sort(key=_claim_order)

    def withdraw(self, stamp: Stamp) -> None:
        """Withdraw the claims before `stamp`."""
        self.withdrawn = max(self.withdrawn, stamp)

    def conflicts(self) -> list[str]:
        """The values that were claimed but do not count, without repeats."""
        live = self.live()
        return sorted({claim.value for claim in live[1:]} - {live[0].value}) if live else []


def _claim_order(claim: ParamClaim) -> tuple[Stamp, str]:
    return claim.stamp, claim.value


class MetricState(msgspec.Struct, array_like=True, gc=False):
    """The latest point of a metric, and the facts that an append to its history needs.

    While `ordered`, the points of `series` are stored in order of (timestamp, step, value) without
    repeats, and the last of them is at `last_timestamp_ms`, `last_step`. Otherwise readers sort.
    While `climbing`, each stored point has a greater step than the point before it.
    """

    series: int
    value: float = 0.0
    timestamp_ms: int = 0
    step: int = 0
    count: int = 0
    ordered: bool = True
    last_timestamp_ms: int = 0
    last_step: int = 0
    climbing: bool = True


# Steps that are hidden, as ranges `(first, last)`, both included, sorted and apart from each other.
Steps = list[tuple[int, int]]
# For each replica the least and the greatest index of the envelopes that points and items came in.
Reach = dict[bytes, tuple[int, int]]


class Part(msgspec.Struct, array_like=True):
    """The points of one metric in a layer, and the latest and the number of those that count."""

    points: MetricState
    hidden: Steps = []
    value: float = 0.0
    timestamp_ms: int = 0
    step: int = 0
    count: int = 0


class ItemsState(msgspec.Struct, array_like=True, gc=False):
    """The figures of a series of text, histograms or media (`items.py`).

    While `ordered`, the items are stored in order, and `last` is the key of the last of them.
    Otherwise readers sort.
    """

    series: int
    count: int = 0
    step: int = 0
    timestamp_ms: int = 0
    ordered: bool = True
    last: tuple[int, bytes, int] = (0, b"", 0)


class ItemsPart(msgspec.Struct, array_like=True):
    """The items of one series in a layer, and the figures of those that count."""

    items: ItemsState
    hidden: Steps = []
    count: int = 0
    step: int = 0
    timestamp_ms: int = 0


class Layer(msgspec.Struct, array_like=True):
    """The points and items of a run whose envelopes the same cuts cover (`cuts.py`).

    `cuts` has the ids of the cuts, sorted; `items` is as in `RunState`.
    """

    cuts: list[str]
    reach: Reach
    parts: MutableMapping[str, Part] = {}
    items: dict[str, ItemsPart] = {}


_GOING = ("RUNNING", "SCHEDULED")


class RunState(msgspec.Struct, array_like=True):
    """One run. `experiment_id` is where it was born: "" if it is known by hearsay only.

    `moves` has the last move into each experiment.
    """

    number: int
    run_id: str
    experiment_id: str = ""
    born: Stamp = BEYOND
    user: str = ""
    start_ms: int = 0
    name: Text = ("", NEVER)
    status: Text = ("RUNNING", NEVER)
    end_ms: OptionalNumber = (None, NEVER)
    lifecycle: Text = ("active", NEVER)
    params: dict[str, ParamState] = {}
    tags: dict[str, OptionalText] = {}
    metrics: MutableMapping[str, MetricState] = {}
    datasets: dict[str, tuple[DatasetUsed, Stamp]] = {}
    models_read: dict[str, Stamp] = {}
    models_written: dict[str, tuple[int, Stamp]] = {}
    items: dict[str, ItemsState] = {}  # by the names of their facts: `text.console`
    moves: dict[str, Stamp] = {}
    # No cut covers the points of `metrics` and the items of `items`; `reach` has their envelopes.
    reach: Reach = {}
    withdrawals: dict[str, tuple[Withdrawal | None, Stamp]] = {}
    cuts: dict[str, dict[bytes, int]] = {}
    layers: list[Layer] = []
    signatures: dict[str, tuple[RunSigned, Stamp]] = {}
    fork: tuple[Fork | None, Stamp] = (None, NEVER)
    shares: dict[str, tuple[HistoryShared | None, Stamp]] = {}
    merged: dict[str, tuple[str | None, Stamp]] = {}
    wide: list[int] = []  # the maps that are in rows of their own: see `run_rows.py`

    @property
    def experiment(self) -> str:
        """The id of the experiment that the run belongs to; "" for hearsay."""
        if not self.moves or not self.experiment_id:
            return self.experiment_id
        return max(self.moves, key=lambda name: (self.moves[name], name))

    @property
    def has_ended(self) -> bool:
        """Whether its status says that nothing more is to come."""
        return self.status[0] not in _GOING

    @property
    def is_joined(self) -> bool:
        """Whether points of other runs count for it."""
        return self.fork[0] is not None or (bool(self.merged) and any(self.live_merged()))

    def live_merged(self) -> list[str]:
        """The ids of the runs that are merged into it, sorted."""
        return sorted(run_id for run_id, _ in self.merged.values() if run_id is not None)

    def sources(self) -> list[str]:
        """The ids of the runs whose points it refers to: its parent and merged runs."""
        fork = self.fork[0]
        return [*self.live_merged(), *([] if fork is None else [fork.run_id])]

    def live_params(self) -> dict[str, str]:
        """The params that count, in order of their keys."""
        claimed = sorted(self.params.items())
        return {key: text for key, param in claimed if (text := param.value) is not None}

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)


class ModelState(msgspec.Struct, array_like=True):
    """One logged model. `experiment_id` is "" if the model is known by hearsay only."""

    number: int
    model_id: str
    experiment_id: str = ""
    born: Stamp = BEYOND
    name: str = ""
    source_run_id: str | None = None
    model_type: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    status: Text = ("PENDING", NEVER)
    lifecycle: Text = ("active", NEVER)
    params: dict[str, Text] = {}
    tags: dict[str, OptionalText] = {}

    def live_params(self) -> dict[str, str]:
        """The params, in order of their keys."""
        return {key: value for key, (value, _) in sorted(self.params.items())}

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)


class ExperimentState(msgspec.Struct, array_like=True):
    """One experiment. `born` is `BEYOND` if it is known by hearsay only."""

    number: int
    experiment_id: str
    born: Stamp = BEYOND
    artifact_location: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    name: Text = ("", NEVER)
    lifecycle: Text = ("active", NEVER)
    tags: dict[str, OptionalText] = {}
    views: dict[str, OptionalText] = {}

    @property
    def exists(self) -> bool:
        """Whether its creation has been seen."""
        return self.born != BEYOND

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)

    def live_views(self) -> dict[str, str]:
        """The saved views, in order of their names."""
        return live_tags(self.views)


class ArtifactState(msgspec.Struct, array_like=True):
    """One artifact path of a run. `deleted` paths stay, so the order of arrival does not matter."""

    path: str
    size: int
    sha256: bytes
    place: str | None
    stamp: Stamp
    deleted: bool = False


class SessionState(msgspec.Struct, array_like=True):
    """One session: who wrote, and the position at which it was opened here."""

    session: bytes
    position: int
    user: str
    host: str
    pid: int
    program: str
    cwd: str
    git_commit: str | None
    source: str
    version: str
    opened_ms: int
    born: Stamp = NEVER


def merge_tags(
    tags: dict[str, OptionalText], changes: Mapping[str, str | None], stamp: Stamp
) -> None:
    """Set tags; None takes a tag away. The last writer of each key wins."""
    for key, value in changes.items():
        known = tags.get(key)
        tags[key] = latest(known, value, stamp) if known else (value, stamp)


def live_tags(tags: dict[str, OptionalText]) -> dict[str, str]:
    """The tags that are set, in order of their keys."""
    return {key: value for key, (value, _) in sorted(tags.items()) if value is not None}


def latest(old: tuple[T, Stamp], value: T, stamp: Stamp) -> tuple[T, Stamp]:
    """The last-writer rule: the greater stamp, and of equal stamps the greater value."""
    if stamp != old[1]:
        return (value, stamp) if stamp > old[1] else old
    return max(old, (value, stamp), key=lambda fact: (fact[0] is not None, repr(fact[0])))


def effective_lifecycle(run: RunState, experiment: ExperimentState | None) -> str:
    """A run's stage, by the later of its own and its experiment's last deletion or restoration."""
    if experiment is not None and experiment.lifecycle[1] > run.lifecycle[1]:
        return experiment.lifecycle[0]
    return run.lifecycle[0]
