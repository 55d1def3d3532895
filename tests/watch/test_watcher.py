"""The watcher sees every commit of every process, and nothing depends on it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackWarning
from eventtrack.store import Store, open_store
from eventtrack.watch import watch, watcher
from tests.crash import workers
from tests.crash.workers import opened

EVENTS = 300


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a run of id b..."""
    with opened(tmp_path / "store") as one:
        one.runs.create("0", run_id="b" * 32)
        yield one


class Watching:
    """A thread that watches, and what it yielded."""

    def __init__(self, store: Store) -> None:
        self.stop = threading.Event()
        self.heads: list[int] = []
        self.seen_at: dict[str, float] = {}
        self._store = store
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for head in watch(self._store, stop=self.stop):
            self.heads.append(head)
            # What a page would read: the views as they are, without a look at the log.
            build = self._store._engine.views._build
            assert build is not None
            with build.read() as reader:
                run = reader.run("b" * 32)
            if run is not None and "n" in run.live_tags():
                self.seen_at.setdefault(run.live_tags()["n"], time.time())

    def finish(self) -> None:
        """Stop it, and see that it ends."""
        self.stop.set()
        self._thread.join(workers.PATIENCE_S)
        assert not self._thread.is_alive()


def append(path: Path, count: int, pause_s: float, notes: Path) -> None:
    """Append one event after the other; note when each was done."""
    store = open_store(path)
    with notes.open("w") as file:
        for number in range(count):
            store.runs.set_tags("b" * 32, {"n": number})
            file.write(f"{time.time()}\n")
            time.sleep(pause_s)


@pytest.mark.slow
def test_views_follow_another_process(store: Store, tmp_path: Path) -> None:
    """One at a time: each commit is seen before the next one could be the wake-up for it.

    On a quiet machine 95 of 100 are seen within 100 ms. This bound is for a busy one.
    """
    watching = Watching(store)
    notes = tmp_path / "notes"
    workers.until(lambda: watching.heads)
    workers.finish(workers.start(append, store.path, 40, 0.03, notes))
    workers.until(lambda: "39" in watching.seen_at)
    watching.finish()
    done_at = [float(line) for line in notes.read_text().split()]
    delays = [watching.seen_at.get(str(n), done_at[-1]) - at for n, at in enumerate(done_at)]
    assert sorted(delays)[len(delays) // 2] < 2.0


@pytest.mark.slow
def test_every_one_of_300_commits_is_counted(store: Store, tmp_path: Path) -> None:
    """LMDB changes the file before a commit can be read: who looks once a wake-up misses many."""
    watching = Watching(store)
    workers.until(lambda: watching.heads)
    before = store.events.head()
    workers.finish(workers.start(append, store.path, EVENTS, 0.0, tmp_path / "notes"))
    workers.until(lambda: str(EVENTS - 1) in watching.seen_at)
    watching.finish()
    assert watching.heads == sorted(watching.heads)
    assert len(set(watching.heads)) == len(watching.heads)
    assert watching.heads[-1] == before + EVENTS + 1  # and the session of the other process
    assert watching.heads[-1] == store.events.head()


def test_whenever_the_count_moves_there_is_something_to_read(store: Store, tmp_path: Path) -> None:
    """A naive reader takes the file's own number, which moves before the commit can be read."""
    process = workers.start(append, store.path, EVENTS, 0.0, tmp_path / "notes")
    log = store._engine.log
    before = log.head() - log.change_count()
    while process.is_alive():
        counted = log.change_count()
        assert log.head() >= counted + before
    workers.finish(process)


def test_it_yields_at_once_what_is_there_and_ends_when_told(store: Store) -> None:
    stop = threading.Event()
    heads = watch(store, stop=stop)
    assert next(heads) == store.events.head()
    stop.set()
    assert next(heads, None) is None


def test_it_is_told_to_stop_while_it_sleeps(store: Store) -> None:
    watching = Watching(store)
    workers.until(lambda: watching.heads)
    watching.finish()


@pytest.mark.parametrize("error", [OSError("no watches left"), RuntimeError("no inotify")])
def test_without_file_events_it_warns_and_looks_again_and_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(watcher, "RustNotify", fail)
    stop = threading.Event()
    seen: list[int] = []
    process = workers.start(append, store.path, 20, 0.001, tmp_path / "notes")

    def see_all() -> None:
        for head in watch(store, stop=stop):
            seen.append(head)
            if store.runs.get("b" * 32).data.tags.get("n") == "19":
                stop.set()

    with pytest.warns(EventtrackWarning, match="looking every 20 ms"):
        see_all()
    workers.finish(process)
    assert seen == sorted(set(seen))


def test_a_dead_watcher_makes_no_query_wrong(store: Store, tmp_path: Path) -> None:
    watching = Watching(store)
    workers.until(lambda: watching.heads)
    watching.finish()
    for number in range(3):
        workers.finish(workers.start(append, store.path, number + 1, 0.0, tmp_path / "notes"))
        assert store.runs.get("b" * 32).data.tags["n"] == str(number)


def leave_in_journal(path: Path) -> None:
    """Log a point that nothing drains, and die at once."""
    workers.shrink(drain_ms=10**7)
    store = open_store(path)
    store.metrics.log("b" * 32, "left", 1.0)


def test_what_a_dead_process_left_is_found_without_any_event(store: Store) -> None:
    """Nobody commits when a process is killed, so no file changes."""
    watching = Watching(store)
    workers.until(lambda: watching.heads)
    process = workers.start(workers.kill_after, leave_in_journal, store.path)
    process.join(workers.PATIENCE_S)
    found = "run.metric_logged"
    log = store._engine.log

    def is_there() -> bool:
        envelopes = log.read(0, 10_000)
        return any(found in str(envelope.payload) for envelope in envelopes)

    workers.until(is_there)
    watching.finish()


def test_two_watchers_and_a_follower_see_the_same(store: Store, tmp_path: Path) -> None:
    watchers = [Watching(store), Watching(store)]
    stop = threading.Event()
    seen: list[str] = []

    def follow() -> None:
        events = store.events.follow(store.events.head(), stop=stop)
        seen.extend(event.body["tags"]["n"] for event in events if event.type == "run.tags_set")

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    workers.until(lambda: all(one.heads for one in watchers))
    workers.finish(workers.start(append, store.path, 30, 0.0, tmp_path / "notes"))
    workers.until(lambda: len(seen) >= 30)
    workers.until(lambda: all("29" in one.seen_at for one in watchers))
    stop.set()
    thread.join(workers.PATIENCE_S)
    assert seen == [str(number) for number in range(30)]
    for one in watchers:
        one.finish()
