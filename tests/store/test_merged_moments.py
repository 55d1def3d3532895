"""Moments of stores that exchanged what they recorded, by clocks that disagree."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError
from eventtrack.ids import SeededIds
from eventtrack.projections.digest import digest
from eventtrack.store import Moment, Store
from eventtrack.sync import Ways, synchronize
from eventtrack.views.moments import folded
from tests.store.machines import exchange, send
from tests.store.operations import EVERYTHING, Operation, operations, perform

START_MS = 1_700_000_000_000
# A machine that is right, one that is ten seconds ahead and one that is a minute late.
SKEW_MS = (0, 10_000, -60_000)


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()


class Machine:
    """A store with a clock of its own."""

    def __init__(self, folder: Path, name: str, skew_ms: int) -> None:
        self.clock = ManualClock(START_MS + skew_ms)
        self.store = Store(folder / name, clock=self.clock, ids=SeededIds(name))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Machine]]:
    made = [Machine(tmp_path, str(place), skew) for place, skew in enumerate(SKEW_MS)]
    yield made
    for one in made:
        one.store.close()


def tag_at(store: Store, moment: str, run_id: str) -> str | None:
    with store.at(moment) as then:
        return then.runs.get(run_id).data.tags.get("t")


def test_a_time_asks_each_machine_by_its_own_clock_and_not_by_arrival(
    machines: list[Machine], tmp_path: Path
) -> None:
    here, ahead, late = machines
    run_id = here.store.runs.create("0", run_name="r").info.run_id
    for store in (here.store, ahead.store, late.store):
        synchronize(store, str(tmp_path / "stick"), Ways())
    began = here.clock.now_ms()
    for one in machines:
        one.clock.advance(100_000)
    ahead.store.runs.set_tags(run_id, {"t": "ahead"})  # its clock says 110 s
    here.clock.advance(5_000)
    here.store.runs.set_tags(run_id, {"t": "here"})  # 105 s: later, and yet recorded before
    here_arrived = here.store.events.head()
    for _ in range(2):
        for one in machines:
            synchronize(one.store, str(tmp_path / "stick"), Ways())
    for store in (one.store for one in machines):
        assert tag_at(store, iso(began + 104_999), run_id) is None
        assert tag_at(store, iso(began + 105_000), run_id) == "here"
        assert tag_at(store, iso(began + 109_999), run_id) == "here"
        assert tag_at(store, iso(began + 110_000), run_id) == "ahead"
    # A position means arrival: what came later was not known here then.
    assert tag_at(here.store, str(here_arrived), run_id) == "here"
    assert len({one.store.maintenance.digest() for one in machines}) == 1


def test_what_arrives_while_a_moment_is_open_is_no_part_of_it(machines: list[Machine]) -> None:
    here, _, late = machines
    run_id = here.store.runs.create("0").info.run_id
    send(here.store, late.store)
    late.store.runs.set_tags(run_id, {"t": "late"})
    moment = iso(START_MS + 1_000_000)
    with here.store.at(moment) as then:
        send(late.store, here.store)
        here.store.runs.set_tags(run_id, {"u": "now"})
        assert then.runs.get(run_id).data.tags.keys() == {"mlflow.runName"}
    assert tag_at(here.store, moment, run_id) == "late"


def test_a_change_names_its_author_its_machine_and_both_times(machines: list[Machine]) -> None:
    here, ahead, _ = machines
    run_id = here.store.runs.create("0").info.run_id
    exchange(here.store, ahead.store)
    head = here.store.events.head()
    recorded_ms = ahead.clock.now_ms() + 500
    ahead.clock.advance(500)
    ahead.store.runs.set_tags(run_id, {"t": "theirs"})
    here.clock.advance(90_000)
    send(ahead.store, here.store)
    here.clock.advance(1)
    here.store.runs.set_tags(run_id, {"u": "ours"})
    theirs, ours = here.store.history.diff(str(head), "now")
    assert (theirs.fact, theirs.recorded_ms) == ("tag.t", recorded_ms)
    assert theirs.arrived_ms == START_MS + 90_000
    assert theirs.session is not None
    assert ahead.store.sessions.get(theirs.session.session_id).host == theirs.session.host
    assert (ours.fact, ours.recorded_ms, ours.arrived_ms) == ("tag.u", here.clock.now_ms(), None)
    for change, line in zip((theirs, ours), here.store.history.blame(run_id)[-2:], strict=True):
        assert (line.fact, line.event.address) == (change.fact, change.address)
        assert (line.event.arrived_ms, line.session) == (change.arrived_ms, change.session)


def test_a_moment_that_was_open_at_a_redaction_forgets_what_was_erased(
    machines: list[Machine],
) -> None:
    store = machines[0].store
    run_id = store.runs.create("0").info.run_id
    store.runs.log_params(run_id, {"secret": "1"})
    position = store.events.head()
    store.runs.set_tags(run_id, {"t": "1"})
    with store.at(str(position)) as then:
        assert then.runs.get(run_id).data.params == {"secret": "1"}
        (envelope,) = store.events.envelopes(position - 1, 1)
        store.redaction.redact_envelopes([envelope], "a secret")
        assert then.runs.get(run_id).data.params == {}


def test_views_made_anew_under_a_reader_of_a_moment_change_nothing(
    machines: list[Machine],
) -> None:
    store = machines[0].store
    run_id = store.runs.create("0").info.run_id
    head = store.events.head()
    store.runs.set_tags(run_id, {"t": "1"})
    with store.at(str(head)) as then:
        tags = then.runs.get(run_id).data.tags
        with then._source.read() as reader:
            store.maintenance.rebuild()
            assert then.runs.get(run_id).data.tags == tags
            found = reader.run(run_id)
            assert found is not None
            assert found.live_tags() == tags


class Fleet(RuleBasedStateMachine):
    """Any history of three machines; whatever moment one asks for is that of a fresh fold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.machines = [
            Machine(self.folder, str(place), skew // 1000) for place, skew in enumerate(SKEW_MS)
        ]

    @rule(which=st.integers(0, 2), calls=operations(EVERYTHING, longest=4))
    def record(self, which: int, calls: list[Operation]) -> None:
        for call in calls:
            perform(self.machines[which].store, self.machines[which].clock, call)

    @rule(which=st.integers(0, 2), other=st.integers(0, 2))
    def bring(self, which: int, other: int) -> None:
        send(self.machines[which].store, self.machines[other].store)

    @rule(which=st.integers(0, 2), place=st.integers(0, 30))
    def redact(self, which: int, place: int) -> None:
        store = self.machines[which].store
        envelopes = [
            one for one in store.events.envelopes(place, 1) if one.header.stream.startswith("run/")
        ]
        try:
            store.redaction.redact_envelopes(envelopes, "a reason")
        except InvalidStateError:
            assert not [
                one for one in envelopes if one.payload and "redact" not in str(one.groups())
            ]

    @rule(which=st.integers(0, 2), position=st.integers(0, 40))
    def ask_for_a_position(self, which: int, position: int) -> None:
        self._ask(self.machines[which].store, Moment(position=position))

    @rule(which=st.integers(0, 2), milliseconds=st.integers(-70, 30))
    def ask_for_a_time(self, which: int, milliseconds: int) -> None:
        self._ask(self.machines[which].store, Moment(time_ms=START_MS + milliseconds))

    def _ask(self, store: Store, moment: Moment) -> None:
        with (
            store.at(moment) as then,
            folded(store._engine.log, moment) as build,
            build.read() as reader,
        ):
            assert then.digest() == digest(reader)
            assert then.position == build.last_included

    def teardown(self) -> None:
        for one in self.machines:
            one.store.close()
        shutil.rmtree(self.folder)


TestFleet = Fleet.TestCase
TestFleet.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
