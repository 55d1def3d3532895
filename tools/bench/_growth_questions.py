"""Questions about large stores, each asked in a new process: `_growth_questions.py NAME STORE`.

Prints JSON: processor time of each answer in milliseconds, and the most anonymous memory that the
process had beyond what it had before the first answer, in MB. The version of eventtrack that
answers is the first on the module path, so two versions can answer about the same store.
"""

import base64
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path

from eventtrack.compat.messages import Values
from eventtrack.server.metrics import ENDPOINTS
from eventtrack.store import Store, open_store
from eventtrack.web import series

ROUNDS = 3
# A question that takes longer is asked once.
LONG_S = 2.0
PAGE = 100
VIEWS = "views made anew"
UPGRADE = "first look after an upgrade, by the clock"
Ask = Callable[[], object]


def main() -> None:
    """Ask one question."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name in (VIEWS, UPGRADE):
        print(json.dumps(_rebuilt(folder) if name == VIEWS else _upgraded(folder)))
        return
    with closing(open_store(folder)) as store:
        store.experiments.search()  # folds what the views lack
        ask = ALL[name](store)
        before, peak, done = _anonymous_mb(), [0.0], threading.Event()

        def watch() -> None:
            while not done.wait(0.002):
                peak[0] = max(peak[0], _anonymous_mb())

        watcher = threading.Thread(target=watch)
        watcher.start()
        taken = [_cpu_ms(ask)]
        peak[0] = max(peak[0], _anonymous_mb())
        done.set()
        watcher.join()
        if taken[0] < LONG_S * 1000:
            taken = [_cpu_ms(ask) for _ in range(ROUNDS)]
        print(json.dumps({"cpu_ms": taken, "memory_mb": max(0.0, peak[0] - before)}))


def _rebuilt(folder: Path) -> dict[str, object]:
    """The views folded anew."""
    with closing(open_store(folder)) as store:
        began = time.process_time()
        store._engine.views.rebuild()  # noqa: SLF001 - below the store
        taken = (time.process_time() - began) * 1000
    return {"cpu_ms": [taken], "memory_mb": 0.0}


def _upgraded(folder: Path) -> dict[str, object]:
    """The first look of a person after an upgrade with other folds; time by the clock."""
    known = {path.name for path in (folder / "views").iterdir()}
    try:
        versions = import_module("eventtrack.projections.shape")
        import_module("eventtrack.projections.older").SHOWS_OLDER.set(True)
    except ImportError:  # a version that knows nothing of older views
        versions = import_module("eventtrack.projections.runner")
    vars(versions)["PROJECTIONS_VERSION"] += 1
    began = time.perf_counter()
    with closing(open_store(folder)) as store:
        store.overview.experiments()
        taken = (time.perf_counter() - began) * 1000
    for path in (folder / "views").iterdir():
        if path.name not in known:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return {"cpu_ms": [taken], "memory_mb": 0.0}


def _cpu_ms(ask: Ask) -> float:
    began = time.process_time()
    ask()
    return (time.process_time() - began) * 1000


def _anonymous_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


def _experiment(store: Store) -> str:
    found = store.experiments.get_by_name("bench")
    assert found is not None
    return found.experiment_id


def _search(text: str, order: str) -> Callable[[Store], Ask]:
    """The first page."""

    def of(store: Store) -> Ask:
        experiment = _experiment(store)

        def ask() -> None:
            store.runs.search([experiment], text, max_results=PAGE, order_by=[order])

        return ask

    return of


def _counting(offset: int) -> str:
    """A page token that only counts results, which all versions understand."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()


