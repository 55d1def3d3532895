"""Servers that share a log decide as one server would, and hold the same."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest

from eventtrack.cluster import member
from eventtrack.errors import (
    AlreadyExistsError,
    EventtrackError,
    InvalidValueError,
    NotFoundError,
    RemoteUnavailableError,
    VerificationError,
)
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.memory import Shelf
from eventtrack.store import Store
from eventtrack.views.records import Metric
from tests.cluster.servers import Server, Start, down, lost

POINTS = [Metric(key="loss", value=0.5, timestamp=1, step=step) for step in range(3)]


def record_points(store: Store, run_id: str) -> None:
    """Log points as the server does."""
    [refused] = store.metrics.record([store.metrics.prepare(run_id, POINTS)])
    if refused is not None:
        raise refused


def test_every_server_has_the_first_experiment_once(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    assert [found.experiment_id for found in ada.store.experiments.search()] == ["0"]
    assert ada.digest() == ben.digest()


def test_a_run_of_one_server_is_on_the_others(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    run_id = ada.store.runs.create("0", run_name="first").info.run_id
    record_points(ada.store, run_id)
    ben.catch_up()
    assert ben.store.runs.get(run_id).data.metrics == {"loss": 0.5}
    record_points(ben.store, run_id)
    ben.store.runs.set_tags(run_id, {"by": "ben"})
    assert ada.catch_up().store.runs.get(run_id).data.tags["by"] == "ben"
    assert ada.digest() == ben.digest()


def test_of_two_servers_one_gets_a_name(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    ada.store.experiments.create("vision")
    with pytest.raises(AlreadyExistsError):
        ben.store.experiments.create("vision")  # it has not heard of the other yet
    assert ada.digest() == ben.digest()


def test_a_param_keeps_its_first_value(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    run_id = ada.store.runs.create("0").info.run_id
    ben.catch_up()
    ada.store.runs.log_params(run_id, {"lr": "0.1"})
    with pytest.raises(InvalidValueError, match="already logged"):
        ben.store.runs.log_params(run_id, {"lr": "0.2"})


def test_nothing_is_logged_to_what_was_deleted_before(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    run_id = ada.store.runs.create("0").info.run_id
    record_points(ben.catch_up().store, run_id)
    ada.store.runs.delete(run_id)
    ben.catch_up()  # as each request does
    with pytest.raises(InvalidValueError, match="deleted"):
        record_points(ben.store, run_id)


def test_points_of_several_servers_are_in_nobodys_way(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    run_id = ada.store.runs.create("0").info.run_id
    for server in (ada, ben):
        record_points(server.catch_up().store, run_id)  # the first of a run are a decision
    ada.catch_up()
    ada.log.appends = ben.log.appends = 0
    for _ in range(5):
        record_points(ada.store, run_id)
        record_points(ben.store, run_id)
    assert (ada.log.appends, ben.log.appends) == (5, 5)
    ada.store.runs.set_tags(run_id, {"after": "points"})  # no decision stands in its way
    assert ada.log.appends == 6
    assert ada.digest() == ben.digest()


def test_servers_that_race_answer_as_one_server(start: Start) -> None:
    servers = [start(name) for name in ("ada", "ben", "eve")]
    barrier = threading.Barrier(6)

    def work(number: int) -> list[object]:
        store, answers = servers[number % 3].store, list[object]()
        for turn in range(5):
            barrier.wait()
            try:
                answers.append(store.experiments.create(f"name {turn}"))
            except EventtrackError as error:
                answers.append(type(error))
        return answers

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(work, range(6)))
    for turn in range(5):
        given = [answer[turn] for answer in answers]
        assert given.count(AlreadyExistsError) == 5, given
    assert len({server.digest() for server in servers}) == 1


def test_versions_of_a_model_are_counted_once(start: Start) -> None:
    servers = [start(name) for name in ("ada", "ben")]
    servers[0].store.registry.create("m")
    servers[1].catch_up()

    def work(number: int) -> list[int]:
        create = servers[number % 2].store.registry.create_version
        return [int(create("m", "s3://somewhere").version) for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        versions = sorted(chain.from_iterable(pool.map(work, range(4))))
    assert versions == list(range(1, 21))


def test_a_batch_that_was_overtaken_is_decided_again(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    ben.store.experiments.create("taken")
    attempts: list[bool] = []

    def work() -> None:
        ada.store.experiments.create("free")
        try:
            ada.store.experiments.create("taken")
            attempts.append(True)
        except AlreadyExistsError:
            attempts.append(False)

    ada.store.batched(work)
    assert attempts == [True, False]  # the first was undone, with all that it made
    assert [found.name for found in ada.store.experiments.search()].count("free") == 1
    assert ada.digest() == ben.digest()


class TestUnknownOutcomes:
    """The connection breaks after the engine has the block, or before."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(member, "PATIENCE_S", 0.2)
        monkeypatch.setattr(member, "_RETRY_S", 0.01)

    def test_a_lost_answer_is_asked_for_again(self, start: Start) -> None:
        ada, ben = start("ada"), start("ben")
        lose = [lost]
        ada.log.after_append = lambda: lose and lose.pop()()
        run_id = ada.store.runs.create("0", run_name="once").info.run_id
        assert [run.info.run_id for run in ben.catch_up().store.runs.search(["0"])] == [run_id]
        assert ada.digest() == ben.digest()

    @pytest.mark.parametrize("sent", [True, False])
    def test_a_change_without_an_answer_is_not_here(self, start: Start, sent: bool) -> None:
        ada, ben = start("ada"), start("ben")
        ada.log.before_append = down if not sent else ada.log.before_append
        ada.log.after_append = lost if sent else ada.log.after_append
        with pytest.raises(RemoteUnavailableError) as caught:
            ada.store.experiments.create("maybe")
        assert caught.value.sent is sent
        assert ada.store.experiments.get_by_name("maybe") is None
        ada.log.before_append = ada.log.after_append = lambda: None
        # The shared log knows. Whatever it says, all say the same, and the server goes on.
        names = {found.name for found in ada.catch_up().store.experiments.search()}
        assert ("maybe" in names) is sent
        ada.store.experiments.create("next")
        ada.log.before_append = down
        assert ada.digest() == ben.digest()
        assert not ada.store.feeds.forks()

    def test_a_block_that_appears_late_makes_no_fork(self, start: Start, shelf: Shelf) -> None:
        ada, ben = start("ada"), start("ben")
        late: list[Block] = []
        append = ada.log.append

        def swallow(block: Block, *, last: int, **_: object) -> int:
            late.append(block)
            raise RemoteUnavailableError("no answer", sent=True)

        ada.log.append = swallow  # type: ignore[method-assign]
        with pytest.raises(RemoteUnavailableError):
            ada.store.experiments.create("late")
        ada.log.append = append  # type: ignore[method-assign]
        ada.store.experiments.create("next")
        tail = ben.log.tail(late[0].header.replica)
        ben.log.append(late[0], last=0 if tail is None else tail.place)
        assert ada.digest() == ben.digest()
        assert not ada.store.feeds.forks()
        assert {"late", "next"} <= {found.name for found in ada.store.experiments.search()}


