"""Lays a recorded run out in a new folder: its code, its changes, its packages.

Everything here comes from the record of a run, which a stranger may have written. So each path is
checked, nothing is written through a link, a remote is asked only by https or ssh, and nothing of
the record is started: `plan` says the commands that would be.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from eventtrack.errors import InvalidStateError, InvalidValueError
from eventtrack.running import origin
from eventtrack.running.differing import HasArtifacts
from eventtrack.running.origin import Origin
from eventtrack.running.secrets import HIDDEN

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REMOTE = re.compile(r"(?:https|ssh)://[^-\s][^\s]*|[\w.]+@[\w.]+:[^-\s:][^\s:]*")
# A line of packages names a package and its version, or its address: no option of pip.
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][\w.-]*(?:==[\w.!+*-]+| @ (?:git\+)?(?:https|ssh)://[^\s-][^\s]*)"
)
_CONDA = re.compile(r"[\w.-]+=[\w.!+-]+=[\w.+-]+")
_VERSION = re.compile(r"3\.\d{1,3}")
_FILE_BYTES_MAX = 64 * 2**20
_GIT_TIMEOUT_S = 3600.0
_CODE, _ENVIRONMENT = "code", "environment"


@dataclass
class Plan:
    """A run that is laid out: what was done, and the commands that are left.

    Args:
        folder: The new folder.
        cwd: The folder to run the command in.
        steps: Commands that make the environment, in order.
        command: The command itself, with the environment's interpreter.
        remarks: Sentences about what could not be laid out as it was.
    """

    folder: Path
    cwd: Path
    steps: list[list[str]] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def lay_out(store: HasArtifacts, run_id: str, folder: Path) -> Plan:
    """Write the code of a run, its changes and its packages below a new folder.

    Raises:
        InvalidStateError: The run has no origin, or the folder has contents.
        InvalidValueError: The origin cannot be read, or its commit cannot be fetched.
    """
    trace = _origin_of(store, run_id)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidStateError(
            f"cannot lay out run {run_id} in {folder}: it has contents already",
            hint="name a new folder with --into",
        )
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(folder.resolve(), folder.resolve())
    if trace.code is not None:
        plan.cwd = _lay_out_code(store, run_id, trace.code, trace.computer.host, plan)
    else:
        plan.remarks.append("the command ran outside of a repository: its code is not recorded")
    _lay_out_environment(store, run_id, trace, plan)
    plan.command = _command(trace, plan)
    return plan


def _origin_of(store: HasArtifacts, run_id: str) -> Origin:
    paths = {entry.path for entry in store.artifacts.entries(run_id, origin.FOLDER)}
    if origin.FILE not in paths:
        raise InvalidStateError(
            f"cannot reproduce run {run_id}: it has no {origin.FILE}",
            hint="only runs of `eventtrack run -- CMD` without --no-files can be reproduced",
        )
    return origin.decode(_file(store, run_id, origin.FILE))


def _file(store: HasArtifacts, run_id: str, path: str) -> bytes:
    with store.artifacts.open(run_id, path) as file:
        data = file.read(_FILE_BYTES_MAX + 1)
    if len(data) > _FILE_BYTES_MAX:
        raise InvalidValueError(
            f"cannot lay out {path}: it has more than {_FILE_BYTES_MAX:,} bytes",
            hint="fetch it with `eventtrack artifacts get`",
        )
    return data


def _lay_out_code(
    store: HasArtifacts, run_id: str, code: origin.Code, host: str, plan: Plan
) -> Path:
    """Fetch the commit, apply the changes, add untracked files; returns the command's folder."""
    place = plan.folder / _CODE
    if not _COMMIT.fullmatch(code.commit):
        raise InvalidValueError(
            f"cannot fetch the commit {code.commit[:80]!r}: that is no commit",
            hint="the record of this run is damaged or forged",
        )
    _fetch(code, host, place)
    _git(place, "checkout", "--quiet", "--detach", code.commit)
    kept = {entry.path for entry in store.artifacts.entries(run_id, origin.FOLDER)}
    if origin.DIFF_FILE in kept:
        difference = _file(store, run_id, origin.DIFF_FILE)
        # Git refuses paths that lead out, into `.git`, or beyond a link.
        _git(place, "apply", "--whitespace=nowarn", "-", data=difference)
    elif code.changed:
        plan.remarks.append(f"{len(code.changed)} changed files were too large to keep")
    missing = code.untracked_total - len(code.untracked)
    for file in code.untracked:
        if not file.kept or f"{origin.UNTRACKED_FOLDER}/{file.path}" not in kept:
            missing += 1
            continue
        data = _file(store, run_id, f"{origin.UNTRACKED_FOLDER}/{file.path}")
        write_below(place, file.path, data, executable=file.executable)
    if missing > 0:
        plan.remarks.append(f"{missing:,} untracked files are listed in run.json without contents")
    below = place / check_path(code.folder) if code.folder else place
    return below if below.is_dir() and below.resolve().is_relative_to(place) else place


def _fetch(code: origin.Code, host: str, place: Path) -> None:
    """Make a clone that has the commit: of a repository of this machine, else of the remote."""
    local = [Path.cwd()]
    if host == os.uname().nodename and code.root.startswith("/"):
        local.append(Path(code.root))
    for source in local:
        if source.is_dir() and _has_commit(source, code.commit):
            top = _git(source, "rev-parse", "--show-toplevel").decode().rstrip("\n")
            _git(place.parent, "clone", "--quiet", "--no-checkout", "--", top, str(place))
            return
    if not _REMOTE.fullmatch(code.remote):
        raise InvalidValueError(
            f"cannot fetch the commit {code.commit}: no repository here has it, and the run names "
            f"no remote of https or ssh ({code.remote[:200]!r})",
            hint="run this in a clone of the repository that has the commit",
        )
    _git(place.parent, "init", "--quiet", "--", str(place))
    _git(place, "fetch", "--quiet", "--no-tags", "--", code.remote, code.commit)


