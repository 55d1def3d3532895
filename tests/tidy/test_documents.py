"""What the documents promise is there, and what is there is documented."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import (
    FUNCTIONS,
    ROOT,
    Module,
    classes_by_name,
    inherited_methods,
    modules,
    plant,
)

# Names in the environment that are ours or MLflow's, wherever they stand in the code.
OUR_VARIABLE = re.compile(r"(?:EVENTTRACK|MLFLOW)_[A-Z0-9_]+")
# Looks like one: a kind of place in MLflow's protobuf (`TraceLocationType`).
NO_VARIABLES = ("MLFLOW_EXPERIMENT",)
SETTINGS = "eventtrack/docs/configuration.md"
READS = ("get", "pop", "setdefault", "getenv")

NAMED_TEST = re.compile(r"\btests/[\w/]+\.py::[\w:]+")
PARAGRAPHS = re.compile(r"\n\s*\n")


def undocumented_variables(root: Path) -> list[str]:
    """Environment variables that the code reads and docs/configuration.md does not name."""
    settings = root / SETTINGS
    documented = set(re.findall(r"\w+", settings.read_text(encoding="utf-8")))
    return [
        f"{module.path.as_posix()}: {name} is not in {SETTINGS}"
        for module in modules(root, "eventtrack")
        for name in sorted(set(variables(module)) - documented)
    ]


def variables(module: Module) -> Iterator[str]:
    """The environment variables that a module names or reads."""
    constants: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                constants[ast.unparse(target)] = str(node.value.value)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if OUR_VARIABLE.fullmatch(node.value) and node.value not in NO_VARIABLES:
                yield node.value
            continue
        for read in _read_names(node):
            if isinstance(read, ast.Constant):
                yield str(read.value)
            elif isinstance(read, ast.Name) and read.id in constants:
                yield constants[read.id]


def _read_names(node: ast.AST) -> list[ast.expr]:
    """The expressions that name a variable where `node` reads the environment."""
    if isinstance(node, ast.Subscript) and _is_environment(node.value):
        return [node.slice]
    if isinstance(node, ast.Compare) and _is_environment(node.comparators[0]):
        return [node.left]
    if isinstance(node, ast.Call) and node.args:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
        of_environment = isinstance(function, ast.Attribute) and _is_environment(function.value)
        if name == "getenv" or (name in READS and of_environment):
            return [node.args[0]]
    return []


def _is_environment(node: ast.expr) -> bool:
    return ast.unparse(node) in {"os.environ", "environ"}


def broken_promises(root: Path, document: str) -> list[str]:
    """Each MUST of a document without a test of its own, and each test named that is not there."""
    text = (root / document).read_text(encoding="utf-8")
    tests = {module.path.as_posix(): module for module in modules(root, "tests")}
    classes = classes_by_name(tests.values())
    problems = [
        f"{document}: there is no {name}"
        for name in sorted(set(NAMED_TEST.findall(text)))
        if not is_a_test(tests, classes, name)
    ]
    for paragraph in PARAGRAPHS.split(text):
        if "RFC 2119" in paragraph:
            continue  # says what the word means
        # What follows each MUST, up to the next one, names the test that fails without it.
        before, *promises = re.split(r"\bMUST\b", paragraph)
        for promise in promises:
            if not NAMED_TEST.search(promise):
                words = " ".join([*before.split()[-4:], "MUST", *promise.split()[:6]])
                problems.append(f"{document}: no test named for: {words}")
            before = promise
    return problems


def is_a_test(tests: dict[str, Module], classes: dict[str, list[ast.ClassDef]], name: str) -> bool:
    """Whether pytest would find `tests/log/test_a.py::TestA::test_b`, also where B is inherited."""
    path, *owners, function = name.split("::")
    if path not in tests:
        return False
    body = tests[path].tree.body
    if not owners:
        return any(isinstance(node, FUNCTIONS) and node.name == function for node in body)
    found = [node for node in body if isinstance(node, ast.ClassDef) and node.name == owners[0]]
    return any(
        any(isinstance(node, FUNCTIONS) and node.name == function for node in owner.body)
        or any(inherited_methods(owner, function, classes))
        for owner in found
    )


def test_every_environment_variable_is_documented() -> None:
    assert undocumented_variables(ROOT) == []


@pytest.mark.parametrize("document", ["format.md", "wire.md"])
def test_every_must_of_a_specification_names_its_test(document: str) -> None:
    assert broken_promises(ROOT, f"eventtrack/docs/{document}") == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['A_NAME']",
        "import os\nos.environ.get('A_NAME', '')",
        "from os import getenv\ngetenv('A_NAME')",
        "from os import environ\n'A_NAME' in environ",
        "import os\nNAME = 'A_NAME'\nos.getenv(NAME)",
        "import os\nNAME: Final = 'A_NAME'\ndef f():\n    os.environ.pop(NAME)",
        "NAMES = ('EVENTTRACK_A_NAME', 'B')",
        "read('MLFLOW_A_NAME')",
    ],
)
def test_a_variable_that_is_not_documented_is_found(tmp_path: Path, text: str) -> None:
    plant(tmp_path, {"eventtrack/a.py": text})
    settings = tmp_path / SETTINGS
    settings.parent.mkdir()
    settings.write_text("A_NAME_OF_ANOTHER", encoding="utf-8")
    [problem] = undocumented_variables(tmp_path)
    assert f"A_NAME is not in {SETTINGS}" in problem
    settings.write_text("`A_NAME`, `EVENTTRACK_A_NAME` and `MLFLOW_A_NAME`", encoding="utf-8")
    assert undocumented_variables(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A MUST b.", "no test named for: A MUST b."),
        ("A MUST b (test: tests/log/test_a.py::test_a). C\nMUST d.", "no test named for: "),
        ("A MUST b.\n\nC (test: tests/log/test_a.py::test_a).", "no test named for: A MUST b."),
        ("It is (test: tests/log/test_a.py::test_b).", "there is no tests/log/test_a.py::test_b"),
        ("It is (test: tests/log/test_b.py::test_a).", "there is no tests/log/test_b.py::test_a"),
        ("(test: tests/log/test_a.py::TestA::test_c)", "there is no "),
        ("(test: tests/log/test_a.py::TestB::test_a)", "there is no "),
    ],
)
def test_a_broken_promise_is_found(tmp_path: Path, text: str, problem: str) -> None:
    _plant_promises(tmp_path, text)
    [found] = broken_promises(tmp_path, "format.md")
    assert problem in found


@pytest.mark.parametrize(
    "text",
    [
        "MUST and SHOULD are used as in RFC 2119; each MUST names its test.",
        "There is MUSTARD.",
        "A MUST (test: tests/log/test_a.py::test_a).\nB MUST (tests/log/test_a.py::TestA::test_b)",
    ],
)
def test_a_kept_promise_is_fine(tmp_path: Path, text: str) -> None:
    _plant_promises(tmp_path, text)
    assert broken_promises(tmp_path, "format.md") == []


def _plant_promises(root: Path, text: str) -> None:
    plant(
        root,
        {
            "tests/log/test_a.py": "def test_a(): ...\nclass TestA(Contract): ...",
            "tests/contracts/log.py": "class Contract:\n    def test_b(self): ...",
        },
    )
    (root / "format.md").write_text(text, encoding="utf-8")
