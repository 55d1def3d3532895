"""What a change count announces can be read: LMDB itself announces a commit before that."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.log.lmdb_log import LmdbLog

COMMITS = 200
WRITER = f"""
import sys
from pathlib import Path
from eventtrack.events.envelope import Draft
from eventtrack.events.types import TagsSet
from eventtrack.log.lmdb_log import LmdbLog

log = LmdbLog(Path(sys.argv[1]))
for place in range({COMMITS}):
    log.transact(lambda txn: txn.append(Draft.of("run/a", TagsSet({{}})), bytes(16)))
"""


@pytest.mark.slow
def test_a_change_that_is_counted_can_be_read(tmp_path: Path) -> None:
    log = LmdbLog(tmp_path)
    before = log.change_count()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
    behind = 0
    while (head := log.head()) < COMMITS:
        # Each commit appends one envelope, so the count says how many there are.
        announced = log.change_count() - before
        head = log.head()
        behind += head < announced
        assert writer.poll() in (None, 0)
    assert writer.wait() == 0
    assert behind == 0
    log.close()
