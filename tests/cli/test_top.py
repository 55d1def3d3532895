"""`eventtrack top`: real stores, real servers and, once, a real terminal."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack.cli.top.folder import FolderSource
from eventtrack.cli.top.sources import Source
from eventtrack.store import Store, open_store
from tests.cli.harness import START_MS, CommandLine, Sample, command, environment, read_all
from tests.cli.top_screen import FOLDER, SERVER, Screen, keys, on, source_of
from tests.server.running import ROOT

WRITER = """
import sys
from eventtrack.store import open_store
from eventtrack.store.items import CONSOLE
store = open_store(sys.argv[1])
for line in sys.stdin:
    word, *rest = line.split()
    if word == "run":
        run_id = store.runs.create("0", run_name=rest[0]).info.run_id
    elif word == "point":
        store.metrics.sink(run_id).log(rest[0], float(rest[1]), int(rest[2]), 1)
        store.flush()
    else:
        store.items.sink(run_id).text(CONSOLE, " ".join(rest))
        store.flush()
"""
COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|38|4[0-7]|48|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


@pytest.fixture
def talkative(sample: Sample) -> Store:
    """The sample, with lines of a console and a note."""
    sink = sample.store.items.sink(sample.second)
    for line in range(300):
        sink.text("console", f"\x1b[32mline {line}\x1b[0m")
    sample.store.runs.set_tags(sample.second, {"mlflow.note.content": "a note\nof two lines"})
    sample.store.flush()
    return sample.store


@pytest.fixture(params=[FOLDER, SERVER])
def source(request: pytest.FixtureRequest, talkative: Store) -> Iterator[Source]:
    """The sample as a folder, and behind a server."""
    with source_of(request.param, talkative) as source:
        yield source


def test_a_run_is_shown_with_curves_console_details_and_beside_others(source: Source) -> None:
    async def use(screen: Screen) -> None:
        await screen.until("3 runs", "child-1", "finished", "20 points", "┤")
        await screen.press("3")
        await screen.until("line 299", without="line 200")
        await screen.press("enter", "g")
        await screen.until("line 1 ", without="line 299")
        await screen.press("G")
        await screen.until("line 299")
        await screen.press("escape", "4")
        await screen.until("a note", "of two lines", "hidden")
        await screen.press("space", "down", "space", "5")
        await screen.until("▲", "▼", "0.01", "0.1", "largest")
        await screen.press("2")
        await screen.until("No load was recorded")

    on(source, use)


def test_the_mouse_sorts_chooses_and_marks(talkative: Store) -> None:
    async def use(screen: Screen) -> None:
        await screen.until("child-1", "child-0", "0.0476")
        names = [line[2:10].strip() for line in screen.lines[2:5]]
        assert names == ["child-1", "child-0", "sweep"]
        await screen.pilot.click("#runs", offset=(screen.lines[1].index("run"), 0))
        await screen.until("▼run")
        await screen.pilot.click("#runs", offset=(3, 0))
        await screen.until("▲run")
        assert screen.lines[2].startswith("  child-0")
        await screen.pilot.click("#runs", offset=(0, 2))
        await screen.until("● child-1")
        await screen.pilot.click("#tabs", offset=(screen.lines[6].index("Details"), 0))
        await screen.until("experiment", "flowers", "a note")

    on(FolderSource(talkative), use)


def test_filter_and_sort_are_those_of_runs_list(sample: Sample) -> None:
    async def use(screen: Screen) -> None:
        await screen.until("3 runs")
        await screen.type("slash", "params.lr < 0.05")
        await screen.until("1 run ", "child-1", without="child-0")
        await screen.press("slash", "ctrl+u", "enter")
        await screen.until("3 runs")
        await screen.type("s", "loss ASC")
        await screen.until("▲loss")
        await screen.type("s", "nonsense")
        await screen.until("cannot sort by 'nonsense'", "--json")
        await screen.until("▲loss")
        await screen.type("c", "lr, nothing")
        await screen.until("lr", without="▲loss")
        await screen.press("c", "ctrl+u", "enter")
        await screen.until("▲loss")
        await screen.type("slash", "sweep")
        await screen.until("1 run ", "sweep", without="child")

    on(FolderSource(sample.store), use)


@pytest.mark.parametrize("kind", [FOLDER, SERVER])
def test_new_runs_points_and_lines_appear_within_a_second(kind: str, tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.path)],
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.PIPE,
        text=True,
    )

    def write(line: str) -> float:
        assert writer.stdin is not None
        writer.stdin.write(line + "\n")
        writer.stdin.flush()
        return time.monotonic()

    async def use(screen: Screen) -> None:
        await screen.until("No runs yet")
        write("run newcomer")
        await screen.until("newcomer", "running")
        await screen.press("1")
        write("point loss 0.25 0")
        await screen.until("loss", "0.25", "1 point ")
        waits = []
        for step in range(1, 6):
            began = write(f"point loss 0.5 {step}")
            await screen.until(f"{step + 1} points")
            waits.append(time.monotonic() - began)
        # The shortest: a machine that is busy with other tests says nothing of the rest.
        assert min(waits) < 1
        await screen.press("3")
        write("line hello there")
        await screen.until("hello there")

    with writer, source_of(kind, store) as source:
        on(source, use)
        assert writer.stdin is not None
        writer.stdin.close()
    store.close()


def test_of_many_runs_those_that_are_seen_are_read(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    with store.batch():
        for number in range(2000):
            store.runs.create("0", run_name=f"run-{number}", start_time=START_MS + number)

    class Counted(FolderSource):
        rows = 0

        def table(self, *arguments: Any, **asked: Any) -> dict[str, Any]:
            answer = super().table(*arguments, **asked)
            Counted.rows += len(answer["runs"]["run_id"])
            return answer

    async def use(screen: Screen) -> None:
        await screen.until("2,000 runs", "run-1999 ")
        await screen.press("end")
        await screen.until("run-0 ", "run-1 ")
        await screen.press("pageup", "home")
        await screen.until("run-1999 ")

    on(Counted(store), use)
    assert Counted.rows < 800
    store.close()


def test_words_are_looked_for_while_they_are_typed(sample: Sample) -> None:
    async def use(screen: Screen) -> None:
        await screen.until("3 runs")
        await screen.press("slash", *"child")
        await screen.until("2 runs", "child-0", "child-1")
        await screen.press("escape")
        await screen.until("3 runs")
        await screen.press("slash", *"child-1", "enter")
        await screen.until("1 run ", "filter child-1")
        await screen.press("slash", "ctrl+u", *keys("params.lr < "))
        await screen.press("escape")  # half a filter is none, and the words before it count again
        await screen.until("1 run ", "filter child-1", without="cannot")

    on(FolderSource(sample.store), use)


def test_a_mark_has_the_colour_of_its_curves_wherever_the_cursor_is(sample: Sample) -> None:
    def colours(screen: Screen, words: str) -> list[str]:
        """The colours of the cells with these words, line by line."""
        strips = screen.app.screen._compositor.render_strips(screen.app.size)
        return [
            segment.style.color.name
            for strip in strips
            for segment in strip
            if words in segment.text and segment.style and segment.style.color
        ]

    async def use(screen: Screen) -> None:
        await screen.until("3 runs")
        await screen.press("space", "down", "space", "down")
        await screen.until("● child-1", "● child-0", "No metrics yet")
        first, second = colours(screen, "●")
        assert first != second
        for _ in range(2):
            await screen.press("up")
            await screen.until("━━ child-1   ━━ child-0")
            assert colours(screen, "━━")[:2] == [first, second]

    on(FolderSource(sample.store), use)


def test_no_number_of_the_table_loses_its_end(sample: Sample) -> None:
    async def use(screen: Screen) -> None:
        await screen.until("3 runs", "0.047619")
        for width in range(100, 70, -3):
            await screen.pilot.resize_terminal(width, 30)
            await screen.until("child-1")
            row = next(line for line in screen.lines if line[2:].startswith("child-1"))
            assert row.split()[-1] in {"0.047619", "8", "0.01"}, row

    on(FolderSource(sample.store), use)


def test_hostile_texts_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    evil = "\x1b]0;title\x07\x1b[2J\u202egnp.exe[/b][red]\n\r\t"
    run_id = store.runs.create("0", run_name=evil, tags={"stage": evil}).info.run_id
    store.runs.set_tags(run_id, {"mlflow.note.content": evil})
    store.items.sink(run_id).text("console", evil + "the end")
    store.metrics.sink(run_id).log("a" * 200, 1.0, 0, 1)
    store.flush()

    async def use(screen: Screen) -> None:
        await screen.until("\\x1b]0;title")
        for panel in ("3", "4", "5", "1"):
            await screen.press(panel, "space")
            await screen.pilot.pause(0.2)
            assert all(line.isprintable() for line in screen.lines)
        await screen.press("e")
        await screen.until("all experiments")
        await screen.press("escape")

    on(FolderSource(store), use, size=(80, 24))
    store.close()


# A session of its own, to which standard input is the controlling terminal, as over `ssh -t`.
_LEAD = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The command on a terminal of 80 columns and 24 lines."""

    def __init__(self, path: Path, **changes: str) -> None:
        self.controller, self.terminal = pty.openpty()
        termios.tcsetwinsize(self.terminal, (24, 80))
        self.before = termios.tcgetattr(self.terminal)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LEAD, *command("top", "--store", str(path))],
            stdin=self.terminal,
            stdout=self.terminal,
            stderr=self.terminal,
            env=environment(PYTHONPATH=str(ROOT), **changes),
        )

    def until(self, words: bytes, times: int = 1) -> None:
        """Wait until the terminal has been sent the words."""
        while self.seen.count(words) < times:
            self.seen += os.read(self.controller, 65536)

    def is_as_before(self) -> bool:
        """Whether the terminal's settings are those from before."""
        return termios.tcgetattr(self.terminal) == self.before

    def end(self) -> bytes:
        """Wait for the end of the command; all that the terminal was sent."""
        self.process.wait(timeout=60)
        assert self.is_as_before()
        os.close(self.terminal)
        self.seen += read_all(self.controller)
        os.close(self.controller)
        return self.seen


