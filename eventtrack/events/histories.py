"""Events about which points a run's histories have: withdrawals of points, and forks."""

from collections.abc import Sequence
from operator import ge

import msgspec

from eventtrack.events.bounds import Int64, Natural
from eventtrack.events.types import Event
from eventtrack.hashing import sha256
from eventtrack.limits import WITHDRAWAL_NAMES_MAX

REPLICA_BYTES = 16
_encode = msgspec.msgpack.Encoder().encode


class Withdrawal(msgspec.Struct, array_like=True, frozen=True):
    """The points that no longer count, within `PointsWithdrawn`.

    `covers` has for each replica the number of its envelopes that are covered, from index 0 on. Of
    the run's points in covered envelopes, those of `keys` (None: of all metrics) with a step from
    `first_step` to `last_step`, both included, no longer count. Of the runs in `merged`, whose
    points count for the run, all envelopes are covered.
    """

    covers: list[tuple[bytes, Natural]]
    keys: list[str] | None
    first_step: Int64
    last_step: Int64
    merged: list[str] = []

    @property
    def id(self) -> str:
        """32 hex digits that follow from the fields: equal withdrawals are the same."""
        return sha256(_encode(self)).hexdigest()[:32]

    def flaw(self) -> str | None:
        """The fault that makes it not well-formed, beyond its fields' types; None if good."""
        for names in (self.merged, self.keys or []):
            if any(map(ge, names, names[1:])):
                return "keys and runs have to be sorted, without repeats"
        if self.keys == [] or self.first_step > self.last_step:
            return "it withdraws no point"
        if len(self.covers) + len(self.keys or ()) + len(self.merged) > WITHDRAWAL_NAMES_MAX:
            return "it names too many replicas, keys and runs"
        return _flaw_of_covers(self.covers)


def _flaw_of_covers(covers: list[tuple[bytes, int]]) -> str | None:
    replicas = [replica for replica, _ in covers]
    if any(map(ge, replicas, replicas[1:])):
        return "replicas have to be sorted, without repeats"
    if any(len(replica) != REPLICA_BYTES for replica in replicas):
        return "a replica's id has another length"
    return None


class PointsWithdrawn(Event, frozen=True):
    """Points of a run's metrics were taken back: they no longer count."""

    withdrawal: Withdrawal
    at_ms: Int64

    @staticmethod
    def flaw_of(events: "Sequence[PointsWithdrawn]") -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        for event in events:
            if (flaw := event.withdrawal.flaw()) is not None:
                return flaw
        return None


class PointsRestored(Event, frozen=True):
    """Withdrawn points count again (only undo writes it): the ids of the withdrawals."""

    ids: list[str]
    at_ms: Int64


class HistoryShared(Event, frozen=True):
    """A fork of this run was made: it begins with the points in the covered envelopes.

    `covers` is as in `Withdrawal`.
    """

    fork_id: str
    covers: list[tuple[bytes, Natural]]
    at_ms: Int64

    @property
    def cut(self) -> str:
        """32 hex digits that follow from `covers`: forks that cover the same share a cut."""
        return sha256(_encode(self.covers)).hexdigest()[:32]

    @staticmethod
    def flaw_of(events: "Sequence[HistoryShared]") -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        flaws = (_flaw_of_covers(event.covers) for event in events)
        return next((flaw for flaw in flaws if flaw is not None), None)


class Fork(msgspec.Struct, array_like=True, frozen=True):
    """The beginning of a fork's histories, within `RunForked`.

    They begin with the points of the run `run_id` that its `cut` covers, up to `step` and with it,
    without those that `withdrawals` withdrew when the fork was made.
    """

    run_id: str
    step: Int64
    cut: str
    withdrawals: list[Withdrawal]


class RunForked(Event, frozen=True):
    """The run is a fork of another."""

    fork: Fork
    at_ms: Int64

    @staticmethod
    def flaw_of(events: "Sequence[RunForked]") -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        flaws = (it.flaw() for event in events for it in event.fork.withdrawals)
        return next((flaw for flaw in flaws if flaw is not None), None)


class RunMerged(Event, frozen=True):
    """The points and files of another run count for this run, too, those that come later also."""

    run_id: str
    at_ms: Int64


class RunUnmerged(Event, frozen=True):
    """The points and files of another run no longer count for this run (only undo writes it)."""

    run_id: str
    at_ms: Int64
