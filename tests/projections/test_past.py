"""What a past state is made of: whose each row is, and two sorted walks as one."""

from functools import partial
from pathlib import Path

from eventtrack.clock import ManualClock, recorded_end
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.types import RunStarted, TagsSet
from eventtrack.ids import SeededIds
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import LogTransaction
from eventtrack.projections.build import Build
from eventtrack.projections.past import Past
from eventtrack.projections.past_rows import OWNERS
from eventtrack.projections.standing import Bounds
from eventtrack.projections.tables import TABLES
from tests.projections.facts import SESSION
from tests.properties.replicas import state_of


def test_every_table_says_whose_its_rows_are() -> None:
    """A table without an owner would show rows of today in yesterday's state."""
    assert set(OWNERS) == set(TABLES)


def test_many_streams_are_hidden_and_shown_by_the_block(tmp_path: Path) -> None:
    """Whole blocks that were as they are, whole blocks that had not begun, and those in between."""
    clock = ManualClock(1_000)
    log = MemoryLog(clock=clock, ids=SeededIds("blocks"))
    runs = [f"run/{place:032x}" for place in range(700)]

    def record(transaction: LogTransaction) -> None:
        for place, run in enumerate(runs):
            clock.advance(1)
            tags = {"place": str(place)}
            transaction.append(Draft.of(run, RunStarted("1", "n", "u", place, tags)), SESSION)
        for run in runs[:5]:
            clock.advance(1)
            transaction.append(Draft.of(run, TagsSet({"place": "later"})), SESSION)

    log.transact(record)
    build = Build(tmp_path / "live")
    while build.checkpoint().position < log.head():
        build.advance(log)
    for place, until in enumerate(
        [
            *(Bounds(position, 2**64 - 1) for position in (0, 3, 255, 256, 500, 700, 702, 705)),
            *(Bounds(log.head(), recorded_end(1_000 + ms)) for ms in (0, 3, 300, 700, 703, 999)),
            Bounds(400, recorded_end(1_300)),
        ]
    ):
        (tmp_path / str(place)).mkdir()
        past = Past(build, log, until, tmp_path / str(place))
        fresh = Build(tmp_path / f"fresh {place}", partial(held, until))
        while fresh.checkpoint().position < log.head():
            fresh.advance(log)
        assert state_of(past) == state_of(fresh), until
        assert past.last_included() == fresh.last_included
        past.close()
        fresh.close()
    build.close()


def held(until: Bounds, envelope: Envelope) -> bool:
    return until.include(envelope.position, envelope.header.recorded)
