"""Moments: the store as it was, asked first and again beside it, against only decoding the log."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from _harness import Report, Samples, run_python, seconds
from _peer_driver import METRICS, PARAMS, STEPS, TAGS
from replay import decode, read_log

from eventtrack.clock import ManualClock
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.store import Store

EVENTS, EVENTS_MANY = 100_000, 1_000_000
EVENTS_A_RUN = 5  # of the small ones
TRAINING_STEPS = 4_000
# Trainings that go on at the same time: at any moment so many are half done.
AT_ONCE = 8
NOW_MS = 1_700_000_000_000
FIRST_MAX_S, NEIGHBOUR_MAX_S = 2.0, 0.1

# In a process of its own: what a first and two neighbouring questions take, without its start.
_ASK = """
import sys, time
from eventtrack.store import open_store
store = open_store(sys.argv[1], create=False)
store.catch_up()
for moment in sys.argv[2:]:
    began = time.perf_counter()
    with store.at(moment) as then:
        found = then.runs.search(["0"], max_results=50)
        found and then.runs.get(found[0].info.run_id)
    print(time.perf_counter() - began)
"""


def small_runs(events: int) -> Iterator[Draft]:
    """Runs of 10 params, 5 tags and 5 x 10 points, one after the other."""
    for place in range(events // EVENTS_A_RUN):
        stream, start_ms = f"run/{place:032x}", NOW_MS + 1000 * place
        yield Draft.of(stream, types.RunStarted("0", f"run-{place}", "ada", start_ms, dict(TAGS)))
        points = types.MetricsLogged(
            [key for key in METRICS for _ in range(STEPS)],
            [1 / (1 + step + place) for _ in METRICS for step in range(STEPS)],
            [step for _ in METRICS for step in range(STEPS)],
            [start_ms + step for _ in METRICS for step in range(STEPS)],
        )
        params = types.ParamsLogged(dict(PARAMS))
        yield Draft.of(stream, params, points, types.TagsSet({"stage": str(place)}))
        yield Draft.of(stream, types.RunUpdated("FINISHED", start_ms + 900))


def trainings(events: int) -> Iterator[Draft]:
    """Runs that log 5 metrics step by step, several at the same time."""
    steps = min(TRAINING_STEPS, events // AT_ONCE)
    for first in range(0, events // steps, AT_ONCE):
        places = range(first, first + AT_ONCE)
        for place in places:
            start = types.RunStarted("0", f"run-{place}", "ada", NOW_MS + place, dict(TAGS))
            yield Draft.of(f"run/{place:032x}", start, types.ParamsLogged(dict(PARAMS)))
        for step in range(0, steps, 50):
            for place in places:
                rows = [
                    types.MetricsLogged(list(METRICS), [1 / (1 + one)] * 5, one, NOW_MS + one)
                    for one in range(step, step + 50)
                ]
                yield Draft.of(f"run/{place:032x}", *rows)
        for place in places:
            yield Draft.of(f"run/{place:032x}", types.RunUpdated("FINISHED", NOW_MS))


def tagged(events: int) -> Iterator[Draft]:
    """Small runs, and then a tag for each of them: of every earlier moment all has changed."""
    yield from small_runs(events)
    for place in range(events // EVENTS_A_RUN):
        yield Draft.of(f"run/{place:032x}", types.TagsSet({"reviewed": "yes"}))


def merged(folder: Path, events: int) -> Store:
    """Small runs of a machine here, which two others got and tagged later; all of it here."""
    store = store_of(folder / "here", small_runs(events))
    others = [
        store_of(
            folder / f"other {place}",
            (
                Draft.of(f"run/{one:032x}", types.TagsSet({"reviewed": "yes"}))
                for one in range(place, events // EVENTS_A_RUN, 2)
            ),
            start_ms=NOW_MS + events,
        )
        for place in (0, 1)
    ]
    logs, seen = [other._engine.log for other in others], [0, 0]  # noqa: SLF001 - as a sync would
    while any(place < log.head() for place, log in zip(seen, logs, strict=True)):
        for number, log in enumerate(logs):
            with store._engine.log.begin() as transaction:  # noqa: SLF001 - see above
                for envelope in log.read(seen[number], 5_000):
                    transaction.append_foreign(envelope.data)
                    seen[number] = envelope.position
    for other in others:
        other.close()
    store.catch_up()
    return store


def store_of(folder: Path, drafts: Iterator[Draft], start_ms: int = NOW_MS) -> Store:
    """A store with these in its log, recorded a millisecond after each other; views folded."""
    clock = ManualClock(start_ms)
    store = Store(folder, clock=clock)
    log, session = store._engine.log, store._engine.session  # noqa: SLF001 - past the decisions
    more = True
    while more:
        with log.begin() as transaction:
            for _ in range(10_000):
                draft = next(drafts, None)
                if draft is None:
                    more = False
                    break
                clock.advance(1)
                transaction.append(draft, session)
    store.catch_up()
    return store


def moments(report: Report, name: str, store: Store) -> None:
    """One log: what a moment in its middle costs, by position and by time, and beside it."""
    folder = store.path
    envelopes = read_log(store)
    events = decode(envelopes)
    limit = report.limit(
        f"decoding {name}", Samples([seconds(lambda: decode(envelopes))]).scaled(1e3), "ms"
    )
    head = store.events.head()
    store.close()
    middle, step = head // 2, max(1, head // 1000)
    time_ms = NOW_MS + middle
    ask: list[tuple[str, Callable[[int], str], int, int]] = [
        ("position", str, middle, step),
        ("time", lambda ms: datetime.fromtimestamp(ms / 1000, UTC).isoformat(), time_ms, step),
    ]
    title = f"{name}, {events:,} events"
    for kind, text, at, beside in ask:
        asked = [text(one) for one in (at, at + beside, at - beside)]
        rounds = [answers(folder, asked) for _ in range(3)]
        first = Samples([one[0] for one in rounds]).scaled(1e3)
        report.figure(
            f"first moment by {kind}, {title}", first, "ms", goal=FIRST_MAX_S * 1e3, limit=limit
        )
        again = Samples([taken for one in rounds for taken in one[1:]]).scaled(1e3)
        report.figure(
            f"beside it by {kind}, {title}", again, "ms", goal=NEIGHBOUR_MAX_S * 1e3, limit=limit
        )
    asked = [text(middle + step) for text in (str,)]
    new = [answers(folder, asked)[0] for _ in range(3)]
    report.figure(
        f"beside it in a new process, {title}",
        Samples(new).scaled(1e3),
        "ms",
        goal=NEIGHBOUR_MAX_S * 1e3,
    )
    differences(report, title, folder, middle, step)


def answers(folder: Path, asked: list[str]) -> list[float]:
    """Seconds that each question took, in a new process."""
    return [float(line) for line in run_python("-c", _ASK, str(folder), *asked).split()]


def differences(report: Report, title: str, folder: Path, middle: int, step: int) -> None:
    """What differs between two moments a thousandth of the log apart."""
    store = Store(folder, create=False)
    taken = [seconds(lambda: store.history.diff(str(middle), str(middle + step))) for _ in range(3)]
    report.figure(f"difference of a thousandth, {title}", Samples(taken).scaled(1e3), "ms")
    store.close()


def main() -> None:
    """All of it."""
    report = Report(
        __doc__.splitlines()[0], {"--many": f"{EVENTS_MANY:,} events of each kind, minutes"}
    )
    events = EVENTS_MANY if report.options.many else EVENTS
    with report.folder() as folder:
        moments(report, "small runs", store_of(folder / "runs", small_runs(events)))
        moments(report, "small runs, all tagged since", store_of(folder / "tag", tagged(events)))
        moments(report, "the same, tagged on two other machines", merged(folder / "all", events))
        moments(report, "trainings", store_of(folder / "trainings", trainings(events)))
    report.finish()


if __name__ == "__main__":
    main()
