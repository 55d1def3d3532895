"""Points that were redacted leave the journal of the process that logged them."""

from pathlib import Path

from eventtrack.events.envelope import Draft
from eventtrack.events.types import PayloadsRedacted
from eventtrack.log.memory import MemoryLog
from tests.log.journals import RUN, SESSION, append, body
from tests.log.test_drain import Line, envelopes_of, quiet


def test_they_leave_it_with_the_next_points(tmp_path: Path) -> None:
    line = quiet(lambda: Line(MemoryLog(), tmp_path))
    append(line.journal, line.slot, body(1, "secret"))
    line.drainer.flush()
    [point] = envelopes_of(line.log)
    order = PayloadsRedacted([(point.name, point.header.index)], [], "a name", 1)
    line.log.transact(lambda txn: txn.append(Draft.of(RUN, order), SESSION))
    line.record(2)
    line.drainer.flush()
    assert line.steps() == [2]
    [journal] = tmp_path.iterdir()
    assert b"secret" not in journal.read_bytes()
    line.record(3)
    line.drainer.flush()
    assert list(tmp_path.iterdir()) == [journal]
    line.close()
