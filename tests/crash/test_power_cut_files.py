"""Power cuts in all that a store writes: blobs, FORMAT, remotes, tokens, keys, views, a backup.

Played as in `test_power_cut`, with names: a file that was made or renamed may have its old name
again, and one whose name is there may lack its bytes.
"""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.cli.base import Failure
from eventtrack.projections import build as build_module
from eventtrack.rescue import back_up
from eventtrack.rescue.backup import NOTE
from eventtrack.store import Store, open_store
from eventtrack.sync import Remotes, clone
from eventtrack.tokens import Tokens
from tests.crash import killing, recording, workers
from tests.crash.disk import Disk
from tests.crash.recording import Step
from tests.crash.workers import opened

CUTS = 60
RUN = "e" * 32


def create(folder: Path) -> None:
    """A store with a run."""
    open_store(folder / "store").runs.create("0", run_id=RUN)


def artifact(number: int) -> Callable[[Path], None]:
    """A file of the run."""

    def log(folder: Path) -> None:
        store = open_store(folder / "store")
        store.artifacts.log_bytes(RUN, bytes([number]) * 5000, f"{number}.bin")

    return log


def points(folder: Path) -> None:
    """Points, and views that are folded anew."""
    store = open_store(folder / "store")
    for step in range(20):
        store.metrics.log(RUN, "loss", step, step)
    store.maintenance.rebuild()


def back_up_all(folder: Path) -> None:
    """A backup beside the store."""
    back_up(open_store(folder / "store"), folder / "backup")


WORKS: dict[str, Callable[[Path], None]] = {
    "create": create,
    "first remote": killing.command("remote", "add", "first", "{}/first"),
    "ada": killing.command("token", "create", "ada"),
    "1.bin": artifact(1),
    "key": killing.command("audit", "seal"),
    "backup": back_up_all,
    "second remote": killing.command("remote", "add", "second", "{}/second"),
    "grace": killing.command("token", "create", "grace"),
    "2.bin": artifact(2),
    "points": points,
    "no ada": killing.command("token", "revoke", "ada"),
    "backup again": back_up_all,
    "no first remote": killing.command("remote", "remove", "first"),
    "3.bin": artifact(3),
}


def do_all(folder: Path) -> None:
    """Everything, each noted when it has returned."""
    with (folder / "returned").open("wb", buffering=0) as file:
        for name, work in WORKS.items():
            with contextlib.redirect_stdout(io.StringIO()):
                work(folder)
            file.write(f"{name}\n".encode())
    os._exit(0)


def record(folder: Path) -> list[Step]:
    """What a process does to all files while it does everything."""
    library = recording.built(folder)
    (folder / "all").mkdir()
    code = (
        "import pathlib, tests.crash.test_power_cut_files as tests\n"
        f"tests.do_all(pathlib.Path({str(folder / 'all')!r}))"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        timeout=workers.PATIENCE_S,
        env=recording.environment(library, folder / "all", folder / "record"),
    )
    return list(recording.steps(folder / "record"))


def cut_often(recorded: list[Step], folder: Path, chance: random.Random, count: int) -> None:
    """Cut the power at some of the steps, and look at what is on the disk then."""
    assert [step.data.decode().strip() for step in recorded if step.kind == "R"] == [*WORKS]
    cuts = {*chance.sample(range(1, len(recorded)), count), len(recorded) - 1}
    disk, returned = Disk(), list[str]()
    for number, step in enumerate(recorded):
        disk.take(step)
        if step.kind == "R":
            returned.append(step.data.decode().strip())
        if number in cuts:
            image = folder / f"cut-{number}"
            image.mkdir()
            disk.after_a_cut(image, chance)
            try:
                _assert_holds(image, returned)
            except Exception as error:
                error.add_note(f"the cut was at {number}, after {returned} and in {step[:5]}")
                raise
            shutil.rmtree(image)


@pytest.mark.slow
def test_after_a_power_cut_every_file_is_what_the_calls_that_had_returned_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "boot_id", lambda: "another boot")
    cut_often(record(tmp_path), tmp_path, random.Random(19), CUTS)


def _assert_holds(folder: Path, returned: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        store = open_store(folder / "store", create="create" not in returned)
    try:
        _assert_store_holds(store, returned)
    finally:
        store.close()
    if "backup" in returned:
        _assert_backup_holds(folder)
    # All of it can be done again, or goes on.
    for name in ("first remote", "ada", "1.bin", "key", "backup"):
        if name not in returned and "create" in returned:
            with contextlib.suppress(Failure):  # it was done before the cut, say
                WORKS[name](folder)
    with opened(folder / "store") as again:
        workers.assert_sound(again)


def _assert_store_holds(store: Store, returned: list[str]) -> None:
    assert store.maintenance.check().ok, store.maintenance.check().problems
    names = {one.name for one in Remotes(store.replication).list()}
    tokens = {one.name for one in Tokens(store.path).list()}
    for name in ("first", "second"):
        if f"{name} remote" in returned and "no first remote" not in [*returned, *_next(returned)]:
            assert name in names
    if "ada" in returned and "no ada" not in [*returned, *_next(returned)]:
        assert "ada" in tokens
    if "no ada" in returned:
        assert tokens == {"grace"}
    for number in (1, 2, 3):
        if f"{number}.bin" in returned:
            paths = {one.path for one in store.artifacts.list(RUN)}
            assert f"{number}.bin" in paths
    if "points" in returned:
        assert len(store.metrics.arrays(RUN, "loss")) == 20
    if "key" in returned:
        assert list((store.path / "keys").iterdir())


def _next(returned: list[str]) -> list[str]:
    """The work that was under way: it may be done, or not."""
    return [*WORKS][len(returned) : len(returned) + 1]


def _assert_backup_holds(folder: Path) -> None:
    heads = json.loads((folder / "backup" / NOTE).read_bytes())["heads"]
    again, _ = clone(str(folder / "backup"), folder / "again")
    found = {feed.hex(): head.size for feed, head in again.replication.heads().items()}
    assert all(found[feed] >= size for feed, size in heads.items())
    assert again.maintenance.check().ok
    again.close()
