"""Real engines are damaged; the command line names what is wrong, and restores it from copies."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.sharedlog.making import each_node, make_shared_log, open_shared_log
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store import Store, open_store
from tests.cli.harness import CommandLine
from tests.contracts.shared_log import everything
from tests.sharedlog.engines import (
    Nats,
    Postgresql,
    log_name,
    running_nats,
    running_postgresql,
    until,
)
from tests.sync.machines import block_of, record_run


@pytest.fixture
def call(tmp_path: Path) -> CommandLine:
    """The command line, on a store that is not there."""
    return CommandLine(tmp_path / "none")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A writer's store with several runs."""
    store = open_store(tmp_path / "writer")
    for number in range(6):
        record_run(store, f"run {number}")
    store.flush()
    yield store
    store.close()


@contextlib.contextmanager
def filled(url: str, store: Store, call: CommandLine) -> Iterator[SharedLog]:
    """A new log with the contents of a store, in many blocks."""
    log = make_shared_log(url, risky=True)
    feed = store.replication.log.replica
    last, size = 0, store.replication.heads()[feed].size
    for first in range(0, size, 3):
        last = log.append(block_of(store, first, min(first + 3, size)), last=last)
    try:
        yield log
    finally:
        log.close()


def places(answer: dict[str, list[dict[str, object]]]) -> list[tuple[object, object]]:
    """The kinds and the places of faults."""
    return [(fault["kind"], fault["place"]) for fault in answer["faults"]]


def check_fails(call: CommandLine, url: str, *more: str) -> list[tuple[object, object]]:
    """The faults that `cluster check` names."""
    return places(call("cluster", "check", url, "--json", *more, code=8).json)


def repair_heals(call: CommandLine, url: str, store: Store) -> None:
    """`cluster repair` restores everything from the store."""
    answer = call("cluster", "repair", url, "--from", str(store.path), "--json").json
    assert answer["ok"], answer
    checked = call("cluster", "check", url, "--against", str(store.path), "--json").json
    assert checked["ok"], checked


class TestPostgresql:
    def test_a_deleted_and_an_altered_row_are_named_and_restored(
        self, postgresql: Postgresql, postgresql_url: str, store: Store, call: CommandLine
    ) -> None:
        with filled(postgresql_url, store, call) as log:
            before = everything(log)
            assert call("cluster", "check", postgresql_url, "--json").json["ok"]
            postgresql.execute("DELETE FROM eventtrack_blocks WHERE place = 3", postgresql_url)
            postgresql.execute(
                "UPDATE eventtrack_blocks SET data = set_byte(data, length(data) - 50, "
                "(get_byte(data, length(data) - 50) + 1) % 256) WHERE place = 5",
                postgresql_url,
            )
            assert check_fails(call, postgresql_url) == [("damaged", 5), ("lost", 2)]
            told = call("cluster", "check", postgresql_url, code=8).stdout
            assert store.replication.log.replica.hex() in told
            assert "place 5" in told
            repair_heals(call, postgresql_url, store)
            assert everything(log) == before

    def test_a_database_that_returned_to_a_backup_is_noticed(
        self, store: Store, call: CommandLine, tmp_path: Path
    ) -> None:
        with running_postgresql() as server:
            with filled(server.url, store, call):
                pass
            size = store.replication.heads()[store.replication.log.replica].size
            server.copy_to(server.folder.parent / "backup")
            log = open_shared_log(server.url)
            record_run(store, "after the backup")
            copied = call("cluster", "move", str(store.path), server.url, "--json").json
            assert copied["envelopes"] > 0
            log.close()
            server.kill()
            server.folder = server.folder.parent / "backup"
            server.start()
            assert call("cluster", "check", server.url, "--json").json["ok"]
            against = call(
                "cluster", "check", server.url, "--against", str(store.path), "--json", code=8
            ).json
            [fault] = against["faults"]
            assert (fault["kind"], fault["first"]) == ("lost", size)
            repair_heals(call, server.url, store)


