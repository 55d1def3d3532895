"""Text and histograms over steps: what a call costs, what reading them back costs, and growth."""

import time
from collections.abc import Callable
from pathlib import Path

from _harness import Report, Samples, disk_bytes

import eventtrack
from eventtrack.store import Store, open_store

LINES, HISTOGRAMS, BINS = 100_000, 10_000, 64
CALL_US, READ_MS = 5.0, 100.0


def spent(work: Callable[[], object]) -> float:
    """Processor time of this thread in seconds: other programs do not count."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def lines() -> list[str]:
    """What a training prints, some 60 characters a line."""
    return [
        f"epoch {place} loss {1 / (place + 1):.6f} seen {place * 8192}" for place in range(LINES)
    ]


def texts(report: Report, store: Store) -> None:
    """Lines one by one, lines at once, and reads of them."""
    rounds = [_texts(store) for _ in range(report.rounds)]
    metric, single, fluent, at_once, folded, read, tail = map(
        Samples, map(list, zip(*rounds, strict=True))
    )
    count = f"{LINES:,} lines"
    report.figure("metric sink.log, of as many calls", metric.scaled(1e6), "us")
    report.figure(f"items sink.text, of {count}", single.scaled(1e6), "us", goal=CALL_US)
    report.figure(f"log_text_line, of {count}", fluent.scaled(1e6), "us", goal=CALL_US)
    report.figure("items sink.texts, a line", at_once.scaled(1e6), "us")
    report.figure("fold into the views, a line", folded.scaled(1e6), "us")
    report.figure(f"read of {count}", read.scaled(1e3), "ms", goal=READ_MS)
    report.figure(f"read of the last 100 of {count}", tail.scaled(1e3), "ms")


def _texts(store: Store) -> tuple[float, ...]:
    """Seconds of each part of one round; of calls, for each call."""
    printed = lines()
    with eventtrack.start_run() as run:
        run_id = run.info.run_id
        sink, log = store.items.sink(run_id), store.metrics.sink(run_id).log
        write = eventtrack.log_text_line
        metric = spent(lambda: [log("loss", 0.5, step) for step in range(LINES)])
        text: Callable[[str, str], object] = sink.text
        single = spent(lambda: [text("log", line) for line in printed])
        fluent = spent(lambda: [write(line, "fluent") for line in printed])
        at_once = spent(lambda: sink.texts("console", printed))
        store.flush()
        folded = spent(lambda: store.items.list(run_id)) / 3
        read = spent(lambda: store.items.read(run_id, "log"))
        tail = spent(lambda: store.items.read(run_id, "console", start=-100))
    calls = (taken / LINES for taken in (metric, single, fluent, at_once, folded))
    return *calls, read, tail


def histograms(report: Report, store: Store) -> None:
    """Histograms that are counted already, and reads of them."""
    rounds = [_histograms(store) for _ in range(report.rounds)]
    metric, counted, measured, uneven, read = map(Samples, map(list, zip(*rounds, strict=True)))
    title = f"{HISTOGRAMS:,} histograms of {BINS} stretches"
    report.figure("metric sink.log, of as many calls", metric.scaled(1e6), "us")
    report.figure(f"sink.histogram, of {title}", counted.scaled(1e6), "us", goal=CALL_US)
    report.figure("the same with counts as floats", measured.scaled(1e6), "us", goal=CALL_US)
    report.figure("the same with uneven edges", uneven.scaled(1e6), "us", goal=CALL_US)
    report.figure(f"read of {title}", read.scaled(1e3), "ms", goal=READ_MS)


def _histograms(store: Store) -> tuple[float, ...]:
    """Seconds of a call of a metric, of calls of three kinds, and of reading all of one kind."""
    even = [place / BINS for place in range(BINS + 1)]
    uneven = [place**2 / BINS for place in range(BINS + 1)]
    whole = list(range(BINS))
    run_id = store.runs.create("0").info.run_id
    log, log_metric = store.items.sink(run_id).histogram, store.metrics.sink(run_id).log
    steps = range(HISTOGRAMS)
    metric = spent(lambda: [log_metric("loss", 0.5, step) for step in steps])
    counted = spent(lambda: [log("weights", even, whole, step) for step in steps])
    floats = list(map(float, whole))
    measured = spent(lambda: [log("floats", even, floats, step) for step in steps])
    other = spent(lambda: [log("uneven", uneven, whole, step) for step in steps])
    store.flush()
    store.items.list(run_id)
    calls = (taken / HISTOGRAMS for taken in (metric, counted, measured, other))
    return *calls, spent(lambda: store.items.read(run_id, "weights"))


def growth(report: Report, folder: Path) -> None:
    """Bytes a line on disk: printed a line at a time, each folded before the next."""
    store = Store(folder)
    run_id = store.runs.create("0").info.run_id
    sink = store.items.sink(run_id)
    sink.texts("console", lines(), source="stdout")
    store.flush()
    store.items.list(run_id)
    sizes = {part: disk_bytes(store.path / part) for part in ("log", "views")}
    few = 1000
    for place in range(few):
        sink.text("console", f"epoch {place} loss 0.5 seen 0", source="stdout")
        store.items.list(run_id)
    for part, size in sizes.items():
        report.figure(f"{LINES:,} lines at once, {part}", Samples([size / LINES]), "bytes/line")
        grown = (disk_bytes(store.path / part) - size) / few
        report.figure(
            f"then {few:,} lines, each read at once, {part}", Samples([grown]), "bytes/line"
        )
    store.close()


def main() -> None:
    """Measure and report."""
    report = Report(__doc__.splitlines()[0] if __doc__ else "")
    with report.folder() as folder:
        eventtrack.set_tracking_uri(str(folder / "store"))
        store = open_store(folder / "store")
        texts(report, store)
        histograms(report, store)
        growth(report, folder / "growth")
    report.note("processor time of the calling thread")
    report.finish()


if __name__ == "__main__":
    main()
