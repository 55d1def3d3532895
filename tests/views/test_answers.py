"""Answers of a search are kept, and are those that would be made anew."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from eventtrack.projections import run_rows
from eventtrack.store import Store
from eventtrack.views import answers
from eventtrack.views.records import Metric, Run, ViewType


class Asked:
    """A store that is asked for all of its runs."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.experiments = ["0", store.experiments.create("other")]
        self.runs = [store.runs.create("0").info.run_id for _ in range(3)]
        for run_id in self.runs:
            self.log(run_id, 0)
        self.made = 0

    def log(self, run_id: str, step: int) -> None:
        self.store.metrics.log(run_id, "loss", 0.5 + step, step)

    def answer(self, run: Run, latest: list[Metric]) -> bytes:
        self.made += 1
        return _plain(run, latest)

    def search(self, answer: Callable[[Run, list[Metric]], bytes]) -> list[bytes]:
        found = self.store.runs.search_answers(answer, self.experiments, view_type=ViewType.ALL)
        return list(found)


def _plain(run: Run, latest: list[Metric]) -> bytes:
    return msgspec.json.encode((run, latest))


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    with closing(Store(tmp_path / "store")) as store:
        yield Asked(store)


CHANGES: list[Callable[[Store, list[str], str], object]] = [
    lambda store, runs, _: store.runs.set_tags(runs[0], {"a": "b"}),
    lambda store, runs, _: store.runs.delete_tag(runs[0], "a"),
    lambda store, runs, _: store.runs.log_params(runs[1], {"lr": "0.1"}),
    lambda store, runs, _: store.metrics.log(runs[1], "loss", 9.0, 9),
    lambda store, runs, _: store.metrics.rewind(runs[1], 0),
    lambda store, runs, _: store.runs.update(runs[2], status="FAILED", name="new"),
    lambda store, runs, _: store.runs.delete(runs[2]),
    lambda store, runs, _: store.experiments.delete("0"),
    lambda store, runs, _: store.experiments.restore("0"),
    lambda store, runs, _: store.forks.merge(runs[0], runs[1]),
    lambda store, runs, _: store.metrics.log(runs[1], "loss", 7.0, 99),
    lambda store, runs, other: store.corrections.move([runs[1]], other),
    lambda store, runs, other: store.experiments.delete(other),
]


def test_every_change_shows_in_the_answers(asked: Asked) -> None:
    before = asked.search(_plain)
    for change in CHANGES:
        change(asked.store, asked.runs, asked.experiments[1])
        found = asked.search(_plain)
        assert found != before
        asked.store.runs._answers = None  # so that they are made anew
        assert found == asked.search(_plain)
        before = found


def test_only_what_changed_is_made_anew(asked: Asked) -> None:
    answer = asked.answer
    first = asked.search(answer)
    assert (asked.search(answer), asked.made) == (first, 3)
    asked.log(asked.runs[1], 1)
    assert asked.search(answer) != first
    assert asked.made == 4


def test_a_run_with_rows_of_its_own_for_its_metrics_is_made_anew(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points that wait in another process's journal may change these rows and no other."""
    monkeypatch.setattr(run_rows, "NAMES_MAX", 1)
    answer = asked.answer
    asked.store.metrics.log(asked.runs[0], "acc", 0.5, 1)
    asked.search(answer)
    asked.search(answer)
    assert asked.made == 4


def test_what_is_kept_has_a_bound(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked.answer
    size = max(map(len, asked.search(answer)))
    monkeypatch.setattr(answers, "BYTES_MAX", size)
    for step in range(1, 4):
        for run_id in asked.runs:
            asked.log(run_id, step)
        asked.search(answer)
    kept = asked.store.runs._answers
    assert kept is not None
    assert len(kept._kept) == 1
