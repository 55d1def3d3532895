"""Keeps the origin of a run: reads code, packages and machine, and stores them as files."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eventtrack.running import origin, secrets
from eventtrack.running.code import CodeState, read_code
from eventtrack.running.computer import read_computer
from eventtrack.running.origin import Command, Origin
from eventtrack.running.packages import Inquiry, Packages, ask
from eventtrack.store import Store
from eventtrack.tags import GIT_BRANCH_TAG, GIT_COMMIT_TAG, GIT_REPOSITORY_TAG

if TYPE_CHECKING:
    from eventtrack.outbox.store import RemoteStore


class Tracer:
    """Keeps the origin of one run.

    Args:
        argv: The command, as it was given.
        inquiry: The question to its interpreter, if it was asked already.
    """

    def __init__(
        self,
        store: "Store | RemoteStore",
        run_id: str,
        argv: Sequence[str],
        inquiry: Inquiry | None = None,
    ) -> None:
        self._inquiry = inquiry
        self._store = store
        self._run_id = run_id
        self._argv = list(argv)
        self._variables = dict(os.environ)
        self._folder = Path.cwd()

    def keep(self) -> None:
        """Read everything and store it, in one commit."""
        inquiry = self._inquiry or ask(self._argv, self._variables)
        code = read_code(self._folder)
        installed = None if inquiry is None else inquiry.packages()
        trace = Origin(
            command=Command(
                argv=secrets.hide(self._argv),
                cwd=str(self._folder),
                environment=secrets.environment(self._variables),
            ),
            computer=read_computer(self._variables),
            python=None if installed is None else installed.python,
            code=None if code is None else code.code,
        )
        with tempfile.TemporaryDirectory(prefix="eventtrack-") as folder:
            _lay_down(Path(folder), trace, code, installed)
            self._store.artifacts.log_folder(self._run_id, folder, origin.FOLDER)
        if code is not None:
            self._store.runs.set_tags(self._run_id, _tags(code))


def _lay_down(
    folder: Path, trace: Origin, code: CodeState | None, installed: Packages | None
) -> None:
    """Write the files of an origin below a folder: they are then stored in one event."""
    files = {origin.FILE: origin.encode(trace)}
    if installed is not None:
        files[origin.REQUIREMENTS_FILE] = installed.requirements.encode()
        if installed.conda:
            files[origin.CONDA_FILE] = installed.conda.encode()
    if code is not None:
        if code.diff:
            files[origin.DIFF_FILE] = code.diff
        for path, data in code.files.items():
            files[f"{origin.UNTRACKED_FOLDER}/{path}"] = data
    for path, data in files.items():
        place = folder / Path(path).relative_to(origin.FOLDER)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def _tags(code: CodeState) -> dict[str, str]:
    tags = {
        GIT_COMMIT_TAG: code.code.commit,
        GIT_BRANCH_TAG: code.code.branch,
        GIT_REPOSITORY_TAG: code.code.remote,
    }
    return {key: value for key, value in tags.items() if value}
