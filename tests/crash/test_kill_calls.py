"""`kill -9` just before any call that changes a file, in every command that writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import killing, recording

# Calls of each work that are tried; `tools/dev.py torture` tries all of them.
POINTS = 1


@pytest.mark.slow
def test_a_killed_command_leaves_a_whole_store_and_nothing_for_ever(tmp_path: Path) -> None:
    library = recording.built(tmp_path)
    cases = tmp_path / "cases"
    cases.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.killing", str(cases), str(POINTS)],
        check=False,
        capture_output=True,
        text=True,
        env=recording.environment(library, cases),
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    # The last call of a work may not come again: two runs of it are not the same call for call.
    assert int(done.stdout) > len(killing.WORKS) // 2
