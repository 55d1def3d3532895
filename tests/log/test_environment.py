"""One LMDB environment, tamed: growth, forks, and errors of ours only."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import pytest

from eventtrack.errors import (
    CorruptionError,
    DiskFullError,
    EventtrackError,
    StoreClosedError,
    StoreError,
    StoreReadOnlyError,
)
from eventtrack.log.again import run_again
from eventtrack.log.environment import Environment, MapFull
from eventtrack.log.rows import table_rows
from eventtrack.log.translation import translate
from tests.log.forking import in_child

PAGE_BYTES = 4096
TINY_MAP_BYTES = 8 * PAGE_BYTES
TABLES = ("one",)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    environment = Environment(tmp_path, TABLES)
    yield environment
    environment.close()


def put(environment: Environment, key: str, size: int = 10) -> None:
    with environment.write() as txn:
        txn.put(key.encode(), bytes(size), db=environment.tables["one"])


def keys(environment: Environment) -> list[str]:
    with environment.read() as txn:
        return [bytes(key).decode() for key, _ in txn.cursor(environment.tables["one"])]


class TestTransactions:
    def test_what_a_block_wrote_is_there_when_it_ends(self, environment: Environment) -> None:
        put(environment, "a")
        assert keys(environment) == ["a"]
        with environment.read() as txn:
            assert table_rows(txn, environment.tables["one"]) == 1

    def test_a_raising_block_wrote_nothing(self, environment: Environment) -> None:
        def work() -> None:
            with environment.write() as txn:
                txn.put(b"a", b"", db=environment.tables["one"])
                raise KeyError

        with pytest.raises(KeyError):
            work()
        assert keys(environment) == []

    def test_a_reader_keeps_its_snapshot(self, environment: Environment) -> None:
        put(environment, "a")
        with environment.read() as txn:
            put(environment, "b")
            found = [bytes(key) for key, _ in txn.cursor(environment.tables["one"])]
        assert found == [b"a"]
        assert keys(environment) == ["a", "b"]

    def test_the_newest_transaction_is_known(self, environment: Environment) -> None:
        before = environment.last_transaction()
        put(environment, "a")
        assert environment.last_transaction() == before + 1

    def test_many_threads_read_at_once(self, environment: Environment) -> None:
        put(environment, "a")
        barrier = threading.Barrier(20)
        found: list[list[str]] = []

        def read() -> None:
            with environment.read() as txn:
                barrier.wait(30)
                found.append(
                    [bytes(key).decode() for key, _ in txn.cursor(environment.tables["one"])]
                )

        run_all([read] * 20)
        assert found == [["a"]] * 20


class TestGrowth:
    @pytest.fixture
    def environment(self, tmp_path: Path) -> Iterator[Environment]:
        environment = Environment(tmp_path, TABLES, map_bytes=TINY_MAP_BYTES)
        yield environment
        environment.close()

    def test_a_full_map_is_a_signal_and_writes_nothing(self, environment: Environment) -> None:
        with pytest.raises(MapFull):
            put(environment, "a", 100 * PAGE_BYTES)
        assert keys(environment) == []

    def test_work_is_run_again_until_the_map_is_large_enough(
        self, environment: Environment
    ) -> None:
        attempts: list[int] = []

        def work() -> str:
            attempts.append(int(environment.info()["map_size"]))
            put(environment, "a", 100 * PAGE_BYTES)
            return "done"

        assert run_again(work) == "done"
        assert attempts == [TINY_MAP_BYTES << doubled for doubled in range(len(attempts))]
        assert len(attempts) > 2

    def test_growth_waits_for_readers(self, environment: Environment) -> None:
        put(environment, "a")
        reading, grown = threading.Event(), threading.Event()
        order: list[str] = []

        def read() -> None:
            with environment.read() as txn:
                reading.set()
                assert not grown.wait(0.1)
                assert txn.get(b"a", db=environment.tables["one"]) == bytes(10)
                order.append("read")

        def grow() -> None:
            reading.wait(30)
            environment.grow()
            order.append("grown")
            grown.set()

        run_all([read, grow])
        assert order == ["read", "grown"]
        assert keys(environment) == ["a"]

    def test_a_read_within_a_read_does_not_wait_for_a_growth_that_waits_for_it(
        self, environment: Environment
    ) -> None:
        put(environment, "a")
        outer, finished = threading.Event(), threading.Event()

        def read() -> None:
            with environment.read():
                outer.set()
                while not environment._growing:
                    finished.wait(0.001)
                assert keys(environment) == ["a"]
            finished.set()

        def grow() -> None:
            outer.wait(30)
            environment.grow()

        run_all([read, grow])
        assert finished.is_set()

    def test_room_can_be_made_ahead(self, environment: Environment) -> None:
        environment.make_room(100 * PAGE_BYTES)
        put(environment, "a", 90 * PAGE_BYTES)
        size = environment.info()["map_size"]
        environment.make_room(PAGE_BYTES)
        assert environment.info()["map_size"] == size

    def test_an_environment_is_opened_with_room_to_write(
        self, environment: Environment, tmp_path: Path
    ) -> None:
        run_again(lambda: put(environment, "a", 100 * PAGE_BYTES))
        environment.close()
        again = Environment(tmp_path, TABLES, map_bytes=TINY_MAP_BYTES)
        put(again, "b", 50 * PAGE_BYTES)
        assert keys(again) == ["a", "b"]
        again.close()


class TestForks:
    def test_a_child_opens_its_own_and_the_parent_goes_on(
        self, environment: Environment, tmp_path: Path
    ) -> None:
        put(environment, "parent")

        def work() -> list[str]:
            own = Environment(tmp_path, TABLES)
            put(own, "child")
            found = keys(own)
            own.close()
            return found

        assert in_child(work) == ["child", "parent"]
        put(environment, "parent again")
        assert keys(environment) == ["child", "parent", "parent again"]

    def test_a_child_cannot_use_its_parents(self, environment: Environment) -> None:
        assert in_child(lambda: refusal(environment)) == "StoreClosedError"

    def test_a_child_of_a_reader_leaves_the_reader_alone(self, environment: Environment) -> None:
        """A fork in the midst of a read: a child that closed the parent's slot would free it."""
        put(environment, "a")
        with environment.read() as txn:
            assert in_child(lambda: refusal(environment)) == "StoreClosedError"
            for place in range(20):
                put(environment, f"later {place}")
            assert [bytes(key) for key, _ in txn.cursor(environment.tables["one"])] == [b"a"]

    def test_a_child_of_a_writer_does_not_commit(
        self, environment: Environment, tmp_path: Path
    ) -> None:
        with environment.write() as txn:
            txn.put(b"a", b"", db=environment.tables["one"])
            assert in_child(lambda: "alive") == "alive"
        assert keys(environment) == ["a"]

    def test_forks_beside_busy_threads_lose_nothing(
        self, environment: Environment, tmp_path: Path
    ) -> None:
        stop = threading.Event()
        written: list[str] = []
        failures: list[BaseException] = []

        def busy(write: bool, name: str) -> None:
            try:
                place = 0
                while not stop.wait(0.001):
                    if write:
                        key = f"{name} {place:05}"
                        run_again(lambda key=key: put(environment, key, 300))  # type: ignore[misc]
                        written.append(key)
                        place += 1
                    else:
                        keys(environment)
            except BaseException as error:
                failures.append(error)

        threads = [
            threading.Thread(target=busy, args=(place < 2, str(place))) for place in range(4)
        ]
        for thread in threads:
            thread.start()

        def work() -> bool:
            own = Environment(tmp_path, TABLES)
            complete = set(keys(own)) >= set(written)
            own.close()
            return complete

        try:
            assert [in_child(work) for _ in range(10)] == [True] * 10
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert failures == []
        assert keys(environment) == sorted(written)

    def test_a_grandchild_is_as_well_off(self, environment: Environment, tmp_path: Path) -> None:
        put(environment, "a")

        def read() -> list[str]:
            own = Environment(tmp_path, TABLES)
            found = keys(own)
            own.close()
            return found

        def work() -> tuple[list[str], list[str]]:
            return read(), in_child(read)

        assert in_child(work) == (["a"], ["a"])


