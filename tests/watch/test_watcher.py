"""The watcher sees what other processes append, at once, and nobody depends on it."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from eventtrack.errors import EventtrackWarning
from eventtrack.store import Store, open_store
from eventtrack.watch import watch, watcher

# Seconds after which a commit that was not seen never will be: only slow machines come near.
PATIENCE_S = 20.0
COMMITS = 300


def append_when_told(folder: Path, run_id: str, pipe: Connection) -> None:
    """Another process: one commit for each message, answered with the log's head after it."""
    store = open_store(folder)
    while (message := pipe.recv()) is not None:
        store.runs.set_tags(run_id, {"at": message})
        pipe.send(store.events.head())
    store.close()


class Watching:
    """A watcher on a thread of its own, and the heads that it has yielded."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.heads: list[int] = []
        self.stop = threading.Event()
        self._changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        for head in watch(self.store, stop=self.stop):
            with self._changed:
                self.heads.append(head)
                self._changed.notify_all()

    def sees(self, head: int, patience_s: float = PATIENCE_S) -> bool:
        """Whether the watcher comes to a head within some seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: bool(self.heads) and self.heads[-1] >= head, patience_s
            )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def run_id(store: Store) -> str:
    return store.runs.create("0").info.run_id


@pytest.fixture
def other(store: Store, run_id: str) -> Iterator[Callable[[str], int]]:
    """Another process that commits when it is called, and returns the head it then sees."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=append_when_told, args=(store.path, run_id, there))
    process.start()

    def append(value: str) -> int:
        here.send(value)
        assert here.poll(PATIENCE_S)
        head: int = here.recv()
        return head

    yield append
    here.send(None)
    process.join(PATIENCE_S)
    assert process.exitcode == 0


@pytest.fixture
def watching(store: Store) -> Iterator[Watching]:
    watching = Watching(store)
    yield watching
    watching.stop.set()
    watching.thread.join(PATIENCE_S)
    assert not watching.thread.is_alive(), "the stop event did not end it"


def test_each_of_300_commits_of_another_process_is_seen_by_its_own_wake_up(
    monkeypatch: pytest.MonkeyPatch, store: Store, other: Callable[[str], int]
) -> None:
    """A file changes before its commit can be seen: looking once per wake-up misses commits.

    Without the look once a second a missed commit would never be seen, since the next one waits.
    """
    monkeypatch.setattr(watcher, "_IDLE_MS", 10_000_000)
    watching = Watching(store)
    try:
        for number in range(COMMITS):
            head = other(str(number))
            assert watching.sees(head), f"commit {number} was missed"
    finally:
        watching.stop.set()
        store.runs.create("0")  # wakes the watcher, which then sees the stop event
        watching.thread.join(PATIENCE_S)


def test_the_views_are_current_when_a_head_is_yielded(
    store: Store, run_id: str, other: Callable[[str], int]
) -> None:
    head, stop = other("first"), threading.Event()
    for seen in watch(store, stop=stop):
        if seen >= head:
            # Read without a catch-up: only the watcher can have folded it.
            engine = store._engine
            with engine.views._current().read() as reader:
                run = reader.run(run_id)
                assert run is not None
                assert run.live_tags()["at"] == "first"
            stop.set()


def test_what_is_there_already_is_yielded_at_once(watching: Watching, store: Store) -> None:
    assert watching.sees(store.events.head())


def test_where_files_cannot_be_watched_it_warns_and_looks(
    monkeypatch: pytest.MonkeyPatch, store: Store, other: Callable[[str], int]
) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise OSError("no inotify watches left")

    monkeypatch.setattr(watchfiles, "watch", refuse)
    stop = threading.Event()

    def until_seen() -> None:
        expected = 0
        for seen in watch(store, stop=stop):
            if not expected:
                expected = other("later")
            if seen >= expected:
                stop.set()

    with pytest.warns(EventtrackWarning, match="no inotify watches left; looking every 20 ms"):
        until_seen()


def test_a_query_is_right_without_a_watcher(
    store: Store, run_id: str, other: Callable[[str], int]
) -> None:
    for number in range(20):
        other(str(number))
        assert store.runs.get(run_id).data.tags["at"] == str(number)


def test_a_query_is_right_beside_a_watcher_that_died(
    watching: Watching, store: Store, run_id: str, other: Callable[[str], int]
) -> None:
    assert watching.sees(other("before"))
    watching.stop.set()
    watching.thread.join(PATIENCE_S)
    other("after")
    assert store.runs.get(run_id).data.tags["at"] == "after"
