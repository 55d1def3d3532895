"""Keeps the origin of a run: reads code, packages and machine, and stores them as files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eventtrack.lazy import lazy
from eventtrack.running import code, origin, packages, secrets
from eventtrack.running.code import CodeState
from eventtrack.running.origin import Command, Origin
from eventtrack.running.packages import Packages
from eventtrack.tags import GIT_BRANCH_TAG, GIT_COMMIT_TAG, GIT_REPOSITORY_TAG

# Modules of what is read while the command runs already.
if TYPE_CHECKING:
    import tempfile

    from eventtrack import store as stores
    from eventtrack.outbox.store import RemoteStore
    from eventtrack.running import computer
    from eventtrack.store import Store
else:
    computer = lazy("eventtrack.running.computer")
    stores = lazy("eventtrack.store")
    tempfile = lazy("tempfile")


class Tracer:
    """Keeps the origin of one run. Asks git and the command's interpreter as soon as it is made.

    Both take some 30 ms to answer; meanwhile the store is opened and the run started.

    Args:
        argv: The command, as it was given.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._variables = dict(os.environ)
        self._folder = Path.cwd()
        self._installed = packages.ask(self._argv, self._variables)
        self._code = code.ask(self._folder)

    def keep(self, store: "Store | RemoteStore", run_id: str) -> None:
        """Read everything and store it, in one commit."""
        without = store.path if isinstance(store, stores.Store) else None
        state = None if self._code is None else self._code.read(without)
        installed = None if self._installed is None else self._installed.packages()
        trace = Origin(
            command=Command(
                argv=secrets.hide(self._argv),
                cwd=str(self._folder),
                environment=secrets.environment(self._variables),
            ),
            computer=computer.read_computer(self._variables),
            python=None if installed is None else installed.python,
            code=None if state is None else state.code,
        )
        with tempfile.TemporaryDirectory(prefix="eventtrack-") as folder:
            _lay_down(Path(folder), trace, state, installed)
            store.artifacts.log_folder(run_id, folder, origin.FOLDER)
        if state is not None:
            store.runs.set_tags(run_id, _tags(state))


def _lay_down(
    folder: Path, trace: Origin, state: CodeState | None, installed: Packages | None
) -> None:
    """Write the files of an origin below a folder: they are then stored in one event."""
    files = {origin.FILE: origin.encode(trace)}
    if installed is not None:
        files[origin.REQUIREMENTS_FILE] = installed.requirements.encode()
        if installed.conda:
            files[origin.CONDA_FILE] = installed.conda.encode()
    if state is not None:
        if state.diff:
            files[origin.DIFF_FILE] = state.diff
        for path, data in state.files.items():
            files[f"{origin.UNTRACKED_FOLDER}/{path}"] = data
    for path, data in files.items():
        place = folder / Path(path).relative_to(origin.FOLDER)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def _tags(state: CodeState) -> dict[str, str]:
    tags = {
        GIT_COMMIT_TAG: state.code.commit,
        GIT_BRANCH_TAG: state.code.branch,
        GIT_REPOSITORY_TAG: state.code.remote,
    }
    return {key: value for key, value in tags.items() if value}
