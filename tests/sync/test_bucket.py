"""A bucket of a real server: few requests, and errors within seconds that say what to do."""

import builtins
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import (
    EventtrackError,
    InvalidValueError,
    RemoteDeniedError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.sharedlog.making import make_shared_log
from eventtrack.spaces.bucket import BucketSpace
from eventtrack.store import Store, open_store
from eventtrack.sync import Remotes
from tests.cli.harness import CommandLine
from tests.sync.machines import PUSH, envelopes, machine, record_run, sync
from tests.sync.places import BucketPlace, remote_of, requests_since, segments_of


def test_the_command_line_does_it_all(bucket: BucketPlace, tmp_path: Path) -> None:
    one = machine(tmp_path / "mine")
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, b"weights", "weights.bin")
    one.close()
    run, twin = CommandLine(tmp_path / "mine"), CommandLine(tmp_path / "twin")
    run("remote", "add", "origin", bucket.url)
    assert run("remote", "list", "--json").json[0]["url"] == bucket.url
    assert run("push", "--json").json["pushed"]["artifacts"] == 1
    run("clone", bucket.url, str(tmp_path / "twin"))
    store = open_store(tmp_path / "twin")
    assert store.runs.get(run_id).data.params == {"lr": "run"}
    there = record_run(store, "there")
    store.close()
    twin("sync")
    run("pull")
    store = open_store(tmp_path / "mine")
    assert store.runs.get(there).info.run_name == "there"
    store.close()


def test_a_round_without_news_is_two_requests_whatever_there_is(
    one: Store, two: Store, bucket: BucketPlace, s3_server: str
) -> None:
    for number in range(3):
        run_id = record_run(one, str(number))
        one.artifacts.log_bytes(run_id, str(number).encode(), "a.txt")
        sync(one, bucket.url, PUSH)
    for store in (two, one, two):
        sync(store, bucket.url)
    assert len(segments_of(bucket, one.replication.log.replica)) == 3
    requests_since(s3_server)
    for store in (one, two):
        assert not sync(store, bucket.url).changed
        path = bucket.url.removeprefix("s3:/")
        read, listed = requests_since(s3_server)
        assert read == f"GET {path}/REMOTE"
        assert listed.startswith("GET /bucket?list-type=2&prefix=")


def test_a_push_is_one_request_for_each_segment(
    one: Store, bucket: BucketPlace, s3_server: str
) -> None:
    record_run(one)
    sync(one, bucket.url)
    record_run(one, "again")
    requests_since(s3_server)
    sync(one, bucket.url)
    assert [one.split(" ")[0] for one in requests_since(s3_server)] == ["GET", "GET", "PUT"]


def test_a_shared_log_in_a_bucket_is_a_remote(one: Store, two: Store, bucket: BucketPlace) -> None:
    make_shared_log(bucket.url).close()
    record_run(one)
    for ways in (PUSH, None):  # a push may make a remote, and must not make it beside a log
        sync(one, bucket.url, ways)
    sync(two, bucket.url)
    assert envelopes(two).items() >= envelopes(one).items()
    assert "REMOTE" not in BucketSpace(bucket.url).roots()


