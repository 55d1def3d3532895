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


class Inquiry:
    """Questions to git about the repository around a folder: ask early, read later.

    Git is asked only what it reads itself: no hooks, no external diff, no lock of the index. The
    repository is as it was when git was asked, except for the contents of files.

    Raises:
        OSError: There is no git.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._questions = (
            _Question(folder, "rev-parse", "--show-toplevel"),
            _Question(folder, "status", "--porcelain=2", "--branch", "-z", "-uall"),
            _Question(folder, "config", "-z", "--get-regexp", r"^(remote|branch)\..*"),
        )

    def read(self, without: Path | None = None) -> CodeState | None:
        """The state of the repository; None if git reads none there, or it has no commit yet.

        Args:
            without: A folder whose untracked files are left out: the store's, which grows with each
                run.
        """
        root, entries, settings = map(_answer_or_none, self._questions)
        if root is None or entries is None:
            return None
        place = Path(_text(root).rstrip("\n"))
        status = _Status(entries)
        if without is not None:
            status.leave_out(place, without)
        remote = _remote(_text(settings or b""), status.branch)
        return _state(self._folder, place, status, remote)


def ask(folder: Path) -> Inquiry | None:
    """Ask git about the repository around `folder`; None outside of a repository or without git."""
    if not any((place / ".git").exists() for place in (folder, *folder.parents)):
        return None  # git would say the same, later
    try:
        return Inquiry(folder)
    except OSError:
        return None


def _state(folder: Path, root: Path, status: "_Status", remote: str) -> CodeState | None:
    """Read the files that git names."""
    if status.commit == "(initial)":
        return None  # there is no commit yet
    problem, diff = "", b""
    files: dict[str, bytes] = {}
    untracked: list[Untracked] = []
    try:
        untracked = _read_untracked(root, status.untracked[:UNTRACKED_FILES_MAX], files)
        secret = [name for name in status.changed if is_secret_file(_text(name))]
        if len(secret) < len(status.changed):
            diff = _Question(
                root, "diff", "HEAD", "--binary", "--full-index", "--no-color", "--no-ext-diff",
                "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--", ":(top)",
                *(f":(top,literal,exclude){os.fsdecode(name)}" for name in secret),
            ).answer()  # fmt: skip
    except (_GitError, OSError) as error:
        problem = str(error)
    if len(diff) > DIFF_BYTES_MAX:
        problem = f"the diff has {len(diff):,} bytes, more than {DIFF_BYTES_MAX:,}: it is not kept"
        diff = b""
    code = Code(
        commit=status.commit,
        root=str(root),
        folder=_below(folder, root),
        branch=status.branch,
        remote=without_credentials(remote),
        changed=[_text(name) for name in status.changed],
        diff_kept=bool(diff),
        untracked=untracked,
        untracked_total=len(status.untracked),
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


class _Status:
    """The answer of `git status --porcelain=2 --branch -z`."""

    def __init__(self, answer: bytes) -> None:
        self.commit = self.branch = ""
        self.changed: list[bytes] = []
        self.untracked: list[bytes] = []
        fields = iter(answer.split(b"\0"))
        for field in fields:
            kind = field[:2]
            if field.startswith(b"# branch.oid "):
                self.commit = field[13:].decode()
            elif field.startswith(b"# branch.head ") and field != b"# branch.head (detached)":
                self.branch = _text(field[14:])
            elif kind == b"? ":
                self.untracked.append(field[2:])
            elif kind in (b"1 ", b"u "):
                self.changed.append(field.split(b" ", 8 if kind == b"1 " else 10)[-1])
            elif kind == b"2 ":  # renamed: the old name is a field of its own
                self.changed.append(field.split(b" ", 9)[-1])
                next(fields, None)

    def leave_out(self, root: Path, folder: Path) -> None:
        """Forget untracked files below a folder."""
        if below := _below(folder, root):
            beginning = os.fsencode(below) + b"/"
            self.untracked = [name for name in self.untracked if not name.startswith(beginning)]


def _remote(answer: str, branch: str) -> str:
    """The URL of the remote that the branch follows, else of `origin`, else of the first."""
    settings = dict(pair.split("\n", 1) for pair in answer.split("\0") if "\n" in pair)
    urls = {
        name.removeprefix("remote.").removesuffix(".url"): url
        for name, url in settings.items()
        if name.startswith("remote.") and name.endswith(".url")
    }
    followed = settings.get(f"branch.{branch}.remote", "origin")
    return urls.get(followed) or urls.get("origin") or next(iter(urls.values()), "")


def _answer_or_none(question: "_Question") -> bytes | None:
    try:
        return question.answer()
    except (_GitError, OSError):
        return None


def _below(folder: Path, root: Path) -> str:
    try:
        place = folder.resolve().relative_to(root.resolve()).as_posix()
    except (ValueError, OSError):
        return ""
    return "" if place == "." else place


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


class _Question:
    """A question to git, which works on it while this process does other things."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._name = words[0]
        self._process = subprocess.Popen(
            ["git", "--no-optional-locks", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        )

    def answer(self) -> bytes:
        """The output of git.

        Raises:
            _GitError: It refuses, takes longer than `GIT_TIMEOUT_S` from now on, or says more than
                `_ANSWER_BYTES_MAX`.
        """
        with self._process as process:
            timer = threading.Timer(GIT_TIMEOUT_S, process.kill)
            timer.start()
            try:
                assert process.stdout is not None
                answer = process.stdout.read(_ANSWER_BYTES_MAX + 1)
                if len(answer) > _ANSWER_BYTES_MAX:
                    process.kill()
                    raise _GitError(f"git {self._name} says more than {_ANSWER_BYTES_MAX:,} bytes")
                code = process.wait()
            finally:
                timer.cancel()
        if code:
            why = f"took more than {GIT_TIMEOUT_S:.0f} s" if code < 0 else f"ended with {code}"
            raise _GitError(f"git {self._name} {why}")
        return answer
