"""Few points of metrics wait in their journal for more; all else goes into the log at once."""

import threading
from pathlib import Path

import pytest

from eventtrack.log import drain
from eventtrack.log.drain import Drainer
from eventtrack.log.memory import MemoryLog
from tests.log.journals import RUN, append, body
from tests.log.test_drain import Line, eventually


def test_few_points_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread has looked at them, and goes on when the first has waited long enough."""
    looks = threading.Semaphore(0)
    may_hold = Drainer._may_hold

    def look(drainer: Drainer) -> bool:
        looks.release()
        return may_hold(drainer)

    monkeypatch.setattr(Drainer, "_may_hold", look)
    line = Line(MemoryLog(), tmp_path)
    for step in range(3):
        line.record(step)
        assert looks.acquire(timeout=20)
    assert line.steps() == []
    line.drainer.flush()
    assert line.steps() == [0, 1, 2]
    assert line.log.head() == 1
    line.close()


@pytest.mark.parametrize("other", ["run.text_logged", "run.histograms_logged"])
def test_other_events_do_not_wait(tmp_path: Path, other: str) -> None:
    line = Line(MemoryLog(), tmp_path)
    slot = line.journal.define(RUN, other, 1)
    line.record(1)
    append(line.journal, slot, body(2))
    assert eventually(lambda: line.log.head() == 1)
    line.close()


def test_many_points_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "JOURNAL_HELD_BYTES_MAX", 1000)
    line = Line(MemoryLog(), tmp_path)
    line.record(*range(100))
    assert eventually(lambda: line.steps() == [*range(100)])
    line.close()


def test_the_end_of_a_burst_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many points that no others follow go into the log long before the pause between commits."""
    monkeypatch.setattr(drain, "JOURNAL_HELD_BYTES_MAX", 1000)
    monkeypatch.setattr(drain, "JOURNAL_DRAIN_INTERVAL_MS", 3_600_000)
    line = Line(MemoryLog(), tmp_path)
    line.record(*range(100))
    assert eventually(lambda: line.steps() == [*range(100)])
    line.close()


def test_a_bell_may_be_rung_again_before_somebody_listens() -> None:
    bell = drain.Bell()
    bell.ring()
    bell.ring()
    bell.listen()
