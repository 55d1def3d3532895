"""Reads which interpreter a command runs with, and which packages it has.

Nothing of the environment is imported, and pip is not asked: it would take a second. The names of
the folders that installers leave, `NAME-VERSION.dist-info`, say it in milliseconds. Only packages
that came from elsewhere than an index have a file to read (`direct_url.json`).
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventtrack.running.origin import Python
from eventtrack.running.secrets import without_credentials

_ASK = (
    "import json,sys;"
    "print(json.dumps(['.'.join(map(str,sys.version_info[:3])),sys.executable,sys.prefix,"
    "sys.implementation.name,sys.path]))"
)
_ASK_TIMEOUT_S = 20.0
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}
# Version, executable, prefix, implementation and path of an interpreter.
_Answer = tuple[str, str, str, str, list[str]]


class Packages(NamedTuple):
    """An interpreter, its packages as `pip freeze` writes them, and conda's, if conda made it."""

    python: Python
    requirements: str
    conda: str


class DirectUrl(msgspec.Struct, frozen=True):
    """The parts of `direct_url.json` (PEP 610) that say where a package came from."""

    url: str
    vcs_info: dict[str, str] | None = None
    dir_info: dict[str, bool] | None = None


def interpreter_of(argv: Sequence[str], variables: Mapping[str, str]) -> Path | None:
    """The interpreter that a command runs with, as far as its first word tells, or None.

    That is the command itself (`python`), the interpreter beside it (`bin/torchrun`), or else the
    first `python` on the PATH, which a shell script would take.
    """
    path = variables.get("PATH")
    program = shutil.which(argv[0], path=path)
    if program is not None:
        place = Path(program)
        if place.name.startswith(("python", "pypy")):
            return place
        beside = place.parent / "python"
        if (place.parent.parent / "pyvenv.cfg").is_file() and beside.exists():
            return beside
    first = shutil.which("python", path=path) or shutil.which("python3", path=path)
    return Path(first) if first else None


class Inquiry:
    """A question to an interpreter, which takes some 30 ms to start: ask early, read later.

    Args:
        interpreter: The interpreter. Our own is not started.
    """

    def __init__(self, interpreter: Path, variables: Mapping[str, str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: _Answer | None = None
        if interpreter.parent == Path(sys.executable).parent:
            version = ".".join(map(str, sys.version_info[:3]))
            name = sys.implementation.name
            self._answer = (version, sys.executable, sys.prefix, name, sys.path)
            return
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [interpreter, "-c", _ASK],
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def packages(self) -> Packages | None:
        """The packages of the interpreter; None if it does not answer."""
        if self._process is not None:
            with self._process as process, contextlib.suppress(msgspec.DecodeError):
                try:
                    data = process.communicate(timeout=_ASK_TIMEOUT_S)[0]
                    self._answer = msgspec.json.decode(data, type=_Answer)
                except subprocess.TimeoutExpired:
                    process.kill()
        if self._answer is None:
            return None
        version, executable, prefix, implementation, path = self._answer
        lines = sorted(set(_requirements(path)), key=str.lower)
        conda = _conda(Path(prefix))
        python = Python(
            version=version,
            executable=executable,
            implementation=_IMPLEMENTATIONS.get(implementation, implementation),
            manager="conda" if conda else _manager(Path(prefix)),
            packages=len(lines),
        )
        return Packages(python, "".join(f"{line}\n" for line in lines), conda)


def ask(argv: Sequence[str], variables: Mapping[str, str]) -> Inquiry | None:
    """Ask the interpreter that a command runs with; None if there is none."""
    interpreter = interpreter_of(argv, variables)
    return None if interpreter is None else Inquiry(interpreter, variables)


def has_eventtrack(interpreter: Path) -> bool:
    """Whether an interpreter can import eventtrack, judged by its files alone.

    MLflow's client fails at once on a tracking URI whose plugin it cannot load.
    """
    prefix = interpreter.parent.parent
    if prefix.resolve() == Path(sys.prefix).resolve():
        return True
    folders = (
        *prefix.glob("lib/python3*/site-packages"),
        *prefix.glob("lib/python3*/dist-packages"),
    )
    return any(next(folder.glob("eventtrack-*.dist-info"), None) for folder in folders)


def _requirements(path: Sequence[str]) -> Iterator[str]:
    """One line for each package: the first on the path wins, as for imports."""
    seen = set()
    for folder in path:
        try:
            names = sorted(os.listdir(folder)) if folder else []  # noqa: PTH208 - names
        except OSError:
            continue
        for name in names:
            if not name.endswith(".dist-info"):
                continue
            package, _, version = name.removesuffix(".dist-info").partition("-")
            key = package.lower().replace("_", "-").replace(".", "-")
            if version and key not in seen:
                seen.add(key)
                yield _requirement(Path(folder) / name, key, version)


def _requirement(folder: Path, name: str, version: str) -> str:
    try:
        origin = msgspec.json.decode((folder / "direct_url.json").read_bytes(), type=DirectUrl)
    except (OSError, msgspec.DecodeError):
        return f"{name}=={version}"
    url = without_credentials(origin.url)
    if origin.vcs_info:
        commit = origin.vcs_info.get("commit_id", "")
        return f"{name} @ {origin.vcs_info.get('vcs', 'git')}+{url}@{commit}"
    if origin.dir_info is not None and origin.dir_info.get("editable"):
        return f"# {name}=={version} is installed from the folder {url}"
    return (
        f"{name} @ {url}" if not url.startswith("file:") else f"# {name}=={version} is from {url}"
    )


def _manager(prefix: Path) -> str:
    """`uv` if uv made the environment, as its `pyvenv.cfg` says; else `pip`."""
    try:
        settings = (prefix / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        return "pip"
    return "uv" if any(line.startswith("uv =") for line in settings.splitlines()) else "pip"


def _conda(prefix: Path) -> str:
    """Conda's packages as `NAME=VERSION=BUILD`, by the names of the files that conda leaves."""
    try:
        files = sorted((prefix / "conda-meta").glob("*.json"))
    except OSError:
        return ""
    parts = (file.name.removesuffix(".json").rsplit("-", 2) for file in files)
    return "".join(f"{'='.join(part)}\n" for part in parts if len(part) == 3)
