"""Commands and programs whose streams are closed, or whose folder was deleted."""

import subprocess
import sys
from pathlib import Path

from tests.cli.harness import Sample, command, environment
from tests.tidy.tree import ROOT


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in a folder."""
    return subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )


def test_closed_streams_are_no_files_of_the_store(shared: Sample, tmp_path: Path) -> None:
    words = " ".join(command("--store", str(shared.store.path), "runs", "list"))
    for closed in (">&-", ">&- 2>&- <&-", "<&-", "2>&-"):
        ended = shell(f"{words} {closed}", tmp_path)
        assert (ended.returncode, ended.stderr) == (0, ""), closed
        assert ("sweep" in ended.stdout) == (">&-" not in closed.split())
    check = " ".join(command("--store", str(shared.store.path), "check"))
    assert shell(check, tmp_path).returncode == 0


def test_an_output_that_is_full_is_named(shared: Sample, tmp_path: Path) -> None:
    words = " ".join(command("--store", str(shared.store.path), "log", "--json"))
    ended = shell(f"{words} > /dev/full", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: the output: No space left on device\nhint: free")


def test_a_folder_that_was_deleted_is_named(shared: Sample, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    lost = f"cd gone && rmdir ../gone && {' '.join(command('runs', 'list'))}"
    ended = shell(lost, tmp_path)
    assert ended.returncode == 7
    assert "the folder that this program runs in was deleted\nhint: " in ended.stderr


def test_a_program_in_a_deleted_folder_logs_where_its_store_is(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    lines = "import eventtrack as m; m.start_run(); m.log_param('a', 1); m.end_run()"
    program = f'EVENTTRACK_URI="{tmp_path / "store"}" {sys.executable} -c "{lines}"'
    ended = shell(f"cd gone && rmdir ../gone && {program}", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