class TestCaches:
    def test_an_empty_folder_fills_itself(self, start: Start) -> None:
        ada = start("ada")
        run_id = ada.store.runs.create("0").info.run_id
        for _ in range(20):
            record_points(ada.store, run_id)
        assert start("ben").digest() == ada.digest()

    def test_a_copied_folder_writes_a_feed_of_its_own(
        self, start: Start, tmp_path: Path, shelf: Shelf
    ) -> None:
        import shutil

        ada = start("ada")
        ada.cache.store.sync()
        shutil.copytree(tmp_path / "ada", tmp_path / "ben")
        ben = start("ben")
        ada.store.experiments.create("from ada")
        ben.store.experiments.create("from ben")
        assert ada.digest() == ben.digest()
        assert not ben.store.feeds.forks()

    def test_a_folder_of_a_power_cut_is_filled_anew(self, tmp_path: Path, shelf: Shelf) -> None:
        first = Server(tmp_path / "ada", shelf)
        first.store.experiments.create("kept")
        note = tmp_path / "ada" / "cache.json"
        text = note.read_text()
        first.cache.close()
        closed = note.read_text()
        assert '"run":""' in closed
        note.write_text(text.replace('"run":"', '"run":"earlier-'))
        (tmp_path / "ada" / "log" / "data.mdb").write_bytes(b"torn" * 4096)
        again = Server(tmp_path / "ada", shelf)
        assert again.store.experiments.get_by_name("kept") is not None
        again.cache.close()

    def test_only_its_server_writes_to_a_cache(self, start: Start, tmp_path: Path) -> None:
        import subprocess
        import sys

        start("ada")
        program = (
            "import sys; from eventtrack.store import Store; from pathlib import Path\n"
            "store = Store(Path(sys.argv[1]), create=False)\n"
            "assert [found.name for found in store.experiments.search()] == ['Default']\n"
            "store.experiments.create('lost')\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "ada")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "StoreReadOnlyError" in ended.stderr

    def test_tokens_may_be_there_first(self, tmp_path: Path, shelf: Shelf) -> None:
        (tmp_path / "ada").mkdir()
        (tmp_path / "ada" / "tokens.json").write_text("{}")
        Server(tmp_path / "ada", shelf).cache.close()
        assert (tmp_path / "ada" / "tokens.json").read_text() == "{}"

    def test_a_store_of_its_own_is_no_cache(self, tmp_path: Path, shelf: Shelf) -> None:
        Store(tmp_path / "store").close()
        with pytest.raises(InvalidValueError, match="a store of its own"):
            Server(tmp_path / "store", shelf)


def test_an_end_that_is_old_by_the_time_it_counts_is_no_alarm(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    asked = ada.log.end

    def slow_end() -> int:
        end = asked()
        ada.log.end = asked  # type: ignore[method-assign]
        ben.store.experiments.create("meanwhile")
        ada.member.catch_up()  # as another thread does
        return end

    ada.log.end = slow_end  # type: ignore[method-assign]
    ada.member.catch_up()
    assert ada.digest() == ben.digest()


def test_news_that_are_none_cost_no_commit(start: Start, shelf: Shelf) -> None:
    ada = start("ada")
    ada.store.experiments.create("last")
    ada.member.take_news()
    changes = ada.store.change_count()
    for _ in range(3):
        shelf.places.append((None, False))  # a place without a block, as JetStream has them
        ada.catch_up()
        ada.member.take_news()
    assert ada.store.change_count() == changes
    ben = start("ben")
    ben.store.experiments.create("behind")
    assert ada.digest() == ben.digest()


class TestDamage:
    def test_a_block_that_is_missing_stops_the_server_and_is_named(
        self, start: Start, shelf: Shelf
    ) -> None:
        ada = start("ada")
        run_id = ada.store.runs.create("0").info.run_id
        ada.store.runs.set_tags(run_id, {"a": "1"})
        place = len(shelf.places) - 1
        shelf.places[place - 1] = (None, False)
        with pytest.raises(VerificationError, match=f"place {place + 1} of memory:"):
            start("ben")

    def test_a_log_that_was_set_back_stops_the_server(self, start: Start, shelf: Shelf) -> None:
        ada, ben = start("ada"), start("ben")
        run_id = ada.store.runs.create("0").info.run_id
        ben.cache.member.catch_up()
        assert ben.store.runs.get(run_id).info.run_id == run_id
        del shelf.places[-1]
        with pytest.raises(VerificationError, match=r"ends at place \d+, and \d+ was read"):
            ben.cache.member.catch_up()

    def test_a_log_that_went_on_after_it_was_set_back_stops_the_server(
        self, start: Start, shelf: Shelf
    ) -> None:
        ada, ben = start("ada"), start("ben")
        run_id = ada.store.runs.create("0").info.run_id
        ben.cache.member.catch_up()
        assert ben.store.runs.get(run_id).info.run_id == run_id
        lost = len(shelf.places)
        del shelf.places[-1]
        eve = start("eve")
        for _ in range(3):
            eve.store.runs.create("0")
        with pytest.raises(VerificationError, match=f"place {lost} does not hold the block"):
            ben.cache.member.catch_up()

    def test_a_gap_in_ones_own_feed_is_noticed(self, start: Start, shelf: Shelf) -> None:
        ada = start("ada")
        run_id = ada.store.runs.create("0").info.run_id
        ada.cache.member.take_news()
        lost = len(shelf.places)
        for number in range(3):
            ada.store.runs.set_tags(run_id, {"a": str(number)})
        shelf.places[lost] = (None, False)
        with pytest.raises(VerificationError, match=f"place {lost + 2} of memory:"):
            ada.cache.member.take_news()

    def test_a_refusal_is_no_trouble(self, start: Start) -> None:
        with pytest.raises(NotFoundError):
            start("ada").store.runs.get("0" * 32)
