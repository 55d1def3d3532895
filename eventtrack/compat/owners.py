"""Owners of files in the paths of MLflow's artifact proxy.

EXPERIMENT/RUN/artifacts/PATH              a file of a run
EXPERIMENT/models/MODEL/artifacts/PATH     a file of a logged model, and so for traces
any/place/RUN/artifacts/PATH               a file of an experiment at `mlflow-artifacts:/any/place`
"""

import re
from typing import Literal, NamedTuple

Kind = Literal["runs", "models", "traces"]
# Ids in the form in which they are drawn: they show the owner in a place with any name.
_RUN = re.compile("[0-9a-f]{32}")
_DRAWN = re.compile("(m-|tr-)?[0-9a-f]{32}")


class Owner(NamedTuple):
    """An owner of files, and a path among them ("" for all)."""

    kind: Kind
    owner: str
    path: str


def owner_of(path: str) -> Owner | None:
    """The owner that a path names; None if it names no owner."""
    pieces = [piece for piece in path.split("/") if piece not in ("", ".")]
    for at in range(2, len(pieces)):
        before, owner = pieces[at - 2], pieces[at - 1]
        kind: Kind = before if before in ("models", "traces") else "runs"  # type: ignore[assignment]
        if kind == "models" and _RUN.fullmatch(owner):
            kind = "runs"
        usual = at == 2 or (at == 3 and kind != "runs")
        if pieces[at] == "artifacts" and (usual or _DRAWN.fullmatch(owner)):
            return Owner(kind, owner, "/".join(pieces[at + 1 :]))
    return None
