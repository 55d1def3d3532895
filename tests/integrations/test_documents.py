"""The lines of docs/integrations.md, and frameworks that are absent."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENT = ROOT / "eventtrack" / "docs" / "integrations.md"
IMPORTS = re.findall(r"`(from eventtrack[\w.]* import \w+)`", DOCUMENT.read_text("utf-8"))
NOT_FRAMEWORKS = (
    *("__init__", "checkpoints", "mirror", "mirrored_writers", "missing", "ranks", "scores"),
    *("studies", "values", "writer"),
)
FRAMEWORKS = sorted(
    path.stem
    for path in (ROOT / "eventtrack" / "integrations").glob("*.py")
    if path.stem not in NOT_FRAMEWORKS
)
ABSENT = """
import sys
class Absent:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "{package}":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import eventtrack.integrations.{framework}
"""


@pytest.mark.parametrize("line", sorted(set(IMPORTS)))
def test_each_documented_import_works(line: str) -> None:
    exec(line, {})


def test_each_framework_is_documented() -> None:
    documented = {line.split()[1].rpartition(".")[2] for line in IMPORTS}
    documented |= {line.split()[-1] for line in IMPORTS}
    assert set(FRAMEWORKS) <= documented


def test_each_line_of_readme_names_what_is_there() -> None:
    lines = re.findall(r"(Eventtrack\w+|autolog)\(\).*# (.*)", README.read_text("utf-8"))
    named = [(name, module) for name, modules in lines for module in modules.split(", ")]
    for name, module in named:
        assert hasattr(importlib.import_module(f"eventtrack.integrations.{module}"), name)
    assert {module for _, module in named} == set(FRAMEWORKS) - {"hydra"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_that_is_absent_is_named_with_what_to_install(framework: str) -> None:
    text = ABSENT.format(package=framework, framework=framework)
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-2:]
    assert framework in last[0].replace("-", "").lower() or "hydra-core" in last[0]
    assert last[1].startswith("hint: run `pip install ")
