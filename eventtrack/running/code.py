"""Reads the code around a folder from git: commit, branch, remote, changes, untracked files."""

import hashlib
import os
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

from eventtrack.running.origin import Code, Untracked
from eventtrack.running.secrets import is_secret_file, without_credentials

GIT_TIMEOUT_S = 60.0
DIFF_BYTES_MAX = 16 * 2**20
# A diff of large binary files may be larger than memory.
_ANSWER_BYTES_MAX = 64 * 2**20
UNTRACKED_FILES_MAX = 2000
UNTRACKED_FILE_BYTES_MAX = 2**20
UNTRACKED_BYTES_MAX = 16 * 2**20
# Bytes of untracked files that are read for their hashes; larger ones are listed without.
_HASHED_BYTES_MAX = 256 * 2**20


class CodeState(NamedTuple):
    """The code, with the bytes that belong to it: the diff, and untracked files by their paths."""

    code: Code
    diff: bytes
    files: dict[str, bytes]


class _GitError(Exception):
    """Git refused, or took too long."""


def read_code(folder: Path) -> CodeState | None:
    """The state of the repository around `folder`; None outside of a repository or without git.

    Git is asked only what it reads itself: no hooks, no external diff, no lock of the index.
    """
    try:
        root_text = _git(folder, "rev-parse", "--show-toplevel").decode(errors="surrogateescape")
        commit = _git(folder, "rev-parse", "HEAD").decode().strip()
    except (_GitError, OSError):
        return None
    root = Path(root_text.rstrip("\n"))
    problem, diff, changed = "", b"", []
    files: dict[str, bytes] = {}
    untracked: list[Untracked] = []
    total = 0
    try:
        diff = _git(
            root, "diff", "HEAD", "--binary", "--full-index", "--no-color", "--no-ext-diff",
            "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/",
        )  # fmt: skip
        changed = _names(_git(root, "diff", "HEAD", "--name-only", "-z", "--no-ext-diff"))
        others = _names(_git(root, "ls-files", "--others", "--exclude-standard", "-z"))
        total = len(others)
        untracked = _read_untracked(root, others[:UNTRACKED_FILES_MAX], files)
    except (_GitError, OSError) as error:
        problem = str(error)
    if len(diff) > DIFF_BYTES_MAX:
        problem = f"the diff has {len(diff):,} bytes, more than {DIFF_BYTES_MAX:,}: it is not kept"
        diff = b""
    code = Code(
        commit=commit,
        root=str(root),
        folder=_below(folder, root),
        branch=_line(folder, "symbolic-ref", "--quiet", "--short", "HEAD"),
        remote=without_credentials(_line(folder, "remote", "get-url", _remote(folder))),
        changed=[_text(name) for name in changed],
        diff_kept=bool(diff),
        untracked=untracked,
        untracked_total=total,
        problem=problem,
    )
    return CodeState(code, diff, files)


def _read_untracked(root: Path, names: list[bytes], files: dict[str, bytes]) -> list[Untracked]:
    """Describe untracked files; put the contents that are kept into `files`."""
    entries = []
    kept_bytes = hashed_bytes = 0
    for name in names:
        place = os.path.join(os.fsencode(root), name)  # noqa: PTH118 - bytes
        path = _text(name)
        try:
            state = os.lstat(place)
            if not os.path.isfile(place) or os.path.islink(place):  # noqa: PTH113, PTH114 - bytes
                continue
            executable = bool(state.st_mode & 0o100)
            if hashed_bytes + state.st_size > _HASHED_BYTES_MAX:
                entries.append(Untracked(path, state.st_size, executable=executable))
                continue
            hashed_bytes += state.st_size
            data = Path(os.fsdecode(place)).read_bytes()
        except OSError:
            continue  # it has gone, or is not ours to read
        is_kept = (
            len(data) <= UNTRACKED_FILE_BYTES_MAX
            and kept_bytes + len(data) <= UNTRACKED_BYTES_MAX
            and not is_secret_file(path)
            and path.encode("utf-8", "replace") == name
        )
        if is_kept:
            kept_bytes += len(data)
            files[path] = data
        digest = hashlib.sha256(data).hexdigest()
        entries.append(Untracked(path, len(data), digest, is_kept, executable))
    return entries


def _remote(folder: Path) -> str:
    """The remote that the branch follows, else `origin`, else the first."""
    names = _line(folder, "remote", lines=True).split("\n")
    branch = _line(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    followed = _line(folder, "config", f"branch.{branch}.remote") if branch else ""
    candidates = (followed, "origin", names[0])
    return next((name for name in candidates if name in names), "origin")


def _below(folder: Path, root: Path) -> str:
    try:
        place = folder.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError):
        return ""
    return "" if place == "." else place


def _names(listed: bytes) -> list[bytes]:
    return [name for name in listed.split(b"\0") if name]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _line(folder: Path, *words: str, lines: bool = False) -> str:
    """The answer of git as text; empty if it refuses."""
    try:
        answer = _git(folder, *words).decode("utf-8", "replace").strip()
    except (_GitError, OSError):
        return ""
    return answer if lines else answer.partition("\n")[0]


def _git(folder: Path, *words: str) -> bytes:
    """The output of git.

    Raises:
        _GitError: It refuses, takes longer than `GIT_TIMEOUT_S`, or says more than
            `_ANSWER_BYTES_MAX`.
    """
    with subprocess.Popen(
        ["git", "--no-optional-locks", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
    ) as process:
        timer = threading.Timer(GIT_TIMEOUT_S, process.kill)
        timer.start()
        try:
            assert process.stdout is not None
            answer = process.stdout.read(_ANSWER_BYTES_MAX + 1)
            if len(answer) > _ANSWER_BYTES_MAX:
                process.kill()
                raise _GitError(f"git {words[0]} says more than {_ANSWER_BYTES_MAX:,} bytes")
            code = process.wait()
        finally:
            timer.cancel()
    if code:
        why = f"took more than {GIT_TIMEOUT_S:.0f} s" if code < 0 else f"ended with {code}"
        raise _GitError(f"git {words[0]} {why}")
    return answer
