"""The end of a command in words, and the traceback among its last lines."""

import signal
from pathlib import Path

import pytest

from eventtrack.running.ending import Ending, OutOfMemory, last_traceback, preemption_tags


def ending(code: int, *signals: int, out_of_memory: bool = False) -> Ending:
    """An end after one second."""
    return Ending(code=code, signals=list(signals), wall_s=1.0, out_of_memory=out_of_memory)


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (ending(0), "FINISHED", "exit code 0"),
        (ending(3), "FAILED", "exit code 3"),
        (ending(-9), "KILLED", "killed by SIGKILL"),
        (ending(-9, out_of_memory=True), "KILLED", "out of memory: the kernel killed a process"),
        (ending(1, out_of_memory=True), "FAILED", "out of memory: the kernel killed a process"),
        (ending(0, out_of_memory=True), "FINISHED", "exit code 0"),
        (ending(0, signal.SIGTERM), "KILLED", "stopped by SIGTERM, exit code 0"),
        (ending(0, signal.SIGUSR1), "FINISHED", "exit code 0"),
        (ending(-60), "KILLED", "killed by signal 60"),
    ],
)
def test_an_end_has_a_status_and_a_reason(end: Ending, status: str, reason: str) -> None:
    assert (end.status, end.reason) == (status, reason)


def test_tags_say_the_code_or_the_signal() -> None:
    assert ending(2).tags([])["eventtrack.exit_code"] == "2"
    killed = ending(-11).tags([])
    assert killed["eventtrack.signal"] == "SIGSEGV"
    assert "eventtrack.exit_code" not in killed


def test_the_last_traceback_is_kept_with_its_message() -> None:
    lines = [
        "Traceback (most recent call last):",
        "  old",
        "OldError",
        "training",
        "Traceback (most recent call last):",
        '  File "train.py", line 3, in <module>',
        "    step()",
        "torch.OutOfMemoryError: CUDA out of memory.",
        "Tried to allocate 2 GiB",
        "",
        "bye",
    ]
    assert last_traceback(lines) == "\n".join(lines[4:9])
    assert ending(1).tags(lines)["eventtrack.traceback"].endswith("Tried to allocate 2 GiB")
    assert "eventtrack.traceback" not in ending(0).tags(lines)
    assert last_traceback(["no", "trace"]) == ""


def test_a_rank_before_each_line_is_left_out() -> None:
    lines = [
        "[rank1]: Traceback (most recent call last):",
        "[rank1]:   File x",
        "[rank1]: ValueError: y",
        "",
    ]
    assert last_traceback(lines) == ("Traceback (most recent call last):\n  File x\nValueError: y")


def test_a_long_traceback_keeps_its_end() -> None:
    lines = ["Traceback (most recent call last):", *["  frame" * 20] * 150, "Error: last"]
    assert len(last_traceback(lines)) == 8000
    assert last_traceback(lines).endswith("Error: last")


def test_only_the_scheduler_s_signal_marks_a_run() -> None:
    assert preemption_tags(signal.SIGTERM, "now") == {"eventtrack.preempted": "SIGTERM at now"}
    assert preemption_tags(signal.SIGUSR1, "now") == {}


@pytest.mark.parametrize(
    ("listed", "file"),
    [
        ("0::/user/job\n", "sys/fs/cgroup/user/job/memory.events"),
        ("0::/\n", "sys/fs/cgroup/memory.events"),
        ("4:memory:/job\n", "sys/fs/cgroup/memory/job/memory.oom_control"),
    ],
)
def test_a_kill_for_memory_is_seen_in_the_control_group(
    tmp_path: Path, listed: str, file: str
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(listed)
    counts = tmp_path / file
    counts.parent.mkdir(parents=True)
    counts.write_text("low 0\noom 1\noom_kill 2\n")
    memory = OutOfMemory(tmp_path)
    assert not memory.happened()
    counts.write_text("low 0\noom 2\noom_kill 3\n")
    assert memory.happened()


def test_without_a_control_group_nothing_is_claimed(tmp_path: Path) -> None:
    assert not OutOfMemory(tmp_path).happened()
