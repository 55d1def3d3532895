"""Params and tags in searches: numbers where they are numbers."""

from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import FilterSyntaxError
from eventtrack.ids import SeededIds
from eventtrack.store import Store


def test_params_and_tags_are_numbers_where_they_are_numbers(tmp_path: Path) -> None:
    """For filters, and for an order where that is asked for; MLflow's own search sorts texts."""
    with closing(Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("n"))) as store:
        for start, text in enumerate(["0.001", "0.1", "10", "9", "1e-05", "3e-4", "auto"]):
            run_id = store.runs.create("0", run_name=text, start_time=start).info.run_id
            store.runs.log_params(run_id, {"lr": text})
            store.runs.set_tags(run_id, {"lr": text})

        def names(filter_string: str = "", *order: str, by_number: bool = False) -> list[str]:
            found = store.runs.search(
                ["0"], filter_string, order_by=list(order), by_number=by_number
            )
            return [run.info.run_name for run in found]

        assert names("", "params.lr", by_number=True) == [
            *("1e-05", "3e-4", "0.001", "0.1", "9", "10", "auto")
        ]
        assert names("", "tags.lr DESC", by_number=True) == [
            *("10", "9", "0.1", "0.001", "3e-4", "1e-05", "auto")
        ]
        assert names("", "params.lr")[0] == "0.001"
        for kind in ("params", "tags"):
            assert set(names(f"{kind}.lr < 0.001")) == {"1e-05", "3e-4"}
            assert names(f"{kind}.lr = 0.00001") == ["1e-05"]
            assert names(f"{kind}.lr = '0.00001'") == []
            assert set(names(f"{kind}.lr IN (10.0, 9)")) == {"10", "9"}
            assert set(names(f"{kind}.lr BETWEEN 0.0003 AND 0.1")) == {"3e-4", "0.001", "0.1"}
            assert set(names(f"{kind}.lr NOT IN (10, 9, 0.1, 0.001, 0.0003)")) == {"1e-05", "auto"}
        run = store.runs.search(["0"], "params.lr = 'auto'")[0]
        store.runs.set_tags(run.info.run_id, {"lr": "0.5"})
        assert names("tags.lr = 0.5") == ["auto"]
        store.runs.set_tags(run.info.run_id, {"lr": "later"})
        assert names("tags.lr = 0.5") == []


@pytest.mark.parametrize(
    ("filter_string", "message"),
    [
        ("params.lr < '0.1'", "write it without quotes"),
        ("params.lr IN (1, 'a')", "without quotes, or all with"),
        ("params.lr BETWEEN 'a' AND 1", "without quotes, or all with"),
        ("params.lr LIKE 1", "write '1'"),
    ],
)
def test_numbers_and_texts_are_not_compared(
    tmp_path: Path, filter_string: str, message: str
) -> None:
    with closing(Store(tmp_path / "store")) as store, pytest.raises(FilterSyntaxError) as refused:
        store.runs.search(["0"], filter_string)
    assert message in refused.value.hint


def test_the_search_of_mlflow_compares_no_params_with_numbers(tmp_path: Path) -> None:
    """MLflow refuses this, on its clients and on its server: so do its endpoints here."""
    with closing(Store(tmp_path / "store")) as store, pytest.raises(FilterSyntaxError):
        store.runs.search_with_latest(["0"], "params.lr < 0.01")