class TestErrors:
    def test_a_closed_environment_says_so(self, environment: Environment) -> None:
        environment.close()
        for use in (keys, lambda one: put(one, "a")):
            with pytest.raises(StoreClosedError):
                use(environment)

    def test_closing_waits_for_readers(self, tmp_path: Path) -> None:
        environment = Environment(tmp_path, TABLES)
        put(environment, "a")
        reading = threading.Event()
        found: list[list[bytes]] = []

        def read() -> None:
            with environment.read() as txn:
                reading.set()
                threading.Event().wait(0.05)
                found.append([bytes(key) for key, _ in txn.cursor(environment.tables["one"])])

        def close() -> None:
            reading.wait(30)
            environment.close()

        run_all([read, close])
        assert found == [[b"a"]]

    @pytest.mark.parametrize("damage", [b"not an LMDB file" * 1000, bytes(3 * PAGE_BYTES)])
    def test_a_file_that_is_no_lmdb_file_is_damage(self, tmp_path: Path, damage: bytes) -> None:
        (tmp_path / "data.mdb").write_bytes(damage)
        with pytest.raises(CorruptionError) as caught:
            Environment(tmp_path, TABLES)
        assert caught.value.hint
        assert (tmp_path / "data.mdb").read_bytes() == damage

    def test_an_environment_that_failed_to_open_can_be_opened_later(self, tmp_path: Path) -> None:
        (tmp_path / "data.mdb").write_bytes(b"not an LMDB file" * 1000)
        with pytest.raises(CorruptionError):
            Environment(tmp_path, TABLES)
        (tmp_path / "data.mdb").unlink()
        again = Environment(tmp_path, TABLES)
        put(again, "a")
        again.close()

    def test_a_key_that_lmdb_refuses_is_an_error_of_ours(self, environment: Environment) -> None:
        with pytest.raises(StoreError):
            put(environment, "x" * 1000)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (lmdb.DiskError("mdb_txn_commit"), DiskFullError),
            (lmdb.Error(f"mdb_txn_commit: {os.strerror(errno.ENOSPC)}"), DiskFullError),
            (lmdb.Error("mdb_txn_commit: Disk quota exceeded"), DiskFullError),
            (lmdb.Error(f"mdb_put: {os.strerror(errno.EFBIG)}"), DiskFullError),
            (lmdb.MemoryError(f"mdb_env_open: {os.strerror(errno.ENOMEM)}"), StoreError),
            (lmdb.ReadonlyError("mdb_put"), StoreReadOnlyError),
            (lmdb.LockError("lock.mdb"), StoreReadOnlyError),
            (lmdb.Error(f"log: {os.strerror(errno.EACCES)}"), StoreReadOnlyError),
            (lmdb.CorruptedError("mdb_get"), CorruptionError),
            (lmdb.InvalidError("data.mdb"), CorruptionError),
            (lmdb.PageNotFoundError("mdb_get"), CorruptionError),
            (lmdb.VersionMismatchError("data.mdb"), CorruptionError),
            (lmdb.PanicError("mdb_env_open"), CorruptionError),
            (lmdb.ReadersFullError("mdb_txn_begin"), StoreError),
            (lmdb.Error("anything else"), StoreError),
        ],
        ids=str,
    )
    def test_lmdbs_errors_become_ours_with_a_hint(
        self, error: lmdb.Error, kind: type[EventtrackError]
    ) -> None:
        found = translate(error, "append")
        assert type(found) is kind
        assert found.message.startswith("cannot append")
        assert found.hint

    @pytest.mark.parametrize(("number", "limit"), [(errno.EFBIG, "-f"), (errno.ENOMEM, "-v")])
    def test_a_limit_of_the_process_is_named(self, number: int, limit: str) -> None:
        found = translate(lmdb.Error(f"log: {os.strerror(number)}"), "append")
        assert f"`ulimit {limit}`" in found.hint
        assert "disk" not in found.message


def refusal(environment: Environment) -> str:
    """The error that keeps one from reading."""
    try:
        keys(environment)
    except EventtrackError as error:
        return type(error).__name__
    return "none"


def run_all(works: list[Callable[[], None]]) -> None:
    """Run each in a thread of its own; pytest reports what they raise."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
