"""`eventtrack artifacts`."""

import hashlib
from pathlib import Path

from tests.cli.harness import CommandLine, Sample, Subprocess


def test_files_are_listed_with_size_and_hash(read: CommandLine) -> None:
    lines = read("artifacts", "list", "child-0").stdout.splitlines()
    digest = hashlib.sha256(b"weights\n").hexdigest()
    assert lines[1].split() == ["model/weights.txt", "8", "B", digest]
    assert read("artifacts", "list", "child-0", "model", "--json").json == [
        {"path": "model/weights.txt", "size": 8, "sha256": digest}
    ]


def test_a_run_without_files_says_how_to_log_one(read: CommandLine) -> None:
    assert "eventtrack.log_artifact(PATH)" in read("artifacts", "list", "child-1").stderr
    assert read("artifacts", "list", "child-1", "--json").json == []


def test_a_file_is_fetched_into_a_folder_or_to_a_name(read: CommandLine, tmp_path: Path) -> None:
    read("artifacts", "get", "child-0", "model/weights.txt", "-o", str(tmp_path))
    assert (tmp_path / "weights.txt").read_bytes() == b"weights\n"
    named = tmp_path / "other.txt"
    [written] = read("artifacts", "get", "child-0", "raw.bin", "-o", str(named), "--json").json
    assert written == {"path": "raw.bin", "written_to": str(named)}
    assert named.read_bytes() == b"\x00\x01"


def test_a_folder_is_fetched_with_all_below_it(read: CommandLine, tmp_path: Path) -> None:
    read("artifacts", "get", "child-0", "model", "-o", str(tmp_path / "one"))
    assert (tmp_path / "one/weights.txt").exists()
    read("artifacts", "get", "child-0", ".", "-o", str(tmp_path / "all"))
    assert (tmp_path / "all/model/weights.txt").exists()
    assert (tmp_path / "all/raw.bin").exists()


def test_a_file_is_written_to_standard_output(shared: Sample, process: Subprocess) -> None:
    store = str(shared.store.path)
    answer = process("artifacts", "cat", "child-0", "model/weights.txt", "--store", store)
    assert answer.stdout == "weights\n"


def test_a_file_that_is_not_there_is_an_error(read: CommandLine, tmp_path: Path) -> None:
    assert read("artifacts", "cat", "child-0", "none.txt", code=3).stderr.startswith("error: ")
    assert read("artifacts", "get", "child-0", "none", "-o", str(tmp_path), code=3).stdout == ""
    assert list(tmp_path.iterdir()) == []
