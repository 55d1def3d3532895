"""The source as its tests see it: read and parsed, never imported.

Every check is a function from the root of a tree to the list of what is wrong in it, so that its
own tests can hand it a small doctored tree and see it say no.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """One parsed file: its path from the root, its dotted name, its text."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether this is the `__init__` of its folder, whose name it has."""
        return self.path.name == "__init__.py"

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Where `node` is, as editors like it."""
        return f"{self.path.as_posix()}:{node.lineno}"


def modules(root: Path, *folders: str) -> Iterator[Module]:
    """Every Python file below the folders, in the order of their paths."""
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            path = file.relative_to(root)
            parts = path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts
            text = file.read_text(encoding="utf-8")
            yield Module(path, ".".join(parts), text, ast.parse(text, filename=str(path)))


def classes_by_name(among: Iterable[Module]) -> dict[str, list[ast.ClassDef]]:
    """Every class of the modules; two of one name share an entry."""
    found: dict[str, list[ast.ClassDef]] = {}
    for module in among:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def inherited_methods(
    owner: ast.ClassDef, name: str, classes: dict[str, list[ast.ClassDef]]
) -> Iterator[Function]:
    """The methods called `name` of the classes that `owner` builds on, as far as `classes` go."""
    seen = {owner.name}
    waiting = list(base_names(owner))
    while waiting:
        base = waiting.pop()
        if base in seen:
            continue
        seen.add(base)
        for ancestor in classes.get(base, []):
            waiting += base_names(ancestor)
            for node in ancestor.body:
                if isinstance(node, FUNCTIONS) and node.name == name:
                    yield node


def base_names(owner: ast.ClassDef) -> Iterator[str]:
    """The last part of each base's name: `Log` for `protocol.Log[Event]`."""
    for base in owner.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(plain, ast.Name | ast.Attribute):
            yield plain.id if isinstance(plain, ast.Name) else plain.attr


def plant(root: Path, files: Mapping[str, str]) -> None:
    """Write a doctored tree, given as paths from its root and their texts."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
