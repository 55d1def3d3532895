"""Plain words instead of a filter."""

from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.store import Store
from eventtrack.views.filters.plain import filter_of
from eventtrack.views.filters.trees import parse_run_filter


def test_plain_words_find_runs_by_name_or_id(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store")) as store:
        names = ["sweep-1", "Sweep-12 b", "other"]
        ids = [store.runs.create("0", run_name=name).info.run_id for name in names]

        def found(text: str) -> set[str]:
            table = store.overview.table(["0"], filter_string=text)
            return {row.info.run_name for row in table.rows}

        assert found("sweep-1") == {"sweep-1", "Sweep-12 b"}
        assert found(" Sweep-12 B ") == {"Sweep-12 b"}
        assert found(ids[2]) == found(ids[2][:8]) == {"other"}
        assert found("nothing") == set()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "metrics.loss",
        "params.x",
        "loss < 1",
        "a = 'b'",
        "run.name",
        "a AND b",
        "Tags.x",
        "x IN y",
    ],
)
def test_what_looks_like_a_filter_stays_one(text: str) -> None:
    assert filter_of(text) == text


@pytest.mark.parametrize("text", ["a b", "loss.best", "100 %", "café_1", "and so on", "a;b"])
def test_plain_words_make_a_filter_that_can_be_read(text: str) -> None:
    assert parse_run_filter(filter_of(text)) is not None
