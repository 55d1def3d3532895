"""Every public name says what its signature cannot."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import (
    FUNCTIONS,
    ROOT,
    Function,
    Module,
    classes_by_name,
    inherited_methods,
    modules,
    plant,
)

Classes = dict[str, list[ast.ClassDef]]


def undocumented(root: Path) -> list[str]:
    """Public modules, classes, functions and methods without a docstring.

    A name is public when neither it nor an owner of it begins with an underscore. The promise lives
    where a method is first declared: an override of a documented one needs no words of its own.
    """
    classes = classes_by_name(modules(root, "eventtrack"))
    problems = []
    for module in modules(root, "eventtrack", "tools"):
        if any(_is_private(part) for part in module.name.split(".")):
            continue
        if ast.get_docstring(module.tree) is None:
            problems.append(f"{module.path.as_posix()}: the module has no docstring")
        problems += _undocumented_below(module, module.tree, classes)
    return problems


def _undocumented_below(
    module: Module, owner: ast.Module | ast.ClassDef, classes: Classes
) -> Iterator[str]:
    for node in _definitions(owner):
        if _is_private(node.name) or node.name.startswith("__"):
            continue
        if ast.get_docstring(node) is None and not _is_excused(node, owner, classes):
            yield f"{module.at(node)}: {node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_below(module, node, classes)


def _definitions(owner: ast.AST) -> Iterator[Function | ast.ClassDef]:
    """What the owner's own scope defines, also within `if` and `try`."""
    for node in ast.iter_child_nodes(owner):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node
        elif not isinstance(node, ast.expr):
            yield from _definitions(node)


def _is_excused(
    node: Function | ast.ClassDef, owner: ast.Module | ast.ClassDef, classes: Classes
) -> bool:
    decorators = [ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list]
    # The getter speaks for its setter, the implementation for its overloads.
    if {"setter", "deleter", "overload"}.intersection(decorators):
        return True
    return (
        isinstance(node, FUNCTIONS)
        and isinstance(owner, ast.ClassDef)
        and any(ast.get_docstring(base) for base in inherited_methods(owner, node.name, classes))
    )


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_every_public_name_has_a_docstring() -> None:
    assert undocumented(ROOT) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x = 1", "the module"),
        ('"""M."""\ndef f(): ...', "f"),
        ('"""M."""\nasync def f(): ...', "f"),
        ('"""M."""\nclass A: ...', "A"),
        ('"""M."""\nif x:\n    def f(): ...', "f"),
        ('"""M."""\ntry:\n    import a\nexcept E:\n    def f(): ...', "f"),
        ('"""M."""\nclass A:\n    """A."""\n    def f(self): ...', "f"),
        ('"""M."""\nclass A:\n    """A."""\n    @property\n    def f(self): ...', "f"),
        ('"""M."""\nclass A:\n    """A."""\n    class B: ...', "B"),
        ('"""M."""\nclass A(B):\n    """A."""\n    def f(self): ...', "f"),
    ],
)
def test_a_public_name_without_docstring_is_found(tmp_path: Path, text: str, name: str) -> None:
    plant(tmp_path, {"eventtrack/a.py": text})
    [problem] = undocumented(tmp_path)
    assert f"{name} has no docstring" in problem


@pytest.mark.parametrize(
    "text",
    [
        "def _f(): ...",
        "class _A:\n    def f(self): ...",
        'class A:\n    """A."""\n    def __len__(self): ...',
        'def f():\n    """F."""\n    def g(): ...',
        'class A:\n    """A."""\n    @f.setter\n    def f(self, value): ...',
        "@typing.overload\ndef f(): ...",
    ],
)
def test_other_names_need_no_docstring(tmp_path: Path, text: str) -> None:
    plant(tmp_path, {"eventtrack/a.py": f'"""M."""\n{text}', "eventtrack/_private.py": "x = 1"})
    assert undocumented(tmp_path) == []


def test_an_override_inherits_its_docstring_from_another_module(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "eventtrack/a.py": '"""M."""\nclass A:\n    """A."""\n    def f(self):\n        "F."',
            "eventtrack/b.py": '"""M."""\nclass B(a.A[int]):\n    """B."""\n    x: int',
            "eventtrack/c.py": '"""M."""\nclass C(B):\n    """C."""\n    def f(self): ...',
        },
    )
    assert undocumented(tmp_path) == []
