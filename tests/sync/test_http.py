"""A store behind a server: `eventtrack server` in a process of its own."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventtrack.errors import (
    ChecksumError,
    InvalidValueError,
    NotFoundError,
    RemoteDeniedError,
    RemoteUnavailableError,
)
from eventtrack.log.blocks import Block
from eventtrack.rest.address import TOKEN_VARIABLE
from eventtrack.store import Store, open_store
from eventtrack.sync import Remotes, clone, frames, synchronize
from eventtrack.sync.http import BASE, HttpRemote, open_http
from eventtrack.tokens import Tokens
from tests.server.running import Running, running
from tests.sync.machines import PULL, PUSH, block_of, envelopes, machine, record_run


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server of a new store."""
    with running(tmp_path / "served") as found:
        yield found


@pytest.fixture
def remote(server: Running) -> Iterator[HttpRemote]:
    found = open_http(server.url, False)
    yield found
    found.close()


def served(server: Running) -> Store:
    """The server's store, as another process of its machine sees it."""
    return open_store(server.store)


def test_a_store_here_and_a_served_one_end_up_the_same(one: Store, server: Running) -> None:
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, b"weights" * 500_000, "weights.bin")
    report = synchronize(one, server.url)
    assert report.pushed.artifacts == 1
    other = server.new_run(run_name="of the server")["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{other}/artifacts/a.bin"
    assert server.client.put(path, content=b"a" * 3_000_000).status_code == 200
    report = synchronize(one, server.url)
    assert report.pulled.artifacts == 1
    assert one.runs.get(other).info.run_name == "of the server"
    assert server.get("runs/get", run_id=run_id)["run"]["info"]["run_name"] == "run"
    assert not synchronize(one, server.url).changed
    there = served(server)
    assert there.maintenance.digest() == one.maintenance.digest()
    assert there.maintenance.check().ok
    there.close()


def test_a_served_store_is_cloned_under_a_url_and_nothing_is_made_without_a_server(
    one: Store, server: Running, tmp_path: Path
) -> None:
    record_run(one)
    synchronize(one, server.url)
    twin, _ = clone(server.url, tmp_path / "twin")
    assert twin.maintenance.digest() == one.maintenance.digest()
    record_run(twin, "of the twin")
    assert synchronize(twin).pushed.envelopes
    twin.close()
    server.kill()
    with pytest.raises(RemoteUnavailableError):
        clone(server.url, tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_both_sides_are_written_to_while_they_sync(server: Running, tmp_path: Path) -> None:
    here, stop = tmp_path / "here", tmp_path / "stop"
    script = (
        "import os, sys, eventtrack as mlflow\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "while not os.path.exists(sys.argv[2]):\n"
        "    with mlflow.start_run():\n"
        "        for step in range(300):\n"
        "            mlflow.log_metric('loss', step, step=step)\n"
    )
    store = open_store(here)
    writers = [
        subprocess.Popen([sys.executable, "-c", script, place, str(stop)])
        for place in (str(here), server.url)
    ]
    until = time.monotonic() + 30
    pulled = pushed = 0
    while (pulled < 2 or pushed < 2) and time.monotonic() < until:
        report = synchronize(store, server.url)
        pulled += bool(report.pulled.envelopes)
        pushed += bool(report.pushed.envelopes)
        time.sleep(0.1)
    stop.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    assert min(pulled, pushed) > 1
    synchronize(store, server.url)
    other = served(server)
    assert store.maintenance.digest() == other.maintenance.digest()
    assert store.stats().points == 300 * store.stats().runs
    for each in (store, other):
        assert each.maintenance.check().ok
        each.close()


def test_a_redaction_reaches_a_server_that_goes_on_answering(one: Store, server: Running) -> None:
    secret, kept = record_run(one, "hunter2"), record_run(one, "kept")
    synchronize(one, server.url)
    stop, statuses = threading.Event(), set()

    def ask() -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            while not stop.is_set():
                path = f"/api/2.0/mlflow/runs/get?run_id={kept}"
                statuses.add(client.get(path).status_code)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    wait_for(lambda: bool(statuses))
    changed = [one.replication.log.get(position) for position in range(1, one.events.head() + 1)]
    targets = [found for found in changed if found is not None and b"hunter2" in found.data]
    one.redaction.redact_envelopes(targets, "a password")
    report = synchronize(one, server.url)
    stop.set()
    for thread in asking:
        thread.join()
    assert report.pushed.envelopes
    assert statuses == {200}
    assert b"hunter2" not in (server.store / "log" / "data.mdb").read_bytes()
    assert server.client.get(f"/api/2.0/mlflow/runs/get?run_id={secret}").status_code in (200, 404)


class TestRoles:
    """What a token may do."""

    @pytest.fixture
    def tokens(self, server: Running) -> Tokens:
        return Tokens(server.store)

    def test_who_reads_may_pull_and_not_push(
        self, one: Store, server: Running, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = record_run(one)
        one.artifacts.log_bytes(run_id, b"x" * 3_000_000, "x.bin")
        monkeypatch.setenv(TOKEN_VARIABLE, tokens.create("reader", "read"))
        assert synchronize(one, server.url, PULL).pulled.envelopes
        with pytest.raises(RemoteDeniedError, match="role write"):
            synchronize(one, server.url, PUSH._replace(artifacts=False))
        with pytest.raises(RemoteDeniedError, match="role write"):
            synchronize(one, server.url, PUSH)
        monkeypatch.setenv(TOKEN_VARIABLE, tokens.create("writer", "write"))
        assert synchronize(one, server.url, PUSH).pushed.envelopes

    def test_a_token_that_does_not_count_is_told(
        self, one: Store, server: Running, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tokens.create("somebody", "write")
        for value in ("", "eventtrack_wrong"):
            monkeypatch.setenv(TOKEN_VARIABLE, value)
            with pytest.raises(RemoteDeniedError, match="401"):
                synchronize(one, server.url)

    def test_a_redaction_takes_an_admin_and_keeps_no_other_feed_out(
        self,
        one: Store,
        two: Store,
        server: Running,
        tokens: Tokens,
        monkeypatch: pytest.MonkeyPatch,
        stick: Path,
    ) -> None:
        record_run(one, "of one")
        other = record_run(two, "of two")
        monkeypatch.setenv(TOKEN_VARIABLE, tokens.create("writer", "write"))
        synchronize(one, server.url)
        target = one.replication.log.get(one.events.head())
        assert target is not None
        one.redaction.redact_envelopes([target], "a password")
        for store in (two, one):
            synchronize(store, str(stick))
        with pytest.raises(RemoteDeniedError, match="role admin"):
            synchronize(one, server.url)
        there = served(server)
        assert there.runs.get(other).info.run_name == "of two"
        found = there.replication.log.read_feed(target.header.replica, target.header.index, 1)
        assert found[0].payload
        monkeypatch.setenv(TOKEN_VARIABLE, tokens.create("admin", "admin"))
        synchronize(one, server.url)
        found = there.replication.log.read_feed(target.header.replica, target.header.index, 1)
        assert not found[0].payload
        there.close()
        monkeypatch.setenv(TOKEN_VARIABLE, tokens.create("writer-2", "write"))
        record_run(one, "later")
        assert synchronize(one, server.url).pushed.envelopes

    def test_a_password_is_not_kept_in_a_remotes_url(self, one: Store) -> None:
        with pytest.raises(InvalidValueError, match="readable"):
            Remotes(one.replication).add("lab", "https://me:secret@host")


class TestServing:
    """A server that is told wrong things says what is wrong, and goes on."""

    def test_a_damaged_block_is_told_and_the_good_ones_before_it_are_kept(
        self, one: Store, remote: HttpRemote
    ) -> None:
        record_run(one)
        good, bad = block_of(one, 0, 2), block_of(one, 2, 4)
        data = bad.data[:-1] + bytes((bad.data[-1] ^ 1,))
        remote.append(good)
        remote.append(Block(bad.header, bad.envelopes, data))
        with pytest.raises(ChecksumError):
            remote.flush()
        replica = one.replication.log.replica
        assert {head.replica: head.size for head in remote.heads()}[replica] == 2
        for _ in range(2):  # again changes nothing
            remote.append(bad)
            remote.flush()
        assert {head.replica: head.size for head in remote.heads()}[replica] == 4

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"x",
            frames.frame(frames.BLOCK, b"ETBLOCK1"),
            frames.frame(frames.HEADS, b"") + frames.frame(frames.END),
            frames.frame(frames.BLOCK, b"z" * 100)[:50],
            b"B\xff\xff\xff\xff",
        ],
    )
    def test_a_body_that_is_no_blocks_is_refused(self, server: Running, body: bytes) -> None:
        answer = server.client.post(f"{BASE}append", content=body)
        assert answer.status_code == 200
        assert answer.content[:1] == frames.FAILED

    def test_a_body_that_is_too_long_is_refused(self, server: Running) -> None:
        for path in ("append", "read", "present"):
            answer = server.client.post(f"{BASE}{path}", content=b"x" * (42 * 2**20))
            assert answer.status_code == 413

    def test_a_damaged_artifact_is_refused(self, remote: HttpRemote) -> None:
        with pytest.raises(ChecksumError, match="did not come as it was logged"):
            remote.put_blob(b"d" * 32, iter([b"a" * 3_000_000, b"b"]))
        assert remote.present_blobs([b"d" * 32]) == set()
        with pytest.raises(NotFoundError):
            list(remote.get_blob(b"d" * 32))

    @pytest.mark.parametrize("name", ["x", "%2e%2e%2fFORMAT", "AB" * 32, "ab" * 31])
    def test_an_artifact_has_the_name_of_its_hash(self, server: Running, name: str) -> None:
        answers = [
            server.client.get(f"{BASE}blobs/{name}"),
            server.client.put(f"{BASE}blobs/{name}", content=b"x"),
        ]
        assert {answer.status_code for answer in answers} <= {400, 404}


def wait_for(condition: object) -> None:
    assert callable(condition)
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
def test_what_was_killed_anywhere_on_either_side_goes_on(one: Store, tmp_path: Path) -> None:
    for number in range(20):
        run_id = record_run(one, str(number), points=500)
        one.artifacts.log_bytes(run_id, os.urandom(200_000), "file.bin")
    one.flush()
    generator = random.Random(0)
    for number in range(6):
        with running(tmp_path / "served") as server:
            words = ["-m", "eventtrack", "--store", str(one.path), "sync", server.url]
            with subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as client:
                time.sleep(generator.uniform(0.2, 0.6))
                victim = client if number % 2 else server.process
                os.kill(victim.pid, signal.SIGKILL)
                client.wait()
    with running(tmp_path / "served") as server:
        synchronize(one, server.url)
        assert not synchronize(one, server.url).changed
    other = machine(tmp_path / "served")
    assert envelopes(one) == envelopes(other)
    assert one.maintenance.digest() == other.maintenance.digest()
    assert other.maintenance.check().ok
    other.close()
