"""A search that looks at every run says so; the command line and the pages show what it says."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.store import Store, open_store
from eventtrack.views.search import runs as run_search
from eventtrack.web import answers
from tests.cli.harness import CommandLine


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """More runs than become a set at once, or are tried first."""
    for name, value in {"SET_ROWS_MAX": 3, "TRIED_MAX": 2, "TRIED_AT_ONCE": 1}.items():
        monkeypatch.setattr(run_search, name, value)
    with closing(open_store(tmp_path / "store")) as store:
        with store.batch():
            for place in range(6):
                store.runs.create("0", run_name=f"sweep-{place}")
        yield store


@pytest.mark.parametrize(
    ("filter_string", "matches", "looked_at"),
    [
        ("run_name LIKE '%-4'", 1, "run_name"),
        ("run_name ILIKE 'SWEEP-4'", 1, "run_name"),
        ("run_name LIKE 'sweep-4%'", 1, ""),
        ("run_name != 'sweep-4'", 5, "run_name"),
        ("run_name = 'sweep-4'", 1, ""),
        ("run_name IN ('sweep-4', 'sweep-9')", 1, ""),
        ("status = 'RUNNING'", 6, ""),
    ],
)
def test_a_filter_without_help_of_the_index_is_named(
    store: Store, filter_string: str, matches: int, looked_at: str
) -> None:
    page = store.runs.search(["0"], filter_string)
    assert len(page) == matches
    assert (f"looked at {looked_at} of every run" in page.remark) == bool(looked_at)
    assert bool(page.remark) == bool(looked_at)
    table = answers.table(store, ["0"], [], filter_string=filter_string)
    assert (table["total"], table["remark"]) == (matches, page.remark)


def test_the_command_line_says_it_beside_the_answer(store: Store) -> None:
    command = CommandLine(store.path)
    answer = command("runs", "list", "--filter", "run_name LIKE '%-4'")
    assert "sweep-4" in answer.stdout
    assert "The filter looked at run_name of every run." in answer.stderr
    assert command("runs", "list", "--filter", "run_name LIKE 'sweep-4%'").stderr == ""


def test_a_store_of_few_runs_needs_no_remark(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_search, "SET_ROWS_MAX", 100)
    assert store.runs.search(["0"], "run_name LIKE '%-4'").remark == ""
