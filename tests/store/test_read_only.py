"""A store that cannot be written can be looked at: another user's, or one on a sealed medium."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.errors import ConflictError, StoreReadOnlyError
from eventtrack.log.environment import Environment
from eventtrack.log.lmdb_log import TABLES
from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.sync.machines import record_run

NOBODY = 65534
as_nobody = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become nobody")
# Commands, and how each ends on a store that cannot be written; {} is its run.
READS = (
    *("runs list", "runs search params.lr='a'", "runs show {}", "log", "check", "export", "stats"),
    *("diff 3 now", "blame {}", "replay --verify", "replay --at 3", "artifacts list {}", "verify"),
    *("conflicts", "experiments list", "remote list", "token list", "inspect {}", "runs plot {}"),
)
WRITES = (
    *("experiments create another", "runs delete {}", "undo 4.0 --yes", "token create ada"),
    *("remote add origin /tmp/nowhere", "redact {} --reason why --yes", "audit seal"),
)


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, str]:
    """A closed store, and a run in it."""
    with workers.opened(tmp_path / "store") as store:
        run_id = record_run(store, "a")
        store.artifacts.log_bytes(run_id, b"bytes", "file.bin")
    return tmp_path / "store", run_id


def become_nobody(folder: Path) -> None:
    """Give up all rights; the folders above a store can be passed by anyone."""
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path(parent.anchor):
            parent.chmod(parent.stat().st_mode | 0o055)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def in_child(work: Callable[[], None]) -> None:
    """Do work in a forked child, which may change who it is."""
    workers.reap(workers.fork(work))


@as_nobody
def test_another_users_store_is_read_and_its_views_are_folded_elsewhere(
    filled: tuple[Path, str],
) -> None:
    path, run_id = filled
    shutil.rmtree(path / "views")
    (path / "views").mkdir()
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)

    def look() -> None:
        become_nobody(path)
        tempfile.tempdir = str(elsewhere)
        store = open_store(path)
        assert store.runs.get(run_id).data.params["lr"] == "a"
        assert list(store.metrics.arrays(run_id, "loss").steps) == [0, 1, 2]
        [file] = store.artifacts.list(run_id)
        assert (file.path, file.file_size) == ("file.bin", 5)
        with store.at("now") as then:
            assert then.runs.get(run_id).info.run_name == "a"
        assert store.maintenance.check().ok
        assert store.maintenance.verify()[0]
        assert list(elsewhere.glob("eventtrack-*"))
        store.close()
        assert not list(elsewhere.iterdir())

    in_child(look)
    assert list((path / "views").iterdir()) == []


@as_nobody
def test_every_write_to_another_users_store_is_refused_with_a_way_out(
    filled: tuple[Path, str],
) -> None:
    path, run_id = filled

    def write() -> None:
        become_nobody(path)
        store = open_store(path)
        writes: list[Callable[[], object]] = [
            lambda: store.runs.create("0"),
            lambda: store.runs.log_params(run_id, {"a": 1}),
            lambda: store.metrics.log(run_id, "loss", 1.0, 1),
            lambda: store.artifacts.log_bytes(run_id, b"more", "more.bin"),
            lambda: store.experiments.create("another"),
            store.redaction.finish,
            lambda: store.batch().__enter__(),
        ]
        for one in writes:
            with pytest.raises(StoreReadOnlyError) as caught:
                one()
            assert caught.value.hint
        assert store.events.head() == 7
        store.close()

    in_child(write)


@as_nobody
def test_what_the_owner_writes_meanwhile_is_seen(filled: tuple[Path, str]) -> None:
    path, _ = filled
    to_child, to_parent = os.pipe(), os.pipe()

    def look() -> None:
        become_nobody(path)
        store = open_store(path)
        assert len(store.runs.search(["0"])) == 1
        os.write(to_parent[1], b"1")
        os.read(to_child[0], 1)
        assert len(store.runs.search(["0"])) == 2
        store.close()

    child = workers.fork(look)
    os.read(to_parent[0], 1)
    with workers.opened(path) as store:
        record_run(store, "later")
    os.write(to_child[1], b"1")
    workers.reap(child)


@as_nobody
def test_a_long_read_without_a_lock_is_refused_once_its_pages_may_be_others(
    filled: tuple[Path, str],
) -> None:
    path, _ = filled
    to_child, to_parent = os.pipe(), os.pipe()

    def read_long(environment: Environment) -> None:
        with environment.read():
            os.write(to_parent[1], b"1")
            os.read(to_child[0], 1)

    def look() -> None:
        become_nobody(path)
        environment = Environment(path / "log", TABLES, readonly=True)
        with environment.read() as txn:
            assert txn.stat(environment.tables["events"])["entries"] == 7
        with pytest.raises(ConflictError) as caught:
            read_long(environment)
        assert "lock.mdb" in caught.value.hint
        with environment.read() as txn:
            assert txn.stat(environment.tables["events"])["entries"] > 7
        environment.close()

    child = workers.fork(look)
    os.read(to_parent[0], 1)
    with workers.opened(path) as store:
        record_run(store, "meanwhile")
    os.write(to_child[1], b"1")
    workers.reap(child)


def on_read_only_medium(filled: tuple[Path, str], script: str) -> None:
    """Run a script where the store is mounted read-only; `store` and `run_id` are its words."""
    path, run_id = filled
    mount = path.with_name("medium")
    mount.mkdir()
    private = ("unshare", "--mount", "sh", "-ec")
    mounting = f"mount --bind {path} {mount}; mount -o remount,bind,ro {mount}; "
    if subprocess.run([*private, mounting], check=False, capture_output=True).returncode:
        pytest.skip("mounting a folder read-only needs rights that these tests do not have")
    done = subprocess.run(
        [*private, f'{mounting} exec "$0" -c "$1" {mount} {run_id}', sys.executable, script],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_commands_read_a_medium_that_cannot_be_written_and_refuse_to_write_to_it(
    filled: tuple[Path, str],
) -> None:
    def words(commands: tuple[str, ...]) -> list[list[str]]:
        return [one.replace("{}", filled[1]).replace("'a'", '"a"').split() for one in commands]

    script = f"""
