"""Kills every writing command at its calls to the system, and looks at what it leaves.

Run as a program, with `recorder.c` preloaded:

    python -m tests.crash.killing FOLDER POINTS [WORK [DICE]]

Each work is done by a forked child that dies just before its n-th call that changes a file. Then
the store must open, be whole and hold what it held; the work must succeed when it is done again;
and of the killed one nothing may be left once its leavings have aged. POINTS says how many calls of
each work are tried; 0 tries all.
"""

import contextlib
import ctypes
import io
import os
import random
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import click

from eventtrack.cli import cli
from eventtrack.cli.base import Failure
from eventtrack.errors import EventtrackWarning
from eventtrack.store import Store, open_store
from eventtrack.store import store as store_module
from eventtrack.sync import Remotes
from eventtrack.tokens import Tokens

RUN = "b" * 32
# Of what a killed process leaves, nothing is kept for longer.
_AGED_S = 3 * 24 * 3600
# Names that only what is under way has.
LEAVINGS = (
    *("**/.draft-*", "**/*.draft-*", "**/*.new", "**/.FORMAT*", "**/.*.json*"),
    *("**/gone-*", "**/erasing", "**/.*.salvage", "**/boot.*", "journal/*.journal"),
    *("remotes/.*", "views/current-*.*", "keys/.*"),
)
Work = Callable[[Path], None]


def command(*words: str) -> Work:
    """A work: a command on the store `store` of a folder, which `{}` in its words stands for."""

    def work(folder: Path) -> None:
        said = [word.replace("{}", str(folder)) for word in words]
        with contextlib.redirect_stdout(io.StringIO()):
            cli(["--store", str(folder / "store"), *said], standalone_mode=False)

    return work


def log_everything(folder: Path) -> None:
    """A run with params, points, tags and a file."""
    store = open_store(folder / "store")
    run_id = store.runs.create("0").info.run_id
    store.runs.log_params(run_id, {"lr": 0.1})
    for step in range(20):
        store.metrics.log(run_id, "loss", step, step)
    store.artifacts.log_bytes(run_id, b"bytes", "file.bin")
    store.runs.set_tags(run_id, {"done": "yes"})


def undo(folder: Path) -> None:
    """Take a run's first params back."""
    [event, *_] = open_store(folder / "store").events.read(types=["run.params_logged"])
    command("undo", f"{event.position}.{event.offset}", "--yes")(folder)


WORKS: dict[str, Work] = {
    "log": log_everything,
    "experiments create": command("experiments", "create", "another"),
    "runs delete": command("runs", "delete", RUN),
    "undo": undo,
    "remote add": command("remote", "add", "second", "{}/second"),
    "remote remove": command("remote", "remove", "origin"),
    "token create": command("token", "create", "grace", "--role", "read"),
    "token revoke": command("token", "revoke", "ada"),
    "push": command("push", "{}/stick"),
    "sync": command("sync", "{}/other-stick"),
    "clone": command("clone", "{}/other-stick", "{}/clone"),
    "bundle create": command("bundle", "create", "{}/one.bundle"),
    "bundle apply": command("bundle", "apply", "{}/other.bundle"),
    "redact": command("redact", RUN, "--reason", "a secret", "--yes"),
    "gc": command("gc", "--yes"),
    "audit seal": command("audit", "seal"),
    "archive": command("archive", "write", "{}/archive"),
    "replay --rebuild": command("replay", "--rebuild"),
    "export": command("export", "--format", "csv", "--output", "{}/runs.csv"),
    "backup": command("backup", "{}/backup"),
    "salvage": command("salvage", "{}/store", "{}/saved"),
}
# A killed one may have done its work already: then it says so when it is done again.
_DONE_ALREADY = {
    *("experiments create", "runs delete", "undo", "remote add", "remote remove"),
    *("token create", "token revoke", "clone", "bundle create", "redact", "archive", "salvage"),
}

# `check` tells what of these was not finished, and how to do that.
_FINISHED = (command("redact", "--finish"),)
# A draft of a file in the clone is taken over by the next who writes that file.
_NEXT = (
    command("remote", "add", "next", "{}/next", "--store", "{}/clone"),
    command("sync", "{}/other-stick", "--store", "{}/clone"),
)
_FINISH = {"redact": _FINISHED, "gc": _FINISHED, "clone": _NEXT}


def prepare(folder: Path) -> None:
    """A store with a run, a deleted one, a token and remotes, and places of another store."""
    folder.mkdir(parents=True)
    other = open_store(folder / "elsewhere" / "store")
    run_id = other.runs.create("0", run_id="c" * 32).info.run_id
    other.artifacts.log_bytes(run_id, b"of the other", "file.bin")
    command("push", f"{folder}/other-stick")(folder / "elsewhere")
    command("bundle", "create", f"{folder}/other.bundle")(folder / "elsewhere")
    other.close()
    shutil.rmtree(folder / "elsewhere")
    store = open_store(folder / "store")
    store.runs.create("0", run_id=RUN)
    store.runs.log_params(RUN, {"lr": 0.1})
    for step in range(50):
        store.metrics.log(RUN, "loss", step / 7, step)
    store.artifacts.log_bytes(RUN, b"before", "before.bin")
    store.runs.create("0", run_id="d" * 32)
    store.runs.delete("d" * 32)
    Remotes(store.replication).add("origin", str(folder / "stick"))
    Tokens(store.path).create("ada", "write")