class TestBucket:
    def test_a_deleted_and_an_altered_object_are_named_and_restored(
        self, bucket_url: str, store: Store, call: CommandLine
    ) -> None:
        from eventtrack.spaces.bucket import BucketSpace

        with filled(bucket_url, store, call) as log:
            before = everything(log)
            space = BucketSpace(bucket_url)
            space.delete([f"places/{2:016x}"])
            data = bytearray(space.read(f"places/{6:016x}"))
            data[-60] ^= 4
            space.replace(f"places/{6:016x}", bytes(data))
            assert check_fails(call, bucket_url) == [("damaged", 6), ("lost", 1)]
            repair_heals(call, bucket_url, store)
            assert everything(log) == before


class TestNats:
    def test_a_deleted_message_is_named_and_restored(
        self, nats_url: str, store: Store, call: CommandLine
    ) -> None:
        from eventtrack.sharedlog.nats import NatsLog

        with filled(nats_url, store, call) as log:
            assert isinstance(log, NatsLog)
            before = everything(log)
            lost = before[2].place
            log._delete(log._names.stream, lost)
            faults = set(check_fails(call, nats_url))
            assert faults == {("lost", before[1].place)}
            repair_heals(call, nats_url, store)
            assert [entry.data for entry in everything(log)] == [entry.data for entry in before]

    @pytest.mark.slow
    def test_a_node_with_a_flipped_bit_is_named_and_its_block_is_restored(
        self, nats_cluster: Nats, nats_url: str, store: Store, call: CommandLine
    ) -> None:
        with filled(nats_url, store, call) as log:
            before = [entry.data for entry in everything(log)]
        node = nats_cluster.nodes[1]
        [file] = node.folder.rglob(f"streams/eventtrack_{log_name(nats_url)}/msgs/1.blk")
        data = bytearray(file.read_bytes())
        data[data.index(before[3]) + len(before[3]) // 2] ^= 16
        with file.open("r+b") as stream:  # the file that the node has open
            stream.write(data)
        time.sleep(11)  # so long a node answers from its memory; then it leaves the block out
        faults = call("cluster", "check", nats_url, "--json", code=8).json["faults"]
        assert [(fault["node"], fault["kind"]) for fault in faults] == [(node.name, "lost")]
        assert call("cluster", "repair", nats_url, "--json").json["ok"]
        assert call("cluster", "check", nats_url, "--json").json["ok"]
        with contextlib.closing(open_shared_log(nats_url)) as log, each_node(log) as nodes:
            for reader in nodes.values():
                assert [entry.data for entry in everything(reader)] == before

    def test_a_node_that_returned_to_a_backup_catches_up(
        self, nats_cluster: Nats, nats_url: str, store: Store, call: CommandLine, tmp_path: Path
    ) -> None:
        node, name = nats_cluster.nodes[2], log_name(nats_url)
        with filled(nats_url, store, call):
            node.kill()
            shutil.copytree(node.folder, tmp_path / "backup")
            node.start()
            until(lambda: nats_cluster.is_settled(name))
            record_run(store, "after the backup")
            moved = call("cluster", "move", str(store.path), nats_url, "--json").json
            assert moved["envelopes"]
            node.kill()
            shutil.rmtree(node.folder)
            shutil.copytree(tmp_path / "backup", node.folder)
            node.start()
            until(lambda: nats_cluster.is_settled(name))
            checked = call("cluster", "check", nats_url, "--against", str(store.path), "--json")
            assert checked.json["ok"]

    def test_places_that_a_node_uses_again_after_a_backup_are_not_known_as_empty(
        self, tmp_path: Path
    ) -> None:
        with (
            running_nats(1) as cluster,
            contextlib.closing(make_shared_log(cluster.url("lab"), replicas=1, risky=True)) as log,
        ):
            [node] = cluster.nodes
            before = log.end()
            node.kill()
            shutil.copytree(node.folder, tmp_path / "backup")
            node.start()
            places = [log.end() for _ in range(6)]
            assert all(map(log.is_empty, [before, *places]))
            node.kill()
            shutil.rmtree(node.folder)
            shutil.copytree(tmp_path / "backup", node.folder)
            node.start()
            assert log.end() == before + 1
            assert not any(map(log.is_empty, [before, *places[1:]]))