def test_a_store_that_ignores_conditions_does_no_harm(
    one: Store, two: Store, three: Store, s3_server: str, tmp_path: Path
) -> None:
    """Names say what is in them: who writes one that is there writes the same."""
    place = BucketPlace(f"s3://ignores{tmp_path}")
    record_run(one)
    remotes = [remote_of(place, create=True) for _ in range(2)]
    sync(one, place.url)
    for remote in remotes:
        remote.heads()
    sync(two, place.url)
    sync(one, place.url)
    for store in (three, one, two, three):
        sync(store, place.url)
    assert envelopes(one) == envelopes(two) == envelopes(three)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("nowhere", RemoteError, "no such bucket"),
        ("denied", RemoteDeniedError, "AWS_ACCESS_KEY_ID"),
        ("broken", RemoteUnavailableError, "503"),
        ("refuses", RemoteError, "conditional writes"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_told_at_once(
    one: Store, s3_server: str, name: str, kind: type[EventtrackError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        sync(one, f"s3://{name}/runs")
    assert words in str(caught.value)
    assert caught.value.hint
    assert "Debug source" not in str(caught.value)


def test_a_listing_that_is_denied_names_the_credentials(s3_server: str) -> None:
    space = BucketSpace("s3://denied/runs")
    for ask in (space.roots, lambda: space.list("feeds")):
        with pytest.raises(RemoteDeniedError) as caught:
            ask()
        assert "AWS_ACCESS_KEY_ID" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, RemoteUnavailableError, "network"),
        ({"AWS_ENDPOINT_URL": "http://no.such.host.invalid"}, RemoteUnavailableError, "network"),
        ({"AWS_ENDPOINT_URL": "localhost:9000"}, InvalidValueError, "no URL"),
        ({"AWS_ALLOW_HTTP": "false"}, InvalidValueError, "AWS_ALLOW_HTTP=true"),
    ],
)
def test_an_endpoint_that_does_not_answer_is_told_within_seconds(
    one: Store,
    bucket: BucketPlace,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    kind: type[EventtrackError],
    words: str,
) -> None:
    for variable, text in settings.items():
        monkeypatch.setenv(variable, text)
    with pytest.raises(kind) as caught:
        sync(one, bucket.url)
    assert words in str(caught.value)


def test_a_sync_that_waits_for_a_bucket_can_be_interrupted(
    bucket: BucketPlace, tmp_path: Path
) -> None:
    machine(tmp_path / "mine").close()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        words = ["--store", str(tmp_path / "mine"), "sync", bucket.url]
        with subprocess.Popen(
            [sys.executable, "-m", "eventtrack", *words],
            env={**os.environ, "AWS_ENDPOINT_URL": url},
            stderr=subprocess.PIPE,
        ) as process:
            connection, _ = silent.accept()
            with connection:  # it asked, and is not answered
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=100) == 130


def test_missing_credentials_are_told(
    one: Store, bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    # Where a machine of Amazon's would answer, nobody does.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(RemoteDeniedError, match="no credentials"):
        sync(one, bucket.url)


def test_without_obstore_it_says_what_to_install(
    one: Store, bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("obstore"):
            raise ImportError(name)
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InvalidValueError, match=r"eventtrack\[s3\]"):
        sync(one, bucket.url)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///runs", "s3://key:secret@bucket/runs", "s3://b/r?x"]
)
def test_a_url_that_names_no_bucket_or_holds_keys_is_not_kept(one: Store, url: str) -> None:
    with pytest.raises(InvalidValueError):
        Remotes(one.replication).add("origin", url)
    assert Remotes(one.replication).list() == []


_UPLOAD = """
import hashlib, resource, sys
from eventtrack.spaces.bucket import BucketSpace
from eventtrack.sync.segments import SegmentRemote

remote = SegmentRemote(BucketSpace(sys.argv[1]), create=True)
size, piece = int(sys.argv[2]), bytes(2**20)
hasher = hashlib.sha256()
for _ in range(size):
    hasher.update(piece)
remote.put_blob(hasher.digest(), (piece for _ in range(size)))
assert sum(map(len, remote.get_blob(hasher.digest()))) == size * 2**20
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_large_artifact_is_never_in_memory_whole(bucket: BucketPlace) -> None:
    def peak_kib(mib: int) -> int:
        words = [sys.executable, "-c", _UPLOAD, bucket.url, str(mib)]
        return int(subprocess.check_output(words))

    small, large = peak_kib(1), peak_kib(128)
    assert large - small < 96 * 1024


_WRITER = """
import sys
from eventtrack.store import open_store
from eventtrack.sync import synchronize

store = open_store(sys.argv[1])
for number in range(15):
    run = store.runs.create("0", run_name=f"{sys.argv[3]}-{number}")
    store.runs.set_tags(run.info.run_id, {"a": "b"})
    synchronize(store, sys.argv[2])
store.close()
"""


def test_two_processes_through_one_bucket_at_once(bucket: BucketPlace, tmp_path: Path) -> None:
    names = ("one", "two")
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path / name), bucket.url, name])
        for name in names
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    stores = [open_store(tmp_path / name) for name in names]
    for store in (*stores, *stores):
        sync(store, bucket.url)
    assert stores[0].maintenance.digest() == stores[1].maintenance.digest()
    assert len(stores[0].runs.search(["0"])) == 30
    for store in stores:
        store.close()
