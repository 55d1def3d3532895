"""Servers of a cluster beside one plain durable server, in the same run.

The engines run on this machine too, and share its processors with servers and clients: what an
engine on machines of its own would leave to the servers is not counted.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from _harness import Report, Samples
from _load import CLIENTS, Connection, Load, batch, load, log_batches, search
from server import server

# The engines are started as the tests start them.
sys.path.append(str(Path(__file__).resolve().parents[2]))
from eventtrack.cluster.cache import Cache
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from tests.sharedlog.engines import Nats, running_nats, running_postgresql

RUN_S = 3.0
# A server folds for so long what it was given, while the next load is on another.
REST_S = 2.5
SEARCHED = 1000
# The least that a server of a cluster does of what a plain server does, by engine.
GOALS = {"PostgreSQL": 0.6, "one NATS node": 0.6, "three NATS nodes": 0.35}
READ_GOAL = 0.8
FILL_GOAL = 500_000.0
RESUMED_S = 10.0


@contextlib.contextmanager
def engine(name: str) -> Iterator[tuple[str, Nats | None]]:
    """A new log on an engine: its address, and the nodes of NATS."""
    if name == "PostgreSQL":
        with running_postgresql() as database:
            make_shared_log(database.url).close()
            yield database.url, None
    else:
        count = 1 if name == "one NATS node" else 3
        with running_nats(count) as nodes:
            make_shared_log(nodes.url("bench"), replicas=count, risky=count == 1).close()
            yield nodes.url("bench"), nodes


@contextlib.contextmanager
def member(folder: Path, name: str, url: str) -> Iterator[tuple[int, int]]:
    """A server of a cluster that is ready: port and process."""
    with server(folder, name, ["--cluster", url]) as (port, process):
        while True:
            with contextlib.suppress(ConnectionError, OSError):
                Connection(port).post("experiments/search", {"max_results": 1})
                break
            time.sleep(0.1)
        yield port, process


def throughput(report: Report, folder: Path) -> None:
    """Batches of points and searches, in turns with a plain server: other load meets both."""
    for name, goal in GOALS.items():
        place = name.replace(" ", "-")
        with (
            engine(name) as (url, _),
            server(folder, f"plain-{place}") as plain,
            member(folder, place, url) as clustered,
        ):
            _compare(report, f"{name}: log-batch of 100, 16 clients", goal, plain, clustered, _log)
            for port, _ in (plain, clustered):
                _fill_with_runs(Connection(port))
            title = f"{name}: search of {SEARCHED:,} runs, 4 clients"
            _compare(report, title, READ_GOAL, plain, clustered, _search)
            if name == "PostgreSQL":
                _together(report, folder, url, clustered)


def _compare(
    report: Report,
    title: str,
    goal: float,
    plain: tuple[int, int],
    clustered: tuple[int, int],
    work: Callable[[int, int], Load],
) -> None:
    """The same load on a plain server and on one of a cluster, in turns."""
    loads = [(_rested(work, plain), _rested(work, clustered)) for _ in range(report.rounds)]
    for each in (one for pair in loads for one in pair):
        assert not each.problems, each.problems
    ours, theirs = [one for _, one in loads], [one for one, _ in loads]
    least = goal * Samples([each.requests_per_s for each in theirs]).median
    plains = {"plain server": Samples([each.requests_per_s for each in theirs]).median}
    rates = Samples([each.requests_per_s for each in ours])
    report.figure(title, rates, "requests/s", goal=least, peers=plains)
    report.figure(f"{title}, p99", Samples([each.p99_ms for each in ours]), "ms")
    times = {"plain server": Samples([each.cpu_us_per_request for each in theirs]).median}
    report.figure(
        f"{title}, processor time of the server a request",
        Samples([each.cpu_us_per_request for each in ours]),
        "us",
        peers=times,
    )


def _rested(work: Callable[[int, int], Load], server: tuple[int, int]) -> Load:
    time.sleep(REST_S)
    return work(*server)


def _log(port: int, process: int) -> Load:
    return log_batches(port, process, RUN_S)


def _search(port: int, process: int) -> Load:
    return load(port, process, RUN_S, 4, "runs/search", search)


def _fill_with_runs(connection: Connection) -> None:
    point = {"key": "loss", "timestamp": 1, "step": 0}
    for number in range(SEARCHED):
        run = connection.post("runs/create", {"experiment_id": "0"})["run"]["info"]
        sent = {"run_id": run["run_id"], "metrics": [{**point, "value": number}]}
        connection.post("runs/log-batch", sent)


def _together(report: Report, folder: Path, url: str, first: tuple[int, int]) -> None:
    """Two servers with half of the clients each, in turns with one that has all."""
    with member(folder, "second", url) as second:
        alone, together = [], []
        for _ in range(report.rounds):
            alone.append(_rested(_log, first).requests_per_s)
            time.sleep(REST_S)
            rates: list[float] = []

            def run(port: int, process: int, rates: list[float] = rates) -> None:
                done = load(port, process, RUN_S, CLIENTS // 2, "runs/log-batch", batch)
                assert not done.problems, done.problems
                rates.append(done.requests_per_s)

            threads = [threading.Thread(target=run, args=place) for place in (first, second)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            together.append(sum(rates))
    report.figure(
        "PostgreSQL: two servers together, 8 clients each",
        Samples(together),
        "requests/s",
        goal=Samples(alone).median,
        peers={"one server": Samples(alone).median},
    )


def filling(report: Report, folder: Path) -> None:
    """A new server reads a log of points into an empty folder."""
    for name in GOALS:
        with engine(name) as (url, _):
            with member(folder, f"fed-{name.replace(' ', '-')}", url) as (port, process):
                log_batches(port, process, 3 * RUN_S)
            _fill(report, folder, name, url)


def _fill(report: Report, folder: Path, name: str, url: str) -> None:
    rates, costs = [], []
    for number in range(report.rounds):
        log = open_shared_log(url)
        cache = Cache(log, folder / f"fill-{name.replace(' ', '-')}-{number}", source="server")
        began, spent = time.perf_counter(), time.process_time()
        cache.member.catch_up()
        took, cost = time.perf_counter() - began, time.process_time() - spent
        points = cache.store.stats().points
        rates.append(points / took)
        costs.append(cost * 1e6 / points)
        cache.close()
        log.close()
    title = f"{name}: a new server fills itself"
    report.figure(title, Samples(rates), "points/s", goal=FILL_GOAL)
    report.figure(f"{title}, its processor time a million points", Samples(costs), "s")


def failover(report: Report, folder: Path) -> None:
    """How long nothing is written after the leader of three nodes was killed."""
    stalls = []
    with engine("three NATS nodes") as (url, nodes), member(folder, "failover", url) as (port, _):
        assert nodes is not None
        connection = Connection(port)
        run = connection.post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        for number, node in enumerate(nodes.nodes[: report.rounds]):
            node.kill()
            began = time.perf_counter()
            written = 0
            longest = 0.0
            while time.perf_counter() - began < 2 * RESUMED_S and written < 200:
                asked = time.perf_counter()
                sent = {"run_id": run, "key": "k", "value": number, "timestamp": 1, "step": 1}
                with contextlib.suppress(ConnectionError):  # 503: asked again
                    connection.post("runs/log-metric", sent)
                    written += 1
                    longest = max(longest, time.perf_counter() - asked)
            stalls.append(longest)
            node.start()
            time.sleep(3)
    report.figure(
        "a NATS node is killed: the longest wait of a write", Samples(stalls), "s", goal=RESUMED_S
    )


def main() -> None:
    """Measure, print, and compare with the goals."""
    report = Report(__doc__.splitlines()[0])
    with report.folder() as folder:
        throughput(report, folder)
        filling(report, folder)
        failover(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