def _middle(order: str, text: str = "") -> Callable[[Store], Ask]:
    """The page in the middle, by the token of the page before."""

    def of(store: Store) -> Ask:
        experiment = _experiment(store)
        total = store.overview.table([experiment], limit=1).total
        counting = _counting(total // 2 - 1)
        token = store.runs.search([experiment], text, 1, 1, [order], counting).token

        def ask() -> None:
            found = store.runs.search([experiment], text, 1, PAGE, [order], token)
            assert len(found) == PAGE

        return ask

    return of


def _table(store: Store) -> Ask:
    experiment = _experiment(store)
    return lambda: store.overview.table([experiment], limit=PAGE)


def _table_in_the_middle(store: Store) -> Ask:
    experiment = _experiment(store)
    middle = store.overview.table([experiment], limit=1).total // 2
    order = ["metrics.tied DESC"]
    return lambda: store.overview.table([experiment], limit=PAGE, offset=middle, order_by=order)


def _walk(store: Store) -> Ask:
    """All runs in pages of 1,000: the time of a page."""
    experiment = _experiment(store)

    def ask() -> None:
        page = store.runs.search([experiment], max_results=1000)
        while page.token:
            page = store.runs.search([experiment], max_results=1000, page_token=page.token)

    return ask


QUESTIONS: dict[str, Callable[[Store], Ask]] = {
    "newest": _search("", "start_time DESC"),
    "newest, page in the middle": _middle("start_time DESC"),
    "by a metric with 100 values, first page": _search("", "metrics.tied DESC"),
    "by a metric with 100 values, page in the middle": _middle("metrics.tied DESC"),
    "by a metric with 100 values, table in the middle": _table_in_the_middle,
    "by a metric, page in the middle": _middle("metrics.`metric-0` ASC"),
    "param filter, by a metric": _search("params.`param-0` = '3'", "metrics.`metric-0` DESC"),
    "two metric filters, newest": _search(
        "metrics.`metric-0` > 0.5 AND metrics.`metric-1` < 0.5", "start_time DESC"
    ),
    "two metric filters that hold for few": _search(
        "metrics.`metric-0` > 0.99 AND metrics.`metric-1` < 0.01", "start_time DESC"
    ),
    "LIKE that few runs match": _search("attributes.run_name LIKE '%9999%'", "start_time DESC"),
    "walk of all runs": _walk,
    "table of the pages": _table,
    "list of experiments": lambda store: store.overview.experiments,
    "conflicts": lambda store: store.conflicts,
}


def _run_id(store: Store) -> str:
    return store.runs.search(["0"])[0].info.run_id


def _page_of_history(store: Store) -> Ask:
    """1,000 points from the middle of the series."""
    run_id = _run_id(store)
    middle = next(iter(store.metrics.latest(run_id))).step // 2
    return lambda: store.metrics.history(run_id, "loss", 1000, _counting(middle))


def _thinned(store: Store) -> Ask:
    """2,500 points spread over the series, as MLflow's charts ask the server for them."""
    (endpoint,) = (it for it in ENDPOINTS if it.path.endswith("bulk-interval"))
    sent = Values(endpoint.request.message)
    sent.put("run_ids", [_run_id(store)])
    sent.put("metric_key", "loss")
    return lambda: endpoint.answer(store, sent)


def _history(store: Store) -> Ask:
    run_id = _run_id(store)
    return lambda: store.metrics.arrays(run_id, "loss")


def _curves(key: str, x: str) -> Callable[[Store], Ask]:
    """The curves of all runs for a chart of 400 buckets, in as many answers as that takes."""

    def of(store: Store) -> Ask:
        runs = store.runs.search(
            [e.experiment_id for e in store.experiments.search()], max_results=1000
        )
        asked = {"run_ids": [run.info.run_id for run in runs], "keys": [key], "x": x}

        def ask() -> None:
            start: int | None = 0
            width = 0
            while start is not None:
                body = json.dumps({**asked, "buckets": 400, "start": start, "width": width})
                answer = series.answer(store, body.encode())
                header = json.loads(answer[4 : 4 + int.from_bytes(answer[:4], "little")])
                start, width = header["next"], header["width"]

        return ask

    return of


def _series_of_many(store: Store) -> Ask:
    run_id = _run_id(store)
    return lambda: store.metrics.arrays(run_id, "block-3/layer-7/norm")


def _point_beside_many(store: Store) -> Ask:
    """A point is logged and read, in a run that has many names."""
    run_id = _run_id(store)
    log = store.metrics.sink(run_id).log

    def ask() -> None:
        log("block-3/layer-7/norm", 0.5, 10)
        store.metrics.arrays(run_id, "block-3/layer-7/norm")

    return ask


def _table_of_wide_runs(store: Store) -> Ask:
    """100 rows with a column of a metric."""
    experiment, key = _experiment(store), "group-7/metric-7"
    order = [f"metrics.`{key}` DESC"]
    return lambda: store.overview.table([experiment], [("metrics", key)], limit=100, order_by=order)


def _series_of_wide_run(store: Store) -> Ask:
    run_id = store.runs.search([_experiment(store)], max_results=1)[0].info.run_id
    return lambda: store.metrics.arrays(run_id, "group-7/metric-7")


QUESTIONS_OF_SERIES: dict[str, Callable[[Store], Ask]] = {
    "history: 1,000 points in the middle": _page_of_history,
    "history: 2,500 points spread over all": _thinned,
    "history: all points as arrays": _history,
    "a curve over steps": _curves("loss", "step"),
    "a curve over time": _curves("loss", "relative"),
    "a curve of a formula": _curves("= loss * 2", "step"),
    "density of the log, in 200 stretches": lambda store: store.history.density,
}
QUESTIONS_OF_NAMES: dict[str, Callable[[Store], Ask]] = {
    "one series among many names": _series_of_many,
    "a point logged and read among many names": _point_beside_many,
}
QUESTIONS_OF_WIDE_RUNS: dict[str, Callable[[Store], Ask]] = {
    "wide runs, newest": _search("", "start_time DESC"),
    "wide runs, by a metric": _search("", "metrics.`group-7/metric-7` DESC"),
    "wide runs, table of the pages by a metric": _table_of_wide_runs,
    "wide runs, one series": _series_of_wide_run,
}
QUESTIONS_OF_CURVES: dict[str, Callable[[Store], Ask]] = {
    "all curves over steps": _curves("loss", "step"),
    "all curves over time": _curves("loss", "time"),
}
ALL = QUESTIONS_OF_WIDE_RUNS | QUESTIONS | QUESTIONS_OF_SERIES | QUESTIONS_OF_NAMES
ALL |= QUESTIONS_OF_CURVES


if __name__ == "__main__":
    main()
