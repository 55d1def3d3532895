"""Replicas that hold the same envelopes show the same state, however they came by them."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections import kept, run_rows
from eventtrack.projections.past import Past
from eventtrack.projections.standing import Bounds
from tests.properties.item_events import ITEMS_EVENT
from tests.properties.replicas import (
    DRAFT,
    EXPERIMENT_ID,
    KEY,
    NAME,
    NUMBER,
    RUNS,
    STATUS,
    TAGS,
    TEXT,
    VALUE,
    Replica,
    State,
    state_of,
)
from tests.properties.withdrawals import FORK_EVENT, REPLICA_IDS, WITHDRAWAL_EVENT, by_hand, shown

REPLICAS = 3
_REST_POSITIONS, _NAMES_MAX = kept.REST_POSITIONS, run_rows.NAMES_MAX
WHICH = st.integers(0, REPLICAS - 1)
POINTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(types.RunStarted, EXPERIMENT_ID, NAME, TEXT, NUMBER, TAGS, STATUS),
    st.builds(types.MetricLogged, KEY, VALUE, NUMBER, NUMBER),
    *(ITEMS_EVENT, WITHDRAWAL_EVENT, FORK_EVENT),
)


class Replicas(RuleBasedStateMachine):
    """Any history of recording, exchanging, folding and clocks gone wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        # One of them on disk: the model and the real log side by side.
        self.replicas = [
            Replica.make(str(place), self.folder / str(place), on_disk=place == 0)
            for place in range(REPLICAS)
        ]
        assert sorted(it.log.replica for it in self.replicas) == REPLICA_IDS
        self.folded_anew = 0
        # Looks at moments of one replica that go on while it records and receives more.
        self.looks: list[tuple[Replica, Bounds, Past]] = []

    @initialize(
        positions=st.sampled_from([1, 2, 4, kept.REST_POSITIONS]),
        names=st.sampled_from([0, 1, run_rows.NAMES_MAX]),
    )
    def keep_after(self, positions: int, names: int) -> None:
        """Few envelopes and names are recorded here: runs are to rest, and to have wide maps."""
        kept.REST_POSITIONS = positions
        run_rows.NAMES_MAX = names

    @rule(which=WHICH, drafts=st.lists(DRAFT, min_size=1, max_size=3))
    def record(self, which: int, drafts: list[Draft]) -> None:
        for draft in drafts:
            self.replicas[which].record(draft)

    @rule(which=WHICH, run=st.integers(0, 1), events=st.lists(POINTS, min_size=1, max_size=8))
    def record_points(self, which: int, run: int, events: list[Event]) -> None:
        for event in events:
            self.replicas[which].record(Draft.of(RUNS[run], event))

    @rule(which=WHICH, milliseconds=st.integers(-3, 3))
    def set_clock(self, which: int, milliseconds: int) -> None:
        self.replicas[which].clock.advance(milliseconds)

    @rule(which=WHICH, other=WHICH, feed=WHICH, limit=st.integers(1, 4))
    def pull_some_of_a_feed(self, which: int, other: int, feed: int, limit: int) -> None:
        replica = self.replicas[feed].log.replica
        self.replicas[which].pull(self.replicas[other], replica, limit)

    @rule(which=WHICH, other=WHICH)
    def pull_everything_twice(self, which: int, other: int) -> None:
        for _ in range(2):
            self.replicas[which].pull_all(self.replicas[other])

    @rule(which=WHICH, batch=st.integers(1, 5))
    def fold_some(self, which: int, batch: int) -> None:
        self.replicas[which].fold(batch)

    @rule(which=WHICH)
    def fold_anew(self, which: int) -> None:
        replica = self.replicas[which]
        self.folded_anew += 1
        assert replica.fold_all() == replica.fold_anew(f"anew {self.folded_anew}")

    @rule(which=WHICH, position=st.integers(0, 20), place=st.integers(0, 20), by_time=st.booleans())
    def look_back(self, which: int, position: int, place: int, by_time: bool) -> None:
        replica = self.replicas[which]
        times = sorted(one.header.recorded for one in replica.envelopes().values())
        recorded = times[place % len(times)] if by_time and times else 2**64 - 1
        until = Bounds(min(position, replica.log.head()), recorded)
        self.folded_anew += 1
        self.looks.append((replica, until, replica.look_back(f"past {self.folded_anew}", until)))
        self.look_again(-1)

    @precondition(lambda self: self.looks)
    @rule(which=st.integers(0, 5))
    def look_again(self, which: int) -> None:
        """What a moment shows does not change, whatever came since, from wherever."""
        replica, until, past = self.looks[which % len(self.looks)]
        replica.fold_all()
        self.folded_anew += 1
        assert state_of(past) == replica.fold_until(f"anew {self.folded_anew}", until)
        held = [
            one.position
            for one in replica.envelopes().values()
            if until.include(one.position, one.header.recorded)
        ]
        assert past.last_included() == max(held, default=0)

    @rule()
    def compare(self) -> None:
        by_content: dict[frozenset[tuple[bytes, int]], State] = {}
        for replica in self.replicas:
            content = frozenset(replica.envelopes())
            found = replica.fold_all()
            assert shown(replica.build, RUNS) == by_hand(replica.envelopes().values())
            assert by_content.setdefault(content, found) == found

    def teardown(self) -> None:
        try:
            for _, _, past in self.looks:
                past.close()
            for replica in self.replicas:
                for other in self.replicas:
                    replica.pull_all(other)
            for replica in self.replicas:  # what came late in the first round
                for other in self.replicas:
                    replica.pull_all(other)
            states = {replica.fold_all() for replica in self.replicas}
            everything = self.replicas[0].envelopes().values()
            assert shown(self.replicas[0].build, RUNS) == by_hand(everything)
            assert len(states) == 1
            heads = [
                {feed: head.root for feed, head in replica.log.heads().items()}
                for replica in self.replicas
            ]
            assert heads[0] == heads[1] == heads[2]
            assert states == {self.replicas[0].fold_anew("anew at last")}
        finally:
            kept.REST_POSITIONS, run_rows.NAMES_MAX = _REST_POSITIONS, _NAMES_MAX
            for replica in self.replicas:
                replica.close()
            shutil.rmtree(self.folder)


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
