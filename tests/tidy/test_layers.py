"""Imports go down, never up, never sideways, never in a ring."""

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tidy.tree import FUNCTIONS, ROOT, Module, modules, plant

# From the top to the floor. A part is a module or a package directly below `eventtrack`; the name
# `eventtrack` itself is the package's `__init__`, the front door, which nothing below it may use.
ROWS = (
    ("__main__",),
    ("cli",),
    ("eventtrack",),
    # Where MLflow's code looks for what the fluent API has: names only.
    ("artifacts", "client", "config", "data", "entities", "exceptions", "tracking"),
    # Runs in notebooks, and a stand-in for the package of W&B.
    ("notebook", "wandb"),
    # Callbacks of training frameworks: each calls the fluent API.
    ("integrations",),
    ("fluent", "plugin", "server"),
    # The pages and what they ask for, without HTTP: the server puts them on it.
    ("web",),
    # Histories come in and go out by the words of other trackers, MLflow's among them; and commands
    # run within runs, recorded from outside.
    ("running", "transfer"),
    # What is logged for other servers, until it is there.
    ("outbox",),
    # Damaged stores and backups: what sync exchanges, with places that cannot be trusted.
    ("rescue",),
    # Stores that are kept equal to a shared log, by what sync checks and takes in.
    ("cluster",),
    ("audit", "compat", "machine", "sync", "tokens", "watch"),
    # Clients of other servers, and of the engines that carry a shared log.
    ("rest", "sharedlog"),
    # Folders and buckets.
    ("spaces",),
    ("store",),
    ("views",),
    ("projections",),
    ("log",),
    ("facts",),
    ("events",),
    # The floor has three steps: all need bounds, errors and the names of tags.
    ("clock", "folders", "ids", "startup", "validate"),
    ("lazy",),
    (
        *("_version", "collector", "errors", "hashing", "limits", "locations", "quick_msgspec"),
        *("tags", "waiting"),
    ),
)
RANKS = {part: rank for rank, row in enumerate(ROWS) for part in row}
# Start-up time is what a command line is judged by first: here an import may wait for its command.
LAZY_PARTS = ("__main__", "cli")


@dataclass(frozen=True)
class Import:
    """One import of our own: the module it names, and whether it waits inside a function."""

    target: str
    node: ast.stmt | ast.expr
    in_function: bool


def own_imports(module: Module, known: set[str]) -> Iterator[Import]:
    """Everything of `eventtrack` that a module imports, also for its types only."""
    waiting: list[tuple[ast.AST, bool]] = [(module.tree, False)]
    while waiting:
        node, in_function = waiting.pop()
        for target in _targets(module, node, known):
            if target.split(".")[0] == "eventtrack":
                assert isinstance(node, ast.stmt | ast.expr)
                yield Import(target, node, in_function)
        inside = in_function or isinstance(node, FUNCTIONS)
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]


def _targets(module: Module, node: ast.AST, known: set[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = node.module or ""
        if node.level:
            parts = module.name.split(".")
            up = node.level - (1 if module.is_package else 0)
            package = ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])
        # `from eventtrack import limits` means the module, where there is one of that name.
        names = [f"{package}.{alias.name}" for alias in node.names]
        return [name if name in known else package for name in names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func).split(".")[-1]
        if called in {"import_module", "__import__"}:
            return [str(node.args[0].value)]
    return []


def part_of(name: str) -> str:
    """`log` for `eventtrack.log.journal`."""
    return name.split(".")[1] if "." in name else name


def wrong_imports(root: Path) -> list[str]:
    """Imports that go up or sideways, wait in a function, or belong to no row."""
    source = list(modules(root, "eventtrack"))
    known = {module.name for module in source}
    problems = []
    for module in source:
        part = part_of(module.name)
        if part not in RANKS:
            problems.append(f"{module.path.as_posix()}: `{part}` has no row: give it one in ROWS")
            continue
        for found in own_imports(module, known):
            target = part_of(found.target)
            if target != part and RANKS.get(target, -1) <= RANKS[part]:
                problems.append(f"{module.at(found.node)}: {part} must not import {target}")
            if found.in_function and part not in LAZY_PARTS:
                problems.append(f"{module.at(found.node)}: import {found.target} at the top")
    return problems


def import_rings(root: Path) -> list[str]:
    """A ring of modules that import each other, if there is one."""
    source = list(modules(root, "eventtrack"))
    known = {module.name for module in source}
    graph = {
        module.name: {found.target for found in own_imports(module, known)} for module in source
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [" > ".join(reversed(error.args[1]))]
    return []


def test_imports_only_go_down() -> None:
    assert wrong_imports(ROOT) == []


def test_no_modules_import_each_other() -> None:
    assert import_rings(ROOT) == []


@pytest.mark.parametrize(
    "text",
    [
        "import eventtrack.views",
        "import eventtrack",
        "from eventtrack.views import records",
        "from eventtrack import views",
        "from ..views import records",
        "from .. import views",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from eventtrack import views",
        "import importlib\nviews = importlib.import_module('eventtrack.views')",
    ],
)
def test_an_import_that_goes_up_is_found(tmp_path: Path, text: str) -> None:
    plant(tmp_path, {"eventtrack/log/a.py": text, "eventtrack/views/__init__.py": ""})
    [problem] = wrong_imports(tmp_path)
    assert "eventtrack/log/a.py" in problem
    assert "log must not import" in problem


def test_an_import_that_goes_sideways_is_found(tmp_path: Path) -> None:
    plant(
        tmp_path, {"eventtrack/sync/a.py": "import eventtrack.watch.b", "eventtrack/watch/b.py": ""}
    )
    assert wrong_imports(tmp_path) == ["eventtrack/sync/a.py:1: sync must not import watch"]


def test_an_import_within_a_function_is_found_outside_the_cli(tmp_path: Path) -> None:
    lazy = "def show():\n    from eventtrack import limits"
    plant(
        tmp_path,
        {"eventtrack/cli/a.py": lazy, "eventtrack/log/b.py": lazy, "eventtrack/limits.py": ""},
    )
    assert wrong_imports(tmp_path) == [
        "eventtrack/log/b.py:2: import eventtrack.limits at the top",
    ]


def test_a_package_without_a_row_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {"eventtrack/utils/a.py": ""})
    [problem] = wrong_imports(tmp_path)
    assert "`utils` has no row" in problem


def test_imports_that_go_down_or_stay_in_their_package_are_fine(tmp_path: Path) -> None:
    text = "import os\nfrom eventtrack import limits\nfrom eventtrack.log import b\nfrom . import b"
    plant(
        tmp_path,
        {"eventtrack/log/a.py": text, "eventtrack/log/b.py": "", "eventtrack/limits.py": ""},
    )
    assert wrong_imports(tmp_path) == []


def test_a_ring_is_found(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "eventtrack/log/__init__.py": "from eventtrack.log.a import A",
            "eventtrack/log/a.py": "from .b import A",
            "eventtrack/log/b.py": "from eventtrack.log import A",
        },
    )
    [ring] = import_rings(tmp_path)
    assert ring.count(" > ") == 3
