"""A file passing its bound asks for its second noun to move out; a function is seen whole."""

import ast
from collections.abc import Mapping
from pathlib import Path

from tests.tidy.tree import FUNCTIONS, ROOT, Function, modules, plant

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
FOLDERS = ("eventtrack", "tests", "tools")
# The formatter of the pages' scripts leaves markup in templates alone.
SCRIPT_COLUMNS_MAX = 120

# Path of a module that may be larger, and why.
LARGER: dict[str, str] = {}


def long_modules(root: Path, larger: Mapping[str, str]) -> list[str]:
    """Modules past their bound, and exceptions that are no longer needed."""
    lengths = {
        module.path.as_posix(): len(module.text.splitlines()) for module in modules(root, *FOLDERS)
    }
    too_long = {path for path, length in lengths.items() if length > MODULE_LINES_MAX}
    return [
        f"{path}: {lengths[path]} lines, {MODULE_LINES_MAX} are allowed"
        for path in sorted(too_long - larger.keys())
    ] + [f"{path}: no longer an exception" for path in sorted(larger.keys() - too_long)]


def long_functions(root: Path) -> list[str]:
    """Functions past their bound; their docstring and decorators do not count."""
    return [
        f"{module.at(node)}: {node.name} has {length(node)} lines, {FUNCTION_LINES_MAX} are allowed"
        for module in modules(root, *FOLDERS)
        for node in ast.walk(module.tree)
        if isinstance(node, FUNCTIONS) and length(node) > FUNCTION_LINES_MAX
    ]


def length(function: Function) -> int:
    """Lines from `def` to the end, less the docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        assert docstring.end_lineno is not None
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def wide_lines(root: Path) -> list[str]:
    """Lines of the pages' scripts past their bound."""
    return [
        f"{path.relative_to(root).as_posix()}:{number}: {len(line)} columns"
        for path in sorted((root / "eventtrack" / "web" / "static").rglob("*.js"))
        if "vendor" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > SCRIPT_COLUMNS_MAX
    ]


def test_modules_are_short() -> None:
    assert long_modules(ROOT, LARGER) == []


def test_functions_are_short() -> None:
    assert long_functions(ROOT) == []


def test_a_long_module_is_found_unless_it_is_an_exception(tmp_path: Path) -> None:
    plant(tmp_path, {"eventtrack/a.py": "\n" * 400, "tests/b.py": "\n" * 401})
    assert long_modules(tmp_path, {}) == ["tests/b.py: 401 lines, 400 are allowed"]
    assert long_modules(tmp_path, {"tests/b.py": "one long table"}) == []


def test_an_exception_that_is_not_needed_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {"eventtrack/a.py": ""})
    larger = {"eventtrack/a.py": "was long", "eventtrack/gone.py": "was long"}
    assert len(long_modules(tmp_path, larger)) == 2


def test_a_long_function_is_found(tmp_path: Path) -> None:
    body = "    pass\n" * 69
    docstring = '    """One\n\n    two.\n    """\n'
    plant(
        tmp_path,
        {"eventtrack/a.py": f"def short():\n{docstring}{body}def long():\n{body}    pass\n"},
    )
    assert long_functions(tmp_path) == [
        "eventtrack/a.py:75: long has 71 lines, 70 are allowed",
    ]


def test_a_long_method_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {"tools/a.py": "class A:\n    async def b(self):\n" + "        pass\n" * 70})
    [problem] = long_functions(tmp_path)
    assert "b has 71 lines" in problem


def test_lines_of_the_pages_scripts_are_short() -> None:
    assert wide_lines(ROOT) == []


def test_a_wide_line_of_a_script_is_found(tmp_path: Path) -> None:
    static = tmp_path / "eventtrack" / "web" / "static"
    (static / "vendor").mkdir(parents=True)
    (static / "a.js").write_text("1;\n" + "x" * 120 + "\n" + "ä" * 121, encoding="utf-8")
    (static / "vendor" / "b.js").write_text("x" * 200, encoding="utf-8")
    assert wide_lines(tmp_path) == ["eventtrack/web/static/a.js:3: 121 columns"]
