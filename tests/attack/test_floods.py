"""Searches that ask for more than anybody wants to know: refused, with the bound in the message."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack import limits
from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.regular import regular_test
from eventtrack.views.filters.trees import parse_run_filter
from tests.server.running import Running, running

FIELDS = [f"metrics.m{number}" for number in range(3000)]
SEARCHES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "runs": ("/api/2.0/mlflow/runs/search", "metrics.a > 1", {"experiment_ids": ["0"]}),
    "experiments": ("/api/2.0/mlflow/experiments/search", "name = 'a'", {"max_results": 10}),
    "models": ("/api/2.0/mlflow/logged-models/search", "metrics.a > 1", {"experiment_ids": ["0"]}),
    "traces": (
        "/api/3.0/mlflow/traces/search",
        "name = 'a'",
        {"locations": [{"mlflow_experiment": {"experiment_id": "0"}}]},
    ),
}
REGISTRY = {
    "registered": "/api/2.0/mlflow/registered-models/search",
    "versions": "/api/2.0/mlflow/model-versions/search",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with one run."""
    path: Path = tmp_path_factory.mktemp("floods") / "store"
    with running(path) as found:
        found.new_run()
        yield found


def filters(comparison: str) -> dict[str, str]:
    """Filters that cost too much, made of a comparison that is right."""
    field = comparison.split(maxsplit=1)[0]
    return {
        "deep": "(" * 5000 + comparison + ")" * 5000,
        "not": "NOT " * 5000 + comparison,
        "wide": " AND ".join([comparison] * 3000),
        "long": comparison + " " * limits.FILTER_LENGTH_MAX,
        "list": f"{field} IN (" + ",".join(["'a'"] * (limits.FILTER_LIST_MAX + 1)) + ")",
        "percents": f"tags.a LIKE '{'%a' * 1000}'",
        "open": "(" * 100_000,
    }


@pytest.mark.parametrize("search", SEARCHES)
def test_a_flood_of_conditions_is_refused_by_every_search(server: Running, search: str) -> None:
    path, comparison, body = SEARCHES[search]
    for name, text in filters(comparison).items():
        answer = server.client.post(path, json={**body, "filter": text}, timeout=30)
        assert answer.status_code == 400, (name, answer.text[:300])
    order: list[Any] = FIELDS
    if search == "models":
        order = [{"field_name": field} for field in FIELDS]
    answer = server.client.post(path, json={**body, "order_by": order}, timeout=30)
    assert answer.status_code == 400
    assert "3000 fields" in answer.json()["message"]


@pytest.mark.parametrize("search", REGISTRY)
def test_a_flood_of_conditions_is_refused_by_the_registry(server: Running, search: str) -> None:
    path = REGISTRY[search]
    for name, text in filters("name = 'a'").items():
        if len(text) < 30_000:  # more does not fit into a URL
            answer = server.client.get(path, params={"filter": text}, timeout=30)
            assert answer.status_code == 400, (name, answer.text[:300])
    many: list[tuple[str, str | int | float | bool | None]] = [
        ("order_by", field) for field in FIELDS[:200]
    ]
    assert server.client.get(path, params=many, timeout=30).status_code == 400


def test_a_flood_is_refused_by_the_pages_as_well(server: Running) -> None:
    path = "/api/eventtrack/1/runs"
    right = {"experiment_ids": ["0"], "columns": []}
    assert server.client.post(path, json=right).status_code == 200
    for name, text in filters("metrics.a > 1").items():
        answer = server.client.post(path, json={**right, "filter": text}, timeout=30)
        assert answer.status_code == 400, (name, answer.text[:300])
    answer = server.client.post(path, json={**right, "order_by": FIELDS}, timeout=30)
    assert answer.status_code == 400


def test_what_people_search_for_is_far_below_the_bounds() -> None:
    assert parse_run_filter("metrics.a > 1 AND " * 999 + "metrics.a > 1")
    assert parse_run_filter("run_id IN (" + ",".join(["'a'"] * 50_000) + ")")
    assert parse_run_filter(f"tags.a LIKE '%{'a' * 990}%'")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a|a)*$", "a" * 60 + "b"),
        ("((a{1,99}){1,99})+b", "a" * 2000),
    ],
)
def test_a_pattern_that_never_comes_to_an_end_is_given_up(pattern: str, text: str) -> None:
    with pytest.raises(FilterSyntaxError, match="takes too long"):
        regular_test(pattern)(text)


@pytest.mark.parametrize(
    "pattern", ["(" * 400 + ")" * 400, "((a{999}){999}){999}", "a" * 1001, "(", "a{99999}", "*"]
)
def test_a_pattern_that_is_none_or_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(FilterSyntaxError, match="Invalid regular expression"):
        regular_test(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("[12]$", "run-2", True),
        ("^a.c$", "abc", True),
        ("x{2,3}", "x", False),
        ("(?i)A", "a", True),
    ],
)
def test_a_sensible_pattern_finds_what_it_says(pattern: str, text: str, found: bool) -> None:
    test: Callable[[str], bool] = regular_test(pattern)
    assert test(text) is found
