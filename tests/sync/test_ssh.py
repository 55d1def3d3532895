"""Another process's store: as over ssh, with a plain shell in ssh's place."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eventtrack.errors import (
    ChecksumError,
    InvalidValueError,
    RemoteError,
    RemoteUnavailableError,
    StoreMissingError,
)
from eventtrack.log.blocks import Block
from eventtrack.store import Store, open_store
from eventtrack.sync import clone, synchronize
from eventtrack.sync.ssh import COMMAND_VARIABLE, PipeRemote, open_ssh, ssh_command
from tests.sync.machines import PULL, block_of, envelopes, machine, plain_ssh, record_run


@pytest.fixture(autouse=True)
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command that runs here what ssh would run there; it notes which host it was given."""
    script, program = plain_ssh(tmp_path)
    monkeypatch.setenv(COMMAND_VARIABLE, str(script))
    return program


def url(shell: Path, folder: Path) -> str:
    return f"ssh://host{folder}?program={shell}"


def test_a_store_over_there_and_one_here_end_up_the_same(
    one: Store, shell: Path, tmp_path: Path
) -> None:
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, b"weights" * 500_000, "weights.bin")
    there, recorded = tmp_path / "there", one.events.head()
    report = synchronize(one, url(shell, there))
    assert (report.pushed.envelopes, report.pushed.artifacts) == (recorded, 1)
    other = machine(there)
    assert other.maintenance.check().ok
    second = record_run(other, "second")
    other.artifacts.log_bytes(second, b"other" * 500_000, "other.bin")
    report = synchronize(one, url(shell, there))
    assert report.pulled.artifacts == 1
    assert one.runs.get(second).info.run_name == "second"
    assert one.maintenance.digest() == other.maintenance.digest()
    assert not synchronize(one, url(shell, there)).changed
    other.close()


def test_a_store_over_there_is_cloned(one: Store, shell: Path, tmp_path: Path) -> None:
    record_run(one)
    twin, _ = clone(url(shell, one.path), tmp_path / "twin")
    assert twin.maintenance.digest() == one.maintenance.digest()
    twin.close()


def test_a_pull_from_a_store_that_is_not_there_makes_none(
    one: Store, shell: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoreMissingError, match="the other side says"):
        synchronize(one, url(shell, tmp_path / "nowhere"), PULL)
    assert not (tmp_path / "nowhere").exists()


def test_two_stores_that_are_written_to_meanwhile_end_up_the_same(
    shell: Path, tmp_path: Path
) -> None:
    """Real processes on both sides, each logging while the two sync again and again."""
    here, there = tmp_path / "here", tmp_path / "there"
    stop = tmp_path / "stop"
    script = (
        "import os, sys, eventtrack as mlflow\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "while not os.path.exists(sys.argv[2]):\n"
        "    with mlflow.start_run():\n"
        "        mlflow.log_param('a', 1)\n"
        "        for step in range(3000):\n"
        "            mlflow.log_metric('loss', step, step=step)\n"
    )
    store = open_store(here)
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(folder), str(stop)])
        for folder in (here, there)
    ]
    moved = [synchronize(store, url(shell, there)) for _ in range(6)]
    stop.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    assert sum(bool(report.pulled.envelopes) for report in moved) > 1
    assert sum(bool(report.pushed.envelopes) for report in moved) > 1
    synchronize(store, url(shell, there))
    other = open_store(there)
    assert store.maintenance.digest() == other.maintenance.digest()
    assert store.stats().points == 3000 * store.stats().runs
    for one in (store, other):
        assert one.maintenance.check().ok
        one.close()


