"""Drafts of blobs: finished, abandoned, or left by a process that died."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.store.blobs import BlobDraft

WRITER = """
import sys
from eventtrack.store import open_store
store = open_store(sys.argv[1])
upload = store.artifacts.begin(sys.argv[2], "a.bin")
upload.write(b"x" * 1000)
print("writing", flush=True)
sys.stdin.readline()
upload.finish()
"""


def drafts(store: Store) -> list[Path]:
    """The drafts in a store."""
    return list((store.path / "blobs").glob(".draft-*"))


def writer(store: Store, run_id: str) -> "subprocess.Popen[str]":
    """Another process in the middle of an upload."""
    command = [sys.executable, "-c", WRITER, str(store.path), run_id]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def test_a_file_is_listed_when_it_is_finished(store: Store, run_id: str) -> None:
    upload = store.artifacts.begin(run_id, "folder/a.bin")
    for chunk in (b"one ", bytearray(b"two "), b"three"):
        upload.write(chunk)
    assert store.artifacts.entries(run_id) == []
    upload.finish()
    upload.abandon()  # too late to matter
    with store.artifacts.open(run_id, "folder/a.bin") as file:
        assert file.read() == b"one two three"
    assert drafts(store) == []
    assert store.maintenance.check().ok


def test_an_abandoned_file_leaves_nothing(store: Store, run_id: str) -> None:
    upload = store.artifacts.begin(run_id, "a.bin")
    upload.write(b"x")
    upload.abandon()
    assert drafts(store) == []
    assert store.artifacts.entries(run_id) == []


def test_a_file_may_be_abandoned_while_it_is_written(
    store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = store.artifacts.begin(run_id, "a.bin")
    draft: BlobDraft = upload._draft
    writing, go_on = threading.Event(), threading.Event()
    real = draft._file

    class Slow:
        """A file on a slow disk."""

        def write(self, data: memoryview) -> int:
            writing.set()
            go_on.wait(20)
            return real.write(data) or 0

        def close(self) -> None:
            real.close()

    monkeypatch.setattr(draft, "_file", Slow())
    thread = threading.Thread(target=upload.write, args=(b"x" * 100,))
    thread.start()
    assert writing.wait(20)
    upload.abandon()
    assert drafts(store) == []
    assert not real.closed
    go_on.set()
    thread.join()
    assert real.closed


def test_what_may_not_be_stored_is_refused_at_the_beginning(store: Store, run_id: str) -> None:
    with pytest.raises(InvalidValueError):
        store.artifacts.begin(run_id, "../a")
    with pytest.raises(NotFoundError):
        store.artifacts.begin("f" * 32, "a")
    store.artifacts.log_bytes(run_id, b"x", "a")
    upload = store.artifacts.begin(run_id, "a/b")
    with pytest.raises(InvalidValueError, match="is a file"):
        upload.finish()
    upload.abandon()
    store.runs.delete(run_id)
    with pytest.raises(InvalidValueError):
        store.artifacts.begin(run_id, "c")


def test_the_draft_of_a_killed_process_goes_at_the_next_open(
    store: Store, run_id: str, tmp_path: Path
) -> None:
    process = writer(store, run_id)
    process.kill()
    process.communicate()
    assert len(drafts(store)) == 1
    store.close()
    again = Store(tmp_path / "store")
    assert drafts(again) == []
    assert again.artifacts.entries(run_id) == []
    again.close()


def test_the_draft_of_a_living_process_stays(store: Store, run_id: str) -> None:
    process = writer(store, run_id)
    try:
        assert store.artifacts.blobs.sweep() == 0
        assert len(drafts(store)) == 1
    finally:
        process.communicate("go on\n")
    assert process.returncode == 0
    (entry,) = store.artifacts.entries(run_id)
    assert entry.size == 1000