def child(work: Callable[[], None], kill_at: int = -1) -> tuple[int, int]:
    """Do work in a forked child; returns its exit code, and how many calls it made."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        _in_child(work, kill_at, writer)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), int(said or 0)


def _in_child(work: Callable[[], None], kill_at: int, writer: int) -> None:
    code = 1
    try:
        signal.alarm(120)  # one that hangs says so by its end
        if kill_at >= 0:
            _recorder().recorder_arm(kill_at)
        work()
        store_module._close_all()
        os.write(writer, str(_recorder().recorder_steps()).encode())
        code = 0
    except (Failure, click.exceptions.Exit, click.Abort) as error:
        code = getattr(error, "exit_code", 1)
        sys.stderr.write(f"{error}\n")
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _recorder() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def look(folder: Path, name: str, *, is_done: bool) -> None:
    """The store opens, is whole, and holds what had returned before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EventtrackWarning)
        store = open_store(folder / "store", create=False)
    # What a killed sync brought may name files that it would have brought next.
    allowed = () if is_done else ("redaction was not finished", "file.bin' are missing")
    found = [one.what for one in store.maintenance.check().problems]
    problems = [what for what in found if not any(words in what for words in allowed)]
    assert not problems, problems
    if name != "redact":
        _assert_held(store, name)
    names = {one.name for one in Remotes(store.replication).list()}
    assert "origin" in names or name == "remote remove", names
    tokens = {one.name for one in Tokens(store.path).list()}
    assert "ada" in tokens or name == "token revoke", tokens


def _assert_held(store: Store, name: str) -> None:
    assert len(store.metrics.arrays(RUN, "loss")) == 50
    assert store.runs.get(RUN).data.params.get("lr") == "0.1" or name == "undo"
    with store.replication.views() as reader:
        [artifact] = reader.artifacts(reader.number(f"run/{RUN}") or 0)
    assert store.replication.blobs.read(artifact.sha256) == b"before"


def age(folder: Path) -> None:
    """Let days pass."""
    then = time.time() - _AGED_S
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then), follow_symlinks=False)


def left(folder: Path) -> list[str]:
    """What is still there of works that were killed."""
    store = folder / "store"
    found = {path for pattern in LEAVINGS for path in store.glob(pattern)}
    found |= {path for path in folder.rglob("*") if path.name.startswith((".draft-", ".saved"))}
    return sorted(str(path.relative_to(folder)) for path in found)


def kill_one(name: str, prepared: Path, folder: Path, kill_at: int) -> bool:
    """One kill; returns whether the work was killed, and not done before that call came."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared, folder, symlinks=True)
    where = f"{name}, killed at call {kill_at}"
    code, _ = child(lambda: WORKS[name](folder), kill_at)
    assert code in (-9, 0), f"{where}: it ended with {code}"
    looked, _ = child(lambda: look(folder, name, is_done=False))
    assert looked == 0, f"{where}: the store is not as it must be"
    age(folder)
    again, _ = child(lambda: WORKS[name](folder))
    allowed = (0, 2, 3, 4, 5) if name in _DONE_ALREADY else (0,)
    assert again in allowed, f"{where}: done again it ended with {again}"
    for last in (*_FINISH.get(name, ()), WORKS["log"], command("replay", "--rebuild")):
        done, _ = child(lambda: last(folder))  # noqa: B023 - done before the next
        assert done == 0, f"{where}: what came later ended with {done}"
    looked, _ = child(lambda: look(folder, name, is_done=True))
    assert looked == 0, f"{where}: done again, the store is not as it must be"
    assert not left(folder), f"{where}: it leaves {left(folder)}"
    return code == -9


def kill_all(folder: Path, points: int, only: str = "", dice: str = "") -> int:
    """Kill works at some of their calls, or at all; returns how many were killed."""
    prepared = folder / "prepared"
    code, _ = child(lambda: prepare(prepared))
    assert code == 0
    killed = 0
    for name in [only] if only else WORKS:
        case = folder / "case"
        shutil.copytree(prepared, case)
        code, total = child(lambda: WORKS[name](case), 0)  # noqa: B023 - done before the next
        assert code == 0, f"{name} ended with {code}"
        assert total > 2, f"{name} changes nothing"
        shutil.rmtree(case)
        chance = random.Random(f"{name}{dice}")
        chosen = range(1, total + 1) if not points else chance.sample(range(1, total), points)
        for kill_at in chosen:
            killed += kill_one(name, prepared, case, kill_at)
        shutil.rmtree(case, ignore_errors=True)
    return killed


if __name__ == "__main__":
    sys.stdout.write(f"{kill_all(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])}\n")
