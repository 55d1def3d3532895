"""README and the tours of the documents show what happens: their code runs, their commands work."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

DOCS = ROOT / "eventtrack" / "docs"
README_WORDS_MAX = 650
# `[text](target)`, also of a picture; not within code.
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def blocks(language: str, document: Path = ROOT / "README.md") -> list[str]:
    """The code blocks of one language in a document."""
    text = document.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def dead_links(root: Path) -> list[str]:
    """Links of README and the documents that lead to no file, or to no heading of it."""
    problems = []
    for document in [root / "README.md", *sorted((root / "eventtrack" / "docs").rglob("*.md"))]:
        text = CODE.sub("", document.read_text(encoding="utf-8"))
        for link in LINK.findall(text):
            path, _, heading = link.partition("#")
            target = (document.parent / path) if path else document
            if "://" in link or (target.exists() and (not heading or heading in headings(target))):
                continue
            problems.append(f"{document.relative_to(root).as_posix()}: {link}")
    return problems


def headings(document: Path) -> set[str]:
    """The anchors that a page of Markdown has, by the names that code hosts give them."""
    lines = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments in a folder, as a newcomer's shell would."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which README's block of Python has run."""
    folder = tmp_path_factory.mktemp("readme")
    done = run(["-c", blocks("python")[0]], folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("lr=0.1 "), done.stdout
    return folder


def test_the_tours_filter_finds_what_readme_logged(digits: Path) -> None:
    [block] = blocks("python", DOCS / "cli.md")
    search = block.replace("mlflow.search_runs(", "found = mlflow.search_runs(")
    search = search.replace(")\n", ", output_format='list')\n").replace("OR tags.kept", "OR tags.x")
    lines = (
        "import eventtrack as mlflow",
        "mlflow.set_experiment('digits')",
        search,
        "print([run.data.params['lr'] for run in found])",
    )
    done = run(["-c", "\n".join(lines)], digits)
    assert (done.returncode, done.stdout) == (0, "['0.1']\n"), done.stderr


def commands() -> list[str]:
    """The lines of shell in README and in the tour that look at one store."""
    tours = [*blocks("sh"), *blocks("sh", DOCS / "cli.md")]
    shown = [block for block in tours if "eventtrack runs" in block]
    lines = [line.partition("  #")[0].strip() for block in shown for line in block.splitlines()]
    return sorted(set(lines))


@pytest.mark.parametrize("line", commands())
def test_every_command_shown_works_on_that_store(line: str, digits: Path) -> None:
    module = ["-m", "eventtrack"]
    found = run([*module, "runs", "search", "metrics.loss < 2", "-e", "digits", "--json"], digits)
    run_id, other_id = re.findall(r'"run_id": ?"([0-9a-f]{32})"', found.stdout)[:2]
    # The sample times and addresses are of somebody else's store.
    line = line.replace("RUN", run_id).replace("OTHER", other_id)
    line = line.replace("diff 120", "diff 3").replace("2026-05-03T14:00", "now")
    program, *arguments = shlex.split(line)
    assert program == "eventtrack"
    if "--follow" in arguments or arguments[0] in ("top", "ui"):
        arguments.append("--help")  # they do not end; tests/cli has their tests
    if arguments[0] == "undo":
        log = run([*module, "log", "--type", "run.params_logged", "--json"], digits)
        address = re.findall(r'"address": ?"([\d.]+)"', log.stdout)[-1]
        arguments = ["undo", address, "--yes"]
    done = run([*module, *arguments], digits)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert done.stdout or "--output" in arguments


def test_the_tour_of_proofs_and_redaction_works(tmp_path: Path) -> None:
    folder = tmp_path
    assert run(["-c", blocks("python")[0]], folder).returncode == 0
    (block,) = [block for block in blocks("sh", DOCS / "audit.md") if "audit prove" in block]
    module = ["-m", "eventtrack"]
    run_id = re.findall(
        r'"run_id": ?"([0-9a-f]{32})"', run([*module, "runs", "list", "--json"], folder).stdout
    )[-1]
    [key] = re.findall(
        r'"(eventtrack/[^"]+)"', run([*module, "audit", "key", "--json"], folder).stdout
    )
    for line in block.splitlines():
        shown = line.partition(" #")[0].replace("RUN", run_id).replace("KEY", key)
        program, *arguments = shlex.split(shown)
        assert program == "eventtrack"
        arguments += ["--yes"] if arguments[0] in {"redact", "gc"} else []
        done = run([*module, *arguments], folder)
        assert done.returncode == 0, (line, done.stdout, done.stderr)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= README_WORDS_MAX


def test_every_link_leads_somewhere() -> None:
    assert dead_links(ROOT) == []


def test_every_document_is_in_the_index() -> None:
    index = set(LINK.findall((DOCS / "index.md").read_text(encoding="utf-8")))
    assert {path.name for path in DOCS.glob("*.md")} - {"index.md"} <= index


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    docs = tmp_path / "eventtrack" / "docs"
    docs.mkdir(parents=True)
    (docs / "a.md").write_text("# One two\n[b](b.md) [c](a.md#one-two) `[d](d.md)`", "utf-8")
    (tmp_path / "README.md").write_text("[x](eventtrack/docs/a.md#three) [y](#z)", "utf-8")
    assert dead_links(tmp_path) == [
        "README.md: eventtrack/docs/a.md#three",
        "README.md: #z",
        "eventtrack/docs/a.md: b.md",
    ]
