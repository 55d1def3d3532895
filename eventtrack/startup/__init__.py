"""Hooks at the start of Python within a command: `eventtrack run --mirror` and `--as`.

Python imports a module `sitecustomize` when it starts, if it finds one. The command's environment
has this folder in front of PYTHONPATH, so it finds ours, which waits for the imports of the
packages that are to be mirrored or replaced. A program of another language sees two variables.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

# Names that may be mirrored, and those that a stand-in may take the place of.
MIRRORED = ("mlflow", "tensorboard", "wandb")
REPLACED = ("wandb",)

_FOLDER = str(Path(__file__).parent)


def environment(
    inherited: Mapping[str, str], run_id: str, mirrored: Sequence[str], replaced: Sequence[str]
) -> dict[str, str]:
    """The variables to set for a command, for `sitecustomize` in it and in what it starts.

    Args:
        inherited: The environment that the command would have.
        run_id: The run that mirrored calls are logged to.
        mirrored: Names out of `MIRRORED`.
        replaced: Names out of `REPLACED`.
    """
    if not mirrored and not replaced:
        return {}
    path = inherited.get("PYTHONPATH")
    return {
        "PYTHONPATH": f"{_FOLDER}{os.pathsep}{path}" if path else _FOLDER,
        "EVENTTRACK_MIRROR": ",".join(mirrored),
        "EVENTTRACK_MIRROR_RUN": run_id,
        "EVENTTRACK_AS": ",".join(replaced),
    }
