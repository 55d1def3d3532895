"""Sessions: who wrote, as every event names them."""

import os
from contextvars import copy_context
from pathlib import Path

import pytest

from eventtrack._version import __version__
from eventtrack.audit.account import account_of
from eventtrack.cli.resolve import find_session
from eventtrack.clock import ManualClock
from eventtrack.errors import NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.projections.tables import Reader
from eventtrack.store import Store
from eventtrack.store.session import AUTHOR, git_commit
from eventtrack.web import past
from tests.store.machines import exchange, refused

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_session_says_who_where_and_with_what(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(COMMIT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setattr("sys.argv", ["train.py"])
    store = Store(tmp_path / "store", source="cli", clock=clock, ids=SeededIds("who"))
    (session,) = store.sessions.list()
    assert (session.user, session.host, session.pid) == ("ada", os.uname().nodename, os.getpid())
    assert (session.program, session.cwd) == (str(tmp_path / "train.py"), str(tmp_path))
    assert (session.git_commit, session.source) == (COMMIT, "cli")
    assert (session.version, session.opened_ms) == (__version__, clock.now_ms())
    store.close()


def test_every_event_names_a_session_that_is_known(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 1.0)
    for event in store.events.read():
        assert store.sessions.get(event.session).session_id == event.session


def test_a_session_is_opened_once_and_only_by_a_writer(
    store: Store, run_id: str, clock: ManualClock
) -> None:
    store.runs.set_tags(run_id, {"t": 1})
    assert len(store.sessions.list()) == 1
    store.close()
    reader = Store(store.path, clock=clock, ids=SeededIds("reader"))
    reader.runs.get(run_id)
    assert len(reader.sessions.list()) == 1
    reader.runs.set_tags(run_id, {"t": 2})
    assert len(reader.sessions.list()) == 2
    reader.close()


def test_sessions_stand_in_the_order_in_which_they_came(store: Store, other: Store) -> None:
    other.runs.create("0")
    exchange(store, other)
    mine, theirs = store.sessions.list()
    assert mine.position < theirs.position
    assert {one.session_id for one in other.sessions.list()} == {mine.session_id, theirs.session_id}


def test_a_few_sessions_are_read_without_the_others(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store has a session for each script that ever ran: pages and blame read their authors."""
    run_id = other.runs.create("0").info.run_id
    exchange(store, other)
    mine, theirs = store.sessions.list()
    monkeypatch.setattr(Reader, "sessions", lambda _: pytest.fail("it read every session"))
    unknown = "00" * 16
    assert store.sessions.of([theirs.session_id, unknown]) == {theirs.session_id: theirs}
    assert store.sessions.starting_with(mine.session_id[:9]) == [mine]
    assert store.sessions.starting_with("no id") == []
    assert all(line.session == theirs for line in store.history.blame(run_id))
    entries = past.history(store, run_id, 10)["entries"]
    assert all(entry["author"]["pid"] == theirs.pid for entry in entries)
    assert all(event["author"] for event in past.log(store, None, 100, None, None)["events"])
    assert find_session(store, mine.session_id[:9]) == mine
    assert account_of(store, run_id, 0).authors == [theirs]


@pytest.mark.parametrize("session_id", ["", "zz", "00" * 16, "ab" * 600, None])
def test_an_unknown_session_is_not_found(store: Store, session_id: str) -> None:
    with refused(store, NotFoundError, "there is no session"):
        store.sessions.get(session_id)


def test_a_worktree_s_git_file_may_be_relative(tmp_path: Path) -> None:
    own = tmp_path / "repository" / ".git" / "worktrees" / "tree"
    own.mkdir(parents=True)
    (own / "HEAD").write_text(COMMIT)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").write_text("gitdir: ../repository/.git/worktrees/tree\n")
    assert git_commit(tmp_path / "tree") == COMMIT


def test_a_worktree_finds_a_packed_branch_in_its_repository(tmp_path: Path) -> None:
    git = tmp_path / "repository" / ".git"
    own = git / "worktrees" / "tree"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/topic\n")
    (own / "commondir").write_text("../..\n")
    (git / "packed-refs").write_text(f"{COMMIT} refs/heads/topic\n^{'e' * 40}\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / ".git").write_text(f"gitdir: {own}")
    assert git_commit(tmp_path / "tree") == COMMIT


def test_a_loose_branch_counts_before_a_packed_one(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text(COMMIT)
    (git / "packed-refs").write_text(f"{'f' * 40} refs/heads/main\n")
    assert git_commit(tmp_path) == COMMIT


@pytest.mark.parametrize("head", ["", "ref: ", "ref: refs/heads/none", "ref: ../../etc/passwd"])
def test_a_head_that_leads_nowhere_is_no_commit(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert git_commit(tmp_path) is None


def test_what_is_changed_for_others_is_recorded_under_their_names(
    store: Store, run_id: str
) -> None:
    """Each has one session, in a batch too; points through the journal are the process's own."""
    own = store.sessions.list()[0].session_id

    def change(author: str, tag: str) -> None:
        AUTHOR.set(author)
        store.runs.set_tags(run_id, {tag: 1})

    with store.batch():
        for number in range(6):
            copy_context().run(change, f"author-{number % 2}", f"t{number}")
        store.runs.set_tags(run_id, {"mine": 1})
    context = copy_context()
    context.run(AUTHOR.set, "somebody")
    context.run(store.metrics.sink(run_id).log, "m", 1.0)
    names = {one.session_id: one.user for one in store.sessions.list() if one.session_id != own}
    assert sorted(names.values()) == ["author-0", "author-1"]
    for line in store.history.blame(run_id):
        place = line.fact.removeprefix("tag.t")
        user = f"author-{int(place) % 2}" if place.isdecimal() else None
        assert names.get(line.event.session) == user, line


def test_a_batch_that_fails_leaves_no_session_of_an_author(store: Store, run_id: str) -> None:
    def change(end: float) -> float:
        AUTHOR.set("ada")
        store.runs.set_tags(run_id, {"t": 1})
        return 1 / end

    context = copy_context()
    with pytest.raises(ZeroDivisionError), store.batch():
        context.run(change, 0)
    assert "ada" not in [one.user for one in store.sessions.list()]
    context.run(change, 1)
    assert [one.user for one in store.sessions.list()][1:] == ["ada"]