def _has_commit(folder: Path, commit: str) -> bool:
    try:
        _git(folder, "cat-file", "-e", f"{commit}^{{commit}}")
    except InvalidValueError:
        return False
    return True


def _git(folder: Path, *words: str, data: bytes | None = None) -> bytes:
    ended = subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *words],
        cwd=folder,
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        timeout=_GIT_TIMEOUT_S,
        check=False,
        env={**os.environ, "GIT_ALLOW_PROTOCOL": "file:https:ssh", "GIT_TERMINAL_PROMPT": "0"},
    )
    if ended.returncode:
        raise InvalidValueError(
            f"git {words[0]} failed: {ended.stderr.decode('utf-8', 'replace').strip()[:2000]}",
            hint="the folder that was begun can be removed",
        )
    return ended.stdout


def check_path(path: str) -> PurePosixPath:
    """A path of a record as one that stays below its folder.

    Raises:
        InvalidValueError: It is absolute, leads out, or goes into `.git`.
    """
    pure = PurePosixPath(path)
    bad = pure.is_absolute() or not path or "\0" in path
    if bad or any(part == ".." or part.lower() == ".git" for part in pure.parts):
        raise InvalidValueError(
            f"cannot lay out a file at {path[:200]!r}: the path leads out of its folder",
            hint="the record of this run is damaged or forged",
        )
    return pure


def write_below(folder: Path, path: str, data: bytes, *, executable: bool = False) -> None:
    """Write a new file below a folder, through no link.

    Raises:
        InvalidValueError: The path leads out, or through a link.
    """
    *parents, name = check_path(path).parts
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for parent in parents:
            if not _exists(parent, here):
                os.mkdir(parent, dir_fd=here)
            below = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(name, flags, 0o755 if executable else 0o644, dir_fd=here)
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
    except OSError as error:
        raise InvalidValueError(
            f"cannot write {path[:200]!r} below {folder}: {error.strerror}",
            hint="the record of this run is damaged or forged",
        ) from error
    finally:
        os.close(here)


def _exists(name: str, folder: int) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _lay_out_environment(store: HasArtifacts, run_id: str, trace: Origin, plan: Plan) -> None:
    python = trace.python
    if python is None:
        plan.remarks.append("no interpreter was recorded: the present packages are used")
        return
    kept = {entry.path for entry in store.artifacts.entries(run_id, origin.FOLDER)}
    environment = str(plan.folder / _ENVIRONMENT)
    files = {}
    for path, pattern in ((origin.REQUIREMENTS_FILE, _REQUIREMENT), (origin.CONDA_FILE, _CONDA)):
        if path in kept:
            text = _file(store, run_id, path).decode("utf-8", "replace")
            lines, refused = _sound(text.splitlines(), pattern)
            files[path] = str(plan.folder / PurePosixPath(path).name)
            Path(files[path]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            plan.remarks += [f"left out of the packages: {line[:200]}" for line in refused[:20]]
    short = python.version.rpartition(".")[0]
    version = short if _VERSION.fullmatch(short) else "3"
    requirements = files.get(origin.REQUIREMENTS_FILE)
    if python.manager == "conda" and origin.CONDA_FILE in files:
        plan.steps.append(
            [
                "conda",
                "create",
                "--yes",
                "--prefix",
                environment,
                "--file",
                files[origin.CONDA_FILE],
            ]
        )
    elif python.manager == "uv" and (plan.folder / _CODE / "uv.lock").is_file():
        code = str(plan.folder / _CODE)
        plan.steps.append(
            ["env", f"UV_PROJECT_ENVIRONMENT={environment}", "uv", "sync", "--frozen", "--project",
             code, "--python", version]
        )  # fmt: skip
    elif python.manager == "uv":
        plan.steps.append(["uv", "venv", "--python", version, environment])
        if requirements is not None:
            interpreter = f"{environment}/bin/python"
            plan.steps.append(["uv", "pip", "install", "--python", interpreter, "-r", requirements])
    else:
        plan.steps.append([f"python{version}", "-m", "venv", environment])
        if requirements is not None:
            interpreter = f"{environment}/bin/python"
            plan.steps.append([interpreter, "-m", "pip", "install", "-r", requirements])


def _sound(lines: Sequence[str], pattern: re.Pattern[str]) -> tuple[list[str], list[str]]:
    """The lines that name packages, and those that do not; comments are the latter."""
    fine = [line for line in lines if pattern.fullmatch(line)]
    return fine, [line for line in lines if line.strip() and not pattern.fullmatch(line)]


def _command(trace: Origin, plan: Plan) -> list[str]:
    """The command, by the environment's programs where the recorded ones were beside its Python."""
    argv = list(trace.command.argv)
    if not argv or any("\0" in word for word in argv):
        raise InvalidValueError("the record has no command", hint="it is damaged or forged")
    if any(HIDDEN in word for word in argv):
        plan.remarks.append(f"secrets were not recorded: replace {HIDDEN} in the command")
    program = PurePosixPath(argv[0])
    python = trace.python
    if python is not None and plan.steps:
        beside = program.parent == PurePosixPath(python.executable).parent
        if program.name.startswith("python") or beside:
            argv[0] = str(plan.folder / _ENVIRONMENT / "bin" / program.name)
    return argv


def shell_lines(plan: Plan) -> Iterator[str]:
    """The commands that are left, as lines for a shell."""
    for step in plan.steps:
        yield shlex.join(step)
    yield shlex.join(["cd", str(plan.cwd)])
    yield shlex.join(["eventtrack", "run", "--", *plan.command])