import sys
from click.testing import CliRunner
from eventtrack.cli import cli
for code, commands in ((0, {words(READS)!r}), (7, {words(WRITES)!r})):
    for words in commands:
        found = CliRunner().invoke(cli, ["--store", sys.argv[1], *words])
        assert found.exit_code == code, (words, found.exit_code, found.output, found.exception)
        assert code == 0 or "hint:" in found.output, (words, found.output)
"""
    on_read_only_medium(filled, script)


SERVING = """
import json, subprocess, sys, urllib.error, urllib.request

def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()

words = [sys.executable, "-m", "eventtrack", "--store", sys.argv[1], "server", "--port", "0"]
with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
    url = server.stdout.readline().split(" at ")[1].split()[0]
    try:
        assert ask("/")[0] == 200
        found = ask("/api/2.0/mlflow/runs/get?run_id=" + sys.argv[2])
        assert found[0] == 200 and sys.argv[2] in found[1], found
        for path, body in (
            ("experiments/create", {"name": "another"}),
            ("runs/log-metric", {"run_id": sys.argv[2], "key": "a", "value": 1, "timestamp": 1}),
        ):
            found = ask("/api/2.0/mlflow/" + path, body)
            assert found[0] == 403 and "PERMISSION_DENIED" in found[1], found
    finally:
        server.terminate()
"""


@pytest.mark.slow
def test_a_server_shows_a_medium_that_cannot_be_written(filled: tuple[Path, str]) -> None:
    on_read_only_medium(filled, SERVING)


def test_a_store_that_may_be_written_is_not_taken_for_one_that_may_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    record_run(store)
    store.close()
    again = Store(tmp_path / "store")
    assert len(again.runs.search(["0"])) == 1
    record_run(again)
    assert len(again.runs.search(["0"])) == 2
    again.close()
