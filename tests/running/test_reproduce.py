"""`eventtrack reproduce`: a run laid out again, from a record that nobody vouches for."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackError, InvalidStateError, InvalidValueError
from eventtrack.running import origin
from eventtrack.running.layout import Plan, check_path, lay_out, shell_lines, write_below
from eventtrack.running.origin import Code, Command, Computer, Origin, Python, Untracked
from eventtrack.store import Store, open_store
from tests.cli.harness import command
from tests.running.conftest import Runner
from tests.running.test_origin import git, repository

__all__ = ["repository"]

HERE = os.uname().nodename


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    store = open_store(tmp_path / "store")
    yield store
    store.close()


def forge(
    store: Store,
    code: Code | None = None,
    argv: tuple[str, ...] = ("python", "train.py"),
    python: Python | None = None,
    files: Mapping[str, bytes] = {},
) -> str:
    """A run whose record says whatever a stranger wants."""
    run_id = store.runs.create("0").info.run_id
    trace = Origin(
        command=Command(list(argv), "/home/ada"),
        computer=Computer(HERE, "ada", "Linux"),
        code=code,
        python=python,
    )
    store.artifacts.log_bytes(run_id, origin.encode(trace), origin.FILE)
    for path, data in files.items():
        store.artifacts.log_bytes(run_id, data, f"origin/{path}")
    return run_id


def commit_of(repository: Path) -> str:
    """The commit that is checked out."""
    return git(repository, "rev-parse", "HEAD").strip()


def files_of(folder: Path) -> dict[str, str]:
    """The contents of all files below a folder, but for git's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_a_run_is_laid_out_as_it_was_and_runs_again(runner: Runner, repository: Path) -> None:
    program = repository / "src" / "train.py"
    program.write_text("import eventtrack\neventtrack.log_metric('loss', 0.25)\nprint('trained')\n")
    runner.folder = repository / "src"
    runner("--no-sampling", "--", sys.executable, "train.py")
    first = runner.last().info.run_id
    before = files_of(repository)
    program.write_text("raise SystemExit(1)\n")
    into = runner.place.parent / "again"
    answer = subprocess.run(
        command("--store", str(runner.place), "--json", "reproduce", first, "--into", str(into)),
        env=runner.environment(),
        cwd=runner.place.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    plan = json.loads(answer.stdout)
    laid_out = files_of(into / "code")
    ignored = {".env", "large.ckpt"}  # contents of secrets and of ignored files are not recorded
    assert laid_out == {path: text for path, text in before.items() if path not in ignored}
    assert os.access(into / "code" / "run.sh", os.X_OK)
    assert plan["cwd"] == str(into / "code" / "src")
    assert plan["command"] == [str(into / "environment" / "bin" / "python"), "train.py"]
    assert plan["steps"][0][-3:] == ["-m", "venv", str(into / "environment")]
    assert "1 untracked files are listed in run.json without contents" in plan["remarks"]
    assert "msgspec==" in (into / "requirements.txt").read_text()


def test_go_runs_the_command_as_a_run_of_its_own(runner: Runner, repository: Path) -> None:
    """Without packages: nothing is fetched from an index."""
    code = Code(commit=commit_of(repository), root=str(repository))
    argv = (sys.executable, "src/train.py")
    first = forge(runner.store, code, argv)
    runner.store.flush()
    into = runner.place.parent / "again"
    ended = subprocess.run(
        command("--store", str(runner.place), "reproduce", first, "--into", str(into), "--go"),
        env=runner.environment(),
        cwd=runner.place.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "before\n"
    second = runner.last()
    assert second.data.tags["eventtrack.reproduces"] == first
    assert second.info.status == "FINISHED"


def test_a_run_without_origin_is_refused(store: Store, tmp_path: Path) -> None:
    run_id = store.runs.create("0").info.run_id
    with pytest.raises(InvalidStateError, match=r"it has no origin/run\.json"):
        lay_out(store, run_id, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_folder_with_contents_is_left_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidStateError, match="it has contents already"):
        lay_out(store, forge(store), tmp_path)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", ".git/hooks/post-checkout", "a/.GIT/config", "", "a\0b"]
)
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(InvalidValueError, match="leads out of its folder"):
        check_path(path)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / "file").symlink_to(outside / "file")
    for path in ("folder/x", "file"):
        with pytest.raises(InvalidValueError, match="cannot write"):
            write_below(inside, path, b"x")
    write_below(inside, "a/b/c", b"x", executable=True)
    assert list(outside.iterdir()) == []
    assert os.access(inside / "a/b/c", os.X_OK)