ALTERNATE, PLAIN = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.mark.parametrize("leave", ["q", "SIGTERM"])
def test_a_small_terminal_without_colours_is_left_as_it_was(leave: str, sample: Sample) -> None:
    terminal = Terminal(sample.store.path, NO_COLOR="1")
    terminal.until(b"20 points")
    if leave == "q":
        os.write(terminal.controller, b"q")
    else:
        terminal.process.send_signal(signal.SIGTERM)
    seen = terminal.end()
    assert terminal.process.returncode == 0
    assert seen.count(ALTERNATE) == 1
    after = seen[seen.rindex(PLAIN) :]
    assert b"\x1b[?25h" in after
    assert b"points" not in after
    assert not COLOUR.search(seen.decode())


def test_control_z_gives_the_terminal_back_until_it_goes_on(sample: Sample) -> None:
    terminal = Terminal(sample.store.path)
    terminal.until(b"20 points")
    os.write(terminal.controller, b"\x1a")
    _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    terminal.until(PLAIN)
    assert terminal.is_as_before()
    os.killpg(terminal.process.pid, signal.SIGCONT)
    terminal.until(ALTERNATE, 2)
    terminal.until(b"20 points", 2)
    os.write(terminal.controller, b"q")
    terminal.end()
    assert terminal.process.returncode == 0


def test_it_ends_with_its_terminal(sample: Sample) -> None:
    terminal = Terminal(sample.store.path)
    terminal.until(b"20 points")
    os.close(terminal.terminal)
    os.close(terminal.controller)
    assert terminal.process.wait(timeout=60) == 0


def test_it_is_loaded_by_its_own_command_only(sample: Sample) -> None:
    program = (
        "import sys; from eventtrack.cli import cli; cli(sys.argv[1:], standalone_mode=False); "
        "assert 'textual' not in sys.modules"
    )
    words = [sys.executable, "-c", program, "--store", str(sample.store.path), "runs", "list"]
    subprocess.run(words, env=environment(PYTHONPATH=str(ROOT)), check=True, capture_output=True)


def test_without_its_extra_the_extra_is_named(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    assert "pip install 'eventtrack[top]'" in run("top", code=2).stderr


def test_without_a_terminal_it_names_what_programs_use(run: CommandLine) -> None:
    assert "runs list --json" in run("top", code=2).stderr
