"""Questions: search, histories, and what a new process pays before it can answer."""

from pathlib import Path

from _harness import Report, Samples, measure, run_python
from _limits import python_start_ms, read_columns_ms
from _peers import Peers
from _work import store_of_one_series, store_of_runs

POINTS = 1_000_000
RUNS = 10_000
MANY_RUNS = 100_000
LIST = (
    "from eventtrack.store import open_store; import sys; "
    "print(len(open_store(sys.argv[1], create=False).experiments.search()))"
)


def search(report: Report, folder: Path, runs: int, goal: float) -> Path:
    """The best hundred of the runs with a param; returns the store's folder."""
    store, experiment_id = store_of_runs(folder, runs, f"runs-{runs}")
    questions = (
        ("param filter, ordered by a metric", "params.`param-0` = '3'", "metrics.`metric-0` DESC"),
        ("no filter, ordered by a metric", "", "metrics.`metric-0` DESC"),
        ("metric filter, newest first", "metrics.`metric-1` > 0.5", "start_time DESC"),
        ("param as a number, newest first", "params.`param-0` < 4", "start_time DESC"),
        ("no filter, ordered by a param as a number", "", "params.`param-0` DESC"),
    )
    for place, (name, text, order) in enumerate(questions):

        def ask(text: str = text, order: str = order) -> None:
            found = store.runs.search(
                [experiment_id], text, max_results=100, order_by=[order], by_number=True
            )
            assert len(found) == 100

        samples = measure(ask, 3 * report.rounds, warm_up=3).scaled(1e3)
        title = f"top 100 of {runs:,} runs, {name}"
        report.figure(title, samples, "ms", goal=goal if place == 0 else None)
    path = store.path
    store.close()
    return path


def history(report: Report, folder: Path) -> None:
    """One long series as arrays."""
    read = read_columns_ms(folder, POINTS, report.rounds)
    limit = report.limit(f"{POINTS:,} points from LMDB into arrays", read, "ms")
    store, run_id = store_of_one_series(folder, POINTS)

    def ask() -> None:
        assert len(store.metrics.arrays(run_id, "loss")) == POINTS

    samples = measure(ask, report.rounds).scaled(1e3)
    report.figure(f"history of {POINTS:,} points as arrays", samples, "ms", goal=15, limit=limit)


def new_process(report: Report, peers: Peers, path: Path) -> None:
    """What a command pays."""
    start = report.limit("Python's start", python_start_ms(report.rounds), "ms")
    libraries = python_start_ms(report.rounds, "import lmdb, msgspec")
    report.limit("Python's start, importing lmdb and msgspec", libraries, "ms")
    name = f"a new process lists the experiments of {RUNS:,} runs"
    asked = measure(lambda: run_python("-c", LIST, str(path)), report.rounds).scaled(1e3)
    report.figure(f"{name}, python -c", asked, "ms", goal=100, limit=start)
    arguments = ("-m", "eventtrack", "--store", str(path), "experiments", "list")
    asked = measure(lambda: run_python(*arguments), report.rounds).scaled(1e3)
    report.figure(f"{name}, eventtrack experiments list", asked, "ms", goal=100, limit=start)
    for code, goal in (
        ("import eventtrack", 60.0),
        ("from eventtrack import log_metric", 60.0),
        ("import eventtrack.store", None),
    ):
        timed = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        run_python("-c", timed)
        taken = [float(run_python("-c", timed)) * 1e3 for _ in range(2 * report.rounds)]
        found = peers.import_ms() if code == "import eventtrack" else {}
        report.figure(f"`{code}`", Samples(taken), "ms", goal=goal, peers=found)


def main() -> None:
    """All of it."""
    flag = "--many"
    report = Report(
        __doc__.splitlines()[0], {flag: f"search {MANY_RUNS:,} runs too: takes minutes to make"}
    )
    peers = Peers(report)
    with report.folder() as folder:
        path = search(report, folder, RUNS, goal=2)
        new_process(report, peers, path)
        history(report, folder)
        if report.options.many:
            search(report, folder, MANY_RUNS, goal=5)
    report.finish()


if __name__ == "__main__":
    main()
