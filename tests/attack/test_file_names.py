"""Names of files that others chose stop no copy of the other files, and fit every answer."""

import asyncio
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from eventtrack.cli import cli
from eventtrack.errors import EventtrackError, EventtrackWarning, InvalidValueError
from eventtrack.events import types
from eventtrack.events.items import MediaLogged, Medium
from eventtrack.server import files
from eventtrack.store import Store
from eventtrack.web import exports
from tests.attack.planted import Mallory

LONG = ("n" * 256, "é" * 128, "d/" * 1100 + "f")


class _Services(NamedTuple):
    """What a server answers with, without its threads."""

    store: Store

    async def read(self, work: Callable[[], Any]) -> Any:
        return work()


@pytest.fixture
def run_id(store: Store) -> str:
    """A run with a file and, from another machine, a file below it."""
    found = store.runs.create("0").info.run_id
    store.artifacts.log_bytes(found, b"good", "a/good")
    store.artifacts.log_bytes(found, b"file", "both")
    digest, size = store.artifacts.blobs.keep(b"below")
    Mallory().log_file(store, found, types.ArtifactStored("both/f", size, digest, None))
    return found


def test_a_file_that_is_a_folder_elsewhere_stops_no_copy(
    store: Store, run_id: str, tmp_path: Path
) -> None:
    with pytest.raises(EventtrackError, match=r"1 of 3 files were not copied.*both/f"):
        store.artifacts.download(run_id, "", tmp_path / "out")
    assert (tmp_path / "out/a/good").read_bytes() == b"good"
    assert store.artifacts.download(run_id, "both/f", tmp_path / "x").read_bytes() == b"below"
    words = ["--store", str(store.path), "artifacts", "get", run_id, ".", "-o", str(tmp_path / "y")]
    store.close()
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 7
    assert (tmp_path / "y/a/good").read_bytes() == b"good"
    assert (tmp_path / "y/both").read_bytes() == b"file"


@pytest.mark.parametrize("path", LONG)
def test_a_path_that_no_disk_takes_is_refused_here_and_hidden_from_elsewhere(
    store: Store, run_id: str, path: str
) -> None:
    with pytest.raises(InvalidValueError, match="too long for a file"):
        store.artifacts.log_bytes(run_id, b"x", path)
    digest, size = store.artifacts.blobs.keep(b"x")
    Mallory().log_file(store, run_id, types.ArtifactStored(path, size, digest, None))
    assert path not in [entry.path for entry in store.artifacts.entries(run_id)]
    assert store.maintenance.check().hidden == [f"file {path!r} of run {run_id}"]


def test_a_zip_has_no_name_that_leads_out_of_a_folder_on_windows(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"x", "..\\..\\evil")
    with zipfile.ZipFile(io.BytesIO(b"".join(exports.folder(store, run_id, "")))) as packed:
        assert [name for name in packed.namelist() if "\\" in name] == []
        assert packed.read("..%5C..%5Cevil") == b"x"


@pytest.mark.parametrize("media_type", ["image/png\r\nx-injected: 1", "image/☃", "", "image/" * 99])
def test_a_media_type_that_is_none_breaks_no_answer(
    store: Store, run_id: str, media_type: str
) -> None:
    digest, size = store.artifacts.blobs.keep(b"<svg/>")
    medium = Medium(media_type, size, digest, None, None)
    Mallory().tell(store, f"run/{run_id}", MediaLogged("i", [medium], 0, 1000))
    answer = asyncio.run(files.send_medium(_Services(store), run_id, digest.hex()))  # type: ignore[arg-type]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-injected" not in answer.headers


def test_what_a_folder_has_beside_files_is_named(store: Store, run_id: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "real").mkdir(parents=True)
    (source / "real/f").write_text("x")
    (source / "latest").symlink_to("real")
    (source / "gone").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    with pytest.warns(EventtrackWarning, match=r"3 entries .* gone, latest, pipe"):
        store.artifacts.log_folder(run_id, source, "copied")
    assert [entry.path for entry in store.artifacts.entries(run_id, "copied")] == ["copied/real/f"]