@pytest.mark.parametrize(
    ("commit", "remote", "problem"),
    [
        ("--upload-pack=touch x", "https://example.com/x.git", "that is no commit"),
        ("0" * 40, "ext::sh -c touch% x", "names no remote of https or ssh"),
        ("0" * 40, "file:///tmp/x", "names no remote of https or ssh"),
        ("0" * 40, "--upload-pack=touch x", "names no remote of https or ssh"),
        ("0" * 40, "ssh://-oProxyCommand=touch/x", "names no remote of https or ssh"),
        ("0" * 40, "git@host:-x", "names no remote of https or ssh"),
    ],
)
def test_a_forged_repository_is_not_asked(
    store: Store, tmp_path: Path, commit: str, remote: str, problem: str
) -> None:
    run_id = forge(store, Code(commit=commit, root="/no/such/place", remote=remote))
    with pytest.raises(InvalidValueError, match=problem):
        lay_out(store, run_id, tmp_path / "again")


@pytest.mark.parametrize(
    "difference",
    [
        b"--- /dev/null\n+++ b/../escaped\n@@ -0,0 +1 @@\n+x\n",
        b"--- /dev/null\n+++ b/.git/hooks/pre-commit\n@@ -0,0 +1 @@\n+x\n",
        (
            b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n"
            b"@@ -0,0 +1 @@\n+..\n"
            b"\\ No newline at end of file\n"
            b"diff --git a/l/x b/l/x\nnew file mode 100644\n--- /dev/null\n+++ b/l/x\n"
            b"@@ -0,0 +1 @@\n+x\n"
        ),
    ],
)
def test_changes_that_lead_out_are_refused(
    store: Store, tmp_path: Path, repository: Path, difference: bytes
) -> None:
    code = Code(commit=commit_of(repository), root=str(repository))
    run_id = forge(store, code, files={"changes.diff": difference})
    with pytest.raises(InvalidValueError, match="git apply failed"):
        lay_out(store, run_id, tmp_path / "again")
    assert not (tmp_path / "again" / "escaped").exists()
    assert not (tmp_path / "again" / "x").exists()


def test_untracked_files_of_a_forged_record_stay_inside(
    store: Store, tmp_path: Path, repository: Path
) -> None:
    (repository / "out").symlink_to(tmp_path)
    git(repository, "add", "out")
    git(repository, "commit", "-q", "-m", "a link")
    code = Code(
        commit=commit_of(repository),
        root=str(repository),
        folder="out",
        untracked=[Untracked("out/escaped", 1, kept=True)],
        untracked_total=1,
    )
    run_id = forge(store, code, files={"untracked/out/escaped": b"x"})
    with pytest.raises(EventtrackError, match="cannot write 'out/escaped'"):
        lay_out(store, run_id, tmp_path / "again")
    assert not (tmp_path / "escaped").exists()


def test_options_among_packages_are_left_out(store: Store, tmp_path: Path) -> None:
    requirements = (
        b"numpy==2.1.0\n--index-url https://evil.example\n-e /etc\nx @ file:///etc\n"
        b"y @ git+https://example.com/y.git@abc\n# own==1 is installed from the folder /x\n"
    )
    python = Python(version="3.x; touch y.1", executable="/old/bin/python")
    argv = ("/old/bin/torchrun", "--token", "<hidden>")
    run_id = forge(store, None, argv, python, {"requirements.txt": requirements})
    plan = lay_out(store, run_id, tmp_path / "again")
    assert (tmp_path / "again" / "requirements.txt").read_text() == (
        "numpy==2.1.0\ny @ git+https://example.com/y.git@abc\n"
    )
    assert len([remark for remark in plan.remarks if remark.startswith("left out")]) == 4
    assert any("secrets were not recorded" in remark for remark in plan.remarks)
    environment = str(tmp_path / "again" / "environment")
    assert plan.steps[0] == ["python3", "-m", "venv", environment]
    assert plan.command[0] == f"{environment}/bin/torchrun"


def test_each_manager_makes_its_own_environment(store: Store, tmp_path: Path) -> None:
    def steps(manager: str, files: Mapping[str, bytes]) -> list[list[str]]:
        python = Python(version="3.12.1", executable="/bin/python", manager=manager)
        run_id = forge(store, None, ("python",), python, files)
        return lay_out(store, run_id, tmp_path / manager).steps

    assert steps("conda", {"conda.txt": b"numpy=2=py_0\n--file x\n"})[0][:2] == [
        "conda",
        "create",
    ]
    assert (tmp_path / "conda" / "conda.txt").read_text() == "numpy=2=py_0\n"
    made, installed = steps("uv", {"requirements.txt": b"numpy==2\n"})
    assert made[:4] == ["uv", "venv", "--python", "3.12"]
    assert installed[:3] == ["uv", "pip", "install"]


def test_commands_are_quoted_for_a_shell(tmp_path: Path) -> None:
    plan = Plan(tmp_path, Path("/a b"), [["x", "$(touch y)"]], ["python", "-c", "a; b"])
    assert list(shell_lines(plan)) == [
        "x '$(touch y)'",
        "cd '/a b'",
        "eventtrack run -- python -c 'a; b'",
    ]
