"""The origin of a run as flat names and values, so that runs can be laid side by side."""

from collections.abc import Iterator
from typing import Protocol

from eventtrack.errors import EventtrackError
from eventtrack.running import origin
from eventtrack.running.origin import Origin
from eventtrack.views.queries.artifacts import ArtifactQueries

# Bytes of a file of packages that are read: a thousand packages take 30 kB.
_REQUIREMENTS_BYTES_MAX = 2**20


class HasArtifacts(Protocol):
    """A store, now or at a moment of the past."""

    @property
    def artifacts(self) -> ArtifactQueries:
        """The files of its runs."""
        ...


# By group (`command`, `code`, `package`, `machine`), then by name.
FlatOrigin = dict[str, dict[str, str]]


def flat_origin(store: HasArtifacts, run_id: str) -> FlatOrigin:
    """The names and values of a run's origin; empty if it has none, or none that can be read.

    Values are cut to a length for people, and come from whoever recorded the run.
    """
    entries = {entry.path: entry for entry in store.artifacts.entries(run_id, origin.FOLDER)}
    if origin.FILE not in entries:
        return {}
    try:
        trace = origin.decode(_read(store, run_id, origin.FILE, origin.ORIGIN_BYTES_MAX + 1))
        requirements = b""
        if origin.REQUIREMENTS_FILE in entries:
            requirements = _read(store, run_id, origin.REQUIREMENTS_FILE, _REQUIREMENTS_BYTES_MAX)
    except (EventtrackError, OSError):
        return {}
    difference = entries.get(origin.DIFF_FILE)
    return {
        "command": dict(_command(trace)),
        "code": dict(_code(trace, "" if difference is None else difference.sha256)),
        "package": dict(_packages(requirements.decode("utf-8", "replace"))),
        "machine": dict(_machine(trace)),
    }


def _read(store: HasArtifacts, run_id: str, path: str, bytes_max: int) -> bytes:
    with store.artifacts.open(run_id, path) as file:
        return file.read(bytes_max)


def _command(trace: Origin) -> Iterator[tuple[str, str]]:
    yield "arguments", " ".join(trace.command.argv)
    yield from trace.command.environment.items()


def _code(trace: Origin, diff_sha256: str) -> Iterator[tuple[str, str]]:
    code = trace.code
    if code is None:
        return
    yield "commit", code.commit
    for name, value in (("branch", code.branch), ("remote", code.remote), ("folder", code.folder)):
        if value:
            yield name, value
    if code.changed:
        shown = ", ".join(code.changed[:20])
        more = f" and {len(code.changed) - 20:,} more" if len(code.changed) > 20 else ""
        yield "changed files", f"{shown}{more}"
        yield "changes", diff_sha256[:16]
    for file in code.untracked:
        yield f"untracked {file.path}", file.sha256[:16] or f"{file.size:,} bytes"


def _packages(requirements: str) -> Iterator[tuple[str, str]]:
    for line in requirements.splitlines():
        text = line.removeprefix("# ")
        name, separator, version = text.partition("==")
        if not separator:
            name, separator, version = text.partition(" @ ")
        if separator:
            yield name, version


def _machine(trace: Origin) -> Iterator[tuple[str, str]]:
    computer = trace.computer
    yield "host", computer.host
    yield "user", computer.user
    yield "system", computer.system
    yield "processor", f"{computer.processor} ({computer.processors})"
    if computer.gpus:
        yield "GPUs", ", ".join(computer.gpus)
    if trace.python is not None:
        yield "Python", f"{trace.python.implementation} {trace.python.version}"
    yield from (*computer.container.items(), *computer.scheduler.items())
