"""A real IPython shell: cards as last expressions, live ones, and links to the pages."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import eventtrack
from eventtrack.notebook import formatting
from eventtrack.server.presence import Presence, announced

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shell() -> Iterator[Any]:
    """A shell as a notebook has one, with the extension loaded."""
    shell = InteractiveShell.instance()
    formatting.register()  # as `import eventtrack` does in a notebook
    shell.run_line_magic("load_ext", "eventtrack")
    shell.user_ns["eventtrack"] = eventtrack
    yield shell
    InteractiveShell.clear_instance()


def outputs(shell: Any, cell: str) -> list[str]:
    """The pieces of HTML that a cell shows, its last expression too."""
    with capture_output() as captured:
        done = shell.run_cell(cell)
    done.raise_error()
    pieces = [output.data for output in captured.outputs]
    if done.result is not None:
        pieces.append(shell.display_formatter.format(done.result)[0])
    return [piece["text/html"] for piece in pieces if "text/html" in piece]


def test_a_run_as_the_last_expression_is_a_card(shell: Any) -> None:
    with eventtrack.start_run(run_name="small"):
        eventtrack.log_metric("loss", 0.5)
    [html] = outputs(shell, "eventtrack.last_active_run()")
    assert "<b>small</b>" in html
    assert "loss: 0.5" in html
    with eventtrack.start_run(run_name="open"):
        [html] = outputs(shell, "eventtrack.active_run()")
        assert "<b>open</b> · RUNNING" in html


def test_importing_in_a_notebook_is_enough(tmp_path: Path) -> None:
    text = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('import eventtrack')\n"
        "shell.run_cell('with eventtrack.start_run(run_name=\\'a\\') as run: pass')\n"
        "print(shell.display_formatter.format(shell.user_ns['run'])[0]['text/html'])\n"
    )
    env = os.environ | {"EVENTTRACK_URI": str(tmp_path / "store")}
    shown = subprocess.check_output([sys.executable, "-c", text], text=True, cwd=ROOT, env=env)
    assert "<b>a</b> · FINISHED" in shown


def test_an_open_run_is_shown_anew_until_it_ends(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[str] = []
    handle = "IPython.core.display_functions.DisplayHandle.update"
    monkeypatch.setattr(handle, lambda self, shown, **_: updates.append(shown._repr_html_()))
    with eventtrack.start_run():
        eventtrack.log_metric("loss", 0.5, step=1)
        [html] = outputs(shell, "eventtrack.display(refresh=0.01)")
        assert "loss: 0.5" in html
        eventtrack.log_metric("loss", 0.25, step=2)
        _wait(lambda: any("loss: 0.25" in update for update in updates))
    _wait(lambda: any("FINISHED" in update for update in updates))


def test_the_pages_are_a_link_where_a_server_runs(shell: Any, store: Path) -> None:
    """No frame: the pages refuse to be in one (tests/browser/test_pages.py)."""
    eventtrack.MlflowClient().store.flush()
    [html] = outputs(shell, "%eventtrack")
    assert "eventtrack ui" in html
    with announced(store, Presence(url="http://127.0.0.1:5000", pages="eventtrack")):
        [html] = outputs(shell, "%eventtrack")
        assert "href='http://127.0.0.1:5000'" in html
        [html] = outputs(shell, "%eventtrack abc")
        assert "href='http://127.0.0.1:5000/#/runs/abc'" in html
        assert "iframe" not in html
        [html] = outputs(shell, "%eventtrack '><script>x</script>")
        assert "<script" not in html


def test_an_exported_notebook_keeps_the_card(shell: Any) -> None:
    with eventtrack.start_run():
        eventtrack.log_metric("loss", 0.5)
    [html] = outputs(shell, "eventtrack.last_active_run()")
    assert json.loads(json.dumps(html)) == html
    assert "http" not in html


def _wait(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
