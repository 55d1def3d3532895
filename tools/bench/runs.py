"""Whole runs: a script's, and many at once."""

import time
from collections.abc import Callable
from pathlib import Path

from _harness import Report, Samples, disk_bytes
from _limits import commit_ms, fdatasync_ms, put_us
from _peer_driver import METRICS, PARAMS, STEPS, TAGS
from _peers import Peers
from _work import append_runs, new_store

import eventtrack
from eventtrack.store import open_store

BULK_RUNS = 1000
SCRIPTS_A_ROUND = 10
DISK_RUNS = 1000


def script() -> None:
    """A run of 10 params, 5 tags and 5 x 10 points through the fluent API."""
    with eventtrack.start_run():
        eventtrack.log_params(PARAMS)
        eventtrack.set_tags(TAGS)
        _log_points()


def script_of_single_calls() -> None:
    """The same with one call for each param and tag, each durable when it returns."""
    with eventtrack.start_run():
        for key, value in PARAMS.items():
            eventtrack.log_param(key, value)
        for key, value in TAGS.items():
            eventtrack.set_tag(key, value)
        _log_points()


def _log_points() -> None:
    for step in range(STEPS):
        eventtrack.log_metrics(dict.fromkeys(METRICS, 0.25), step)


def times_ms(work: Callable[[], object], rounds: int) -> Samples:
    """The time of one of several in a row, a sample a round."""
    work()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(SCRIPTS_A_ROUND):
            work()
        found.append((time.perf_counter() - began) * 1e3 / SCRIPTS_A_ROUND)
    return Samples(found)


def scripts(report: Report, peers: Peers, folder: Path) -> None:
    """Runs one after another, each until it has ended."""
    sync = report.limit("durable LMDB commit", commit_ms(folder, report.rounds), "ms")
    report.limit("fdatasync of 4 KiB", fdatasync_ms(folder, report.rounds), "ms")
    eventtrack.set_tracking_uri(str(folder / "scripts"))
    eventtrack.set_experiment("bench")
    name = "a script's run, 10 params, 5 tags, 5 x 10 points"
    samples = times_ms(script, report.rounds)
    found = peers.medians("script_ms")
    report.figure(name, samples, "ms", goal=4, limit=sync, peers=found)
    samples = times_ms(script_of_single_calls, report.rounds)
    report.figure(f"{name}; 15 single calls for params and tags", samples, "ms", limit=sync)


def bulk(report: Report, folder: Path) -> None:
    """Many runs in one commit."""
    # A run is 26 rows of the index, 5 series and 8 others, in the views and the log.
    puts = report.limit("39 puts into LMDB", put_us(folder, report.rounds).scaled(39e-3), "ms")
    store = new_store(folder, "bulk")
    experiment_id = store.experiments.create("bench")
    found = []
    for place in range(report.rounds):
        began = time.perf_counter()
        append_runs(store, experiment_id, place * BULK_RUNS, (place + 1) * BULK_RUNS)
        found.append((time.perf_counter() - began) * 1e3 / BULK_RUNS)
    name = f"such a run, {BULK_RUNS:,} in store.batch()"
    report.figure(name, Samples(found), "ms", goal=0.5, limit=puts)


def disk(report: Report, folder: Path) -> None:
    """What runs of scripts take, of a store that holds nothing else."""
    eventtrack.set_tracking_uri(str(folder / "disk"))
    eventtrack.set_experiment("bench")
    for _ in range(DISK_RUNS):
        script()
    store = open_store(folder / "disk")
    store.flush()
    store.catch_up()
    store.close()
    sizes = {part: disk_bytes(folder / "disk" / part) / 1024 for part in ("log", "views")}
    name = f"a script's run on disk, of {DISK_RUNS:,}"
    both = Samples([sum(sizes.values()) / DISK_RUNS])
    report.figure(f"{name}, log and views", both, "KiB", goal=4)
    for part, size in sizes.items():
        report.figure(f"{name}, {part}", Samples([size / DISK_RUNS]), "KiB")


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    peers = Peers(report)
    with report.folder() as folder:
        scripts(report, peers, folder)
        bulk(report, folder)
        disk(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
