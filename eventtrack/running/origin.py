"""The origin of a run: what is needed to run its command again, as a file of the run.

`origin/run.json` holds an `Origin`; the files beside it are named there. They are ordinary
artifacts, so a thousand runs with the same packages store one `requirements.txt`. `docs/running.md`
lists every field. An origin that came from another machine is data of a stranger: read it with
`decode`, which bounds it, and trust no path and no command in it.
"""

import msgspec

from eventtrack.errors import InvalidValueError

FOLDER = "origin"
FILE = "origin/run.json"
REQUIREMENTS_FILE = "origin/requirements.txt"
CONDA_FILE = "origin/conda.txt"
DIFF_FILE = "origin/changes.diff"
UNTRACKED_FOLDER = "origin/untracked"

VERSION = 1
ORIGIN_BYTES_MAX = 16 * 2**20


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """The command, its folder, and the variables of the allow-list that were set.

    `argv` has `hidden` in place of values that belong to names like `--api-key`.
    """

    argv: list[str]
    cwd: str
    environment: dict[str, str] = {}


class Untracked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file that git did not track: its path in the repository, bytes, and SHA-256 in hex.

    `kept` says whether its contents are beside it; else `sha256` may be empty.
    """

    path: str
    size: int
    sha256: str = ""
    kept: bool = False
    executable: bool = False


class Code(msgspec.Struct, frozen=True, omit_defaults=True):
    """The repository around the command's folder.

    `folder` is the command's folder within the repository; `root` the repository's place on the
    machine. `remote` has no credentials. `problem` says what could not be read.
    """

    commit: str
    root: str
    folder: str = ""
    branch: str = ""
    remote: str = ""
    changed: list[str] = []
    diff_kept: bool = False
    untracked: list[Untracked] = []
    untracked_total: int = 0
    problem: str = ""


class Python(msgspec.Struct, frozen=True, omit_defaults=True):
    """The interpreter that the command ran with, or found first, and its packages' source.

    `manager` is `uv`, `conda` or `pip`; `packages` counts the lines of `requirements.txt`.
    """

    version: str
    executable: str
    implementation: str = ""
    manager: str = "pip"
    packages: int = 0


class Computer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The machine: its name, user, system, processors, memory, GPUs, container and scheduler."""

    host: str
    user: str
    system: str
    processor: str = ""
    processors: int = 0
    memory_bytes: int = 0
    gpus: list[str] = []
    container: dict[str, str] = {}
    scheduler: dict[str, str] = {}


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything above, of one start of a command."""

    command: Command
    computer: Computer
    python: Python | None = None
    code: Code | None = None
    version: int = VERSION


def encode(origin: Origin) -> bytes:
    """The origin as the JSON that is stored."""
    return msgspec.json.format(msgspec.json.encode(origin), indent=1) + b"\n"


def decode(data: bytes) -> Origin:
    """The origin in stored JSON; fields of later versions are ignored.

    Raises:
        InvalidValueError: It is none.
    """
    if len(data) > ORIGIN_BYTES_MAX:
        raise InvalidValueError(
            f"cannot read {FILE}: it has {len(data):,} bytes, more than {ORIGIN_BYTES_MAX:,}",
            hint="fetch it with `eventtrack artifacts get` and look at it",
        )
    try:
        return msgspec.json.decode(data, type=Origin)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidValueError(
            f"cannot read {FILE}: {error}", hint="look at it with `eventtrack artifacts cat`"
        ) from error
