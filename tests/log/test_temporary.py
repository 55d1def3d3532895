"""Folders of one process: theirs while it lives, removed after it was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from eventtrack.log.temporary import own_folder, remove_folder
from tests.attack.damaged import ROOT

MAKE = """
import time
from eventtrack.log.temporary import own_folder
print(own_folder("eventtrack-views-"), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for what is temporary, for this process and its children."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_a_folder_stays_while_its_process_lives_and_goes_after_it_was_killed(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKE], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        assert theirs.parent == tmp_path
        ours = own_folder("eventtrack-views-")
        assert theirs.is_dir()
        os.kill(process.pid, signal.SIGKILL)
    other = own_folder("eventtrack-views-")
    assert not theirs.exists()
    assert ours.is_dir()
    for folder in (ours, other):
        remove_folder(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_is_none_of_these_folders_is_left_alone(tmp_path: Path) -> None:
    for name in ("eventtrack-views-begun", "eventtrack-views-linked"):
        (tmp_path / name).mkdir()
    (tmp_path / "secret").touch()
    (tmp_path / "eventtrack-views-linked" / "lock").symlink_to(tmp_path / "secret")
    (tmp_path / "eventtrack-views-file").touch()
    remove_folder(own_folder("eventtrack-views-"))
    assert len(list(tmp_path.iterdir())) == 4
