"""What every event log promises of times: of its own clock, and of what was decided after what."""

from eventtrack.clock import ManualClock
from eventtrack.events.envelope import After
from eventtrack.ids import SeededIds
from eventtrack.limits import CLOCK_DRIFT_MAX_MS
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import EventLog
from tests.contracts.event_log import SESSION, append, point, receive


class ClockContract:
    """A backend subclasses this and supplies `log` and `clock`."""

    def test_a_clock_that_was_far_ahead_leaves_the_feed_that_it_wrote(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        first, now_ms = log.replica, clock.now_ms()
        clock.advance(365 * 86_400_000)
        append(log, point(0))
        clock.advance(-365 * 86_400_000)
        [right] = append(log, point(1))
        assert log.replica != first
        assert (right.header.replica, right.header.index) == (log.replica, 0)
        assert now_ms <= right.header.recorded >> 16 <= now_ms + CLOCK_DRIFT_MAX_MS

    def test_what_was_decided_after_another_counts_a_tick_behind_it(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        """In whatever order the two come, and whatever stands above them."""
        ahead = MemoryLog(clock=ManualClock(clock.now_ms() + 10**9), ids=SeededIds("ahead"))
        [low] = append(ahead, point(0))
        honest = MemoryLog(clock=clock, ids=SeededIds("honest"))
        receive(honest, low.data)
        names = [low]
        for place in range(3):
            after = After(names[-1].name, names[-1].header.index)
            names.append(honest.append(point(place), SESSION, after))
        highs = [one.data for one in names[1:]]
        receive(log, highs[0])
        receive(log, *highs[1:])
        before = log.rewrites()
        alone = log.read(0, 1)[0]
        assert alone.effective == alone.header.recorded
        receive(log, low.data)
        found = {one.data: one.effective for one in log.read(0, 9)}
        assert [found[one.data] - low.header.recorded for one in names] == [0, 1, 2, 3]
        assert log.rewrites() > before
