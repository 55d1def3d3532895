"""Peers: other trackers doing the same work on the same machine, each in an environment of its own.

The environments are made once, outside the repository (`--peers DIR`); a peer that cannot be
installed is left out, and the report says so.
"""

import json
import shutil
import statistics
import subprocess
import venv
from collections.abc import Collection
from pathlib import Path

from _harness import Report, environment

HERE = Path(__file__).resolve().parent
PEERS = ("tensorboardX", "trackio", "mlflow")
DEFAULT_FOLDER = Path.home() / ".cache" / "eventtrack-bench"


class Peers:
    """The peers that are here.

    Args:
        names: Those that are wanted.
    """

    def __init__(self, report: Report, names: Collection[str] = PEERS) -> None:
        self._report = report
        self._folder: Path = report.options.peers or DEFAULT_FOLDER
        self._pythons: dict[str, Path] = {}
        if not report.options.no_peers:
            self._pythons = {name: python for name in names if (python := self._python(name))}
        for name, python in self._pythons.items():
            report.note(f"peer: {name} {_installed(python, name)}")

    def python(self, name: str) -> Path | None:
        """The interpreter of a peer; None where it is not here."""
        return self._pythons.get(name)

    def medians(
        self, task: str, names: Collection[str] = PEERS, **variables: str
    ) -> dict[str, float]:
        """The median of a task for each peer; see `_peer_driver.py`.

        Args:
            names: Only these peers.
            variables: Of their environment.
        """
        found: dict[str, float] = {}
        for name, python in self._pythons.items():
            if name not in names:
                continue
            with self._report.folder() as folder:
                script = str(HERE / f"_peer_{name}.py")
                rounds = str(min(self._report.rounds, 3))
                # Some print their welcome, and read the home folder's settings.
                done = subprocess.run(
                    [str(python), script, task, str(folder), rounds],
                    cwd=folder,
                    env=environment(HOME=str(folder), **variables),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    self._report.note(f"{name} failed at {task}: {done.stderr[-200:]}")
                else:
                    samples = json.loads(done.stdout.splitlines()[-1])
                    found[name] = statistics.median(samples)
        return found

    def import_ms(self) -> dict[str, float]:
        """The time of a new Python with each peer imported."""
        found = {}
        for name, python in self._pythons.items():
            code = (
                "import time; began = time.perf_counter(); "
                f"import {name}; print((time.perf_counter() - began) * 1e3)"
            )
            taken = [
                float(
                    subprocess.check_output(
                        [str(python), "-c", code], env=environment(), text=True
                    ).split()[-1]
                )
                for _ in range(min(self._report.rounds, 3))
            ]
            found[name] = statistics.median(taken)
        return found

    def _python(self, name: str) -> Path | None:
        python = self._folder / name / "bin" / "python"
        if python.exists():
            return python
        print(f"installing {name} into {python.parent.parent}", flush=True)
        try:
            venv.create(python.parent.parent, with_pip=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", name], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(python.parent.parent, ignore_errors=True)
            self._report.note(f"{name} is left out: it could not be installed ({error})")
            return None
        return python


def _installed(python: Path, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.check_output([str(python), "-c", code], text=True).strip()
