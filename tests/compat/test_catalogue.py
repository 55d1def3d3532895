"""The list of MLflow's endpoints is whole, and the document about them is true."""

import re
from pathlib import Path
from typing import Any

import pytest

from eventtrack.compat import catalogue
from eventtrack.server.routes import served

DOCUMENT = Path(__file__).parents[2] / "eventtrack" / "docs" / "mlflow.md"


def served_paths() -> set[tuple[str, str]]:
    """Method and path of everything that is served, as the catalogue spells it."""
    return {
        (method, f"{path}<artifact_path>" if path.endswith("/") else path)
        for method, path, _ in served()
    }


def is_served(one: catalogue.Known) -> bool:
    """Whether an endpoint is served under all of its paths."""
    found = {path for path in one.paths() if (one.method, path) in served_paths()}
    assert found in (set(), set(one.paths())), f"{one.path} is served in part: {found}"
    return bool(found)


def document_rows() -> list[tuple[str, str, str, str]]:
    """Group, method, path and state of each row of the document's tables."""
    rows, group = [], ""
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        found = re.fullmatch(r"\| (\w+) \| `(\S+)` \| (served|501) \|", line)
        if found:
            rows.append((group, found[1], found[2], found[3]))
    return rows


def test_the_document_says_what_is_served_and_what_is_not() -> None:
    true = [
        (one.group, one.method, one.path, "served" if is_served(one) else "501")
        for one in catalogue.known()
    ]
    assert document_rows() == true


OURS = ("/eventtrack/", "/api/eventtrack/", "/openapi.")


def test_nothing_is_served_that_mlflow_does_not_have() -> None:
    known = {(one.method, path) for one in catalogue.known() for path in one.paths()}
    ours = {one for one in served_paths() if one[1].startswith(OURS)}
    assert served_paths() - ours <= known


def test_nothing_of_mlflows_is_forgotten() -> None:
    handlers: Any = pytest.importorskip("mlflow.server.handlers")
    known = {(one.method, path) for one in catalogue.known() for path in one.paths()}
    theirs = {
        (method, path.replace("<path:", "<"))
        for path, _, methods in handlers.get_endpoints()
        for method in methods
        if "2.0mlflow" not in path  # a slip of its own
    }
    assert theirs - known == set()