@pytest.mark.slow
def test_a_sync_over_a_pipe_that_was_killed_anywhere_goes_on(
    one: Store, shell: Path, tmp_path: Path
) -> None:
    for number in range(20):
        run_id = record_run(one, str(number), points=500)
        one.artifacts.log_bytes(run_id, os.urandom(200_000), "file.bin")
    one.flush()
    there = tmp_path / "there"
    words = ["-m", "eventtrack", "--store", str(one.path), "sync", url(shell, there)]
    generator = random.Random(0)
    for _ in range(6):
        with subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL) as process:
            time.sleep(generator.uniform(0.1, 0.5))
            process.kill()
    synchronize(one, url(shell, there))
    other = machine(there)
    assert envelopes(one) == envelopes(other)
    assert one.maintenance.digest() == other.maintenance.digest()
    assert other.maintenance.check().ok
    other.close()


class TestServing:
    """A serving process told wrong things answers what is wrong, and can be used on."""

    @pytest.fixture
    def remote(self, shell: Path, tmp_path: Path) -> PipeRemote:
        return open_ssh(url(shell, tmp_path / "there"), True)

    def test_a_damaged_block_is_told_when_the_blocks_end(
        self, one: Store, remote: PipeRemote
    ) -> None:
        record_run(one)
        good, bad = block_of(one, 0, 2), block_of(one, 2, 4)
        data = bad.data[:-1] + bytes((bad.data[-1] ^ 1,))
        remote.append(good)
        remote.append(Block(bad.header, bad.envelopes, data))
        remote.append(block_of(one, 4, 5))
        with pytest.raises(ChecksumError):
            remote.flush()
        replica = one.replication.log.replica
        assert {head.replica: head.size for head in remote.heads()}[replica] == 2
        remote.append(bad)
        remote.flush()
        assert {head.replica: head.size for head in remote.heads()}[replica] == 4
        remote.close()

    def test_a_damaged_artifact_is_refused(self, remote: PipeRemote) -> None:
        with pytest.raises(ChecksumError):
            remote.put_blob(b"d" * 32, iter([b"a" * 3_000_000, b"b"]))
        assert remote.present_blobs([b"d" * 32]) == set()
        remote.close()

    def test_what_dies_is_told_and_the_next_round_goes_on(
        self, one: Store, remote: PipeRemote, shell: Path, tmp_path: Path
    ) -> None:
        record_run(one)
        remote._process.kill()
        remote._process.wait()
        with pytest.raises(RemoteUnavailableError, match="went away"):
            remote.heads()
        remote.close()
        assert synchronize(one, url(shell, tmp_path / "there")).pushed.envelopes

    def test_a_message_that_nobody_knows_is_refused(self, remote: PipeRemote) -> None:
        with pytest.raises(RemoteError, match="known"):
            remote._ask(b"?", b"", b"?")
        assert remote.heads()
        remote.close()


def test_whatever_else_answers_is_told(one: Store, tmp_path: Path) -> None:
    with pytest.raises(RemoteUnavailableError, match="Welcome to host"):
        synchronize(one, f"ssh://host{tmp_path}?program=true")


def test_a_missing_ssh_is_told(one: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, "/no/such/ssh -v")
    with pytest.raises(RemoteUnavailableError, match="/no/such/ssh"):
        synchronize(one, "ssh://host/store")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "ssh://host/data/runs",
            ["ssh", "--", "host", "eventtrack --store=/data/runs sync --stdio"],
        ),
        (
            "ssh://host/~/my%20runs",
            ["ssh", "--", "host", "eventtrack '--store=my runs' sync --stdio"],
        ),
        (
            "ssh://ada@host:2222/r?program=venv/bin/eventtrack",
            ["ssh", "-p", "2222", "--", "ada@host", "venv/bin/eventtrack --store=/r sync --stdio"],
        ),
    ],
)
def test_a_url_becomes_a_command(
    url: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(COMMAND_VARIABLE)
    assert ssh_command(url) == words


@pytest.mark.parametrize(
    "url", ["ssh://", "ssh://host", "ssh://host/", "ssh:///x", "ssh://-oProxy/x", "ssh://h:x/y"]
)
def test_a_url_without_host_or_folder_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError):
        ssh_command(url)
