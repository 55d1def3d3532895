"""The origin of a run: code, packages and machine, without secrets, stored once."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.running import code, origin, packages
from eventtrack.running.code import CodeState, ask
from eventtrack.running.computer import container
from eventtrack.running.origin import Origin
from eventtrack.running.packages import Inquiry, has_eventtrack, interpreter_of
from tests.running.conftest import Runner


def git(folder: Path, *words: str) -> str:
    """Ask git, without anyone's settings."""
    settings = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }
    return subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit, one change and untracked files."""
    folder = tmp_path / "lab"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "work")
    git(folder, "remote", "add", "origin", "https://ada:secret@example.com/lab.git")
    (folder / "src" / "train.py").write_text("print('before')\n")
    (folder / ".gitignore").write_text("*.ckpt\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    (folder / "src" / "train.py").write_text("print('after')\n" + 30 * "# a line\n")
    (folder / "src" / "new ü.py").write_text("new\n")
    (folder / ".env").write_text("TOKEN=secret\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "large.ckpt").write_text("ignored\n")
    return folder


def read_code(folder: Path) -> CodeState | None:
    """What git says about a folder."""
    inquiry = ask(folder)
    return None if inquiry is None else inquiry.read()


def test_the_state_of_a_repository_is_read(repository: Path) -> None:
    state = read_code(repository / "src")
    assert state is not None
    read = state.code
    assert read.commit == git(repository, "rev-parse", "HEAD").strip()
    assert (read.branch, read.folder) == ("work", "src")
    assert read.remote == "https://example.com/lab.git"
    assert read.changed == ["src/train.py"]
    assert b"+print('after')" in state.diff
    assert {file.path: file.kept for file in read.untracked} == {
        ".env": False,
        "run.sh": True,
        "src/new ü.py": True,
    }
    [script] = [file for file in read.untracked if file.path == "run.sh"]
    assert script.executable
    assert script.sha256 == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert state.files["src/new ü.py"] == b"new\n"


def test_changes_of_files_of_secrets_are_left_out(repository: Path) -> None:
    git(repository, "add", "-f", ".env")
    git(repository, "commit", "-q", "-m", "a mistake")
    (repository / ".env").write_text("TOKEN=another\n")
    state = read_code(repository / "src")
    assert state is not None
    assert state.code.changed == [".env", "src/train.py"]
    assert b"another" not in state.diff
    assert b"+print('after')" in state.diff
    git(repository, "checkout", "src/train.py")
    state = read_code(repository)
    assert state is not None
    assert (state.code.changed, state.diff) == ([".env"], b"")


def test_outside_of_a_repository_there_is_no_code(tmp_path: Path) -> None:
    assert read_code(tmp_path) is None
    git(tmp_path, "init", "-q")  # no commit yet
    assert read_code(tmp_path) is None


def test_large_files_and_diffs_are_listed_and_not_kept(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "UNTRACKED_FILE_BYTES_MAX", 5)
    monkeypatch.setattr(code, "DIFF_BYTES_MAX", 5)
    state = read_code(repository)
    assert state is not None
    assert state.files.keys() == {"src/new ü.py"}
    assert not state.code.diff_kept
    assert "more than 5: it is not kept" in state.code.problem
    monkeypatch.setattr(code, "_ANSWER_BYTES_MAX", 400)
    state = read_code(repository)
    assert state is not None
    assert state.code.problem == "git diff says more than 400 bytes"
    assert len(state.code.commit) == 40


def test_packages_are_those_of_the_command_s_interpreter() -> None:
    read = Inquiry(Path(sys.executable), os.environ).packages()
    assert read is not None
    assert read.python.version == ".".join(map(str, sys.version_info[:3]))
    lines = read.requirements.splitlines()
    assert f"msgspec=={msgspec.__version__}" in lines
    assert read.python.packages == len(lines)


def test_another_interpreter_is_asked(tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    read = Inquiry(other, os.environ).packages()
    assert read is not None
    assert read.python.implementation == sys.implementation.name.replace("cp", "CP")
    other.unlink()
    other.write_text("#!/bin/sh\necho no answer\n")
    other.chmod(0o755)
    assert Inquiry(other, os.environ).packages() is None
    assert Inquiry(tmp_path / "none", os.environ).packages() is None


def test_packages_from_elsewhere_say_where(tmp_path: Path) -> None:
    def install(name: str, source: str | None) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        if source is not None:
            (folder / "direct_url.json").write_text(source)

    install("plain", None)
    install(
        "from_git",
        '{"url": "https://u:p@example.com/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
    )
    install("own", '{"url": "file:///home/ada/own", "dir_info": {"editable": true}}')
    install("broken", "{")
    assert sorted(packages._requirements([str(tmp_path), "/no/such/folder"])) == [
        "# own==1.0 is installed from the folder file:///home/ada/own",
        "broken==1.0",
        "from-git @ git+https://example.com/x.git@abc",
        "plain==1.0",
    ]


def test_conda_s_packages_are_known_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "numpy-base-1.26.4-py311_0.json").write_text("{}")
    (tmp_path / "conda-meta" / "history").write_text("")
    assert packages._conda(tmp_path) == "numpy-base=1.26.4=py311_0\n"


def test_the_interpreter_is_the_command_or_beside_it_or_the_first(tmp_path: Path) -> None:
    for place in ("venv/bin/torchrun", "venv/bin/python", "usr/bin/bash", "usr/bin/python3"):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    variables = {"PATH": f"{tmp_path}/usr/bin"}
    own = tmp_path / "venv" / "bin" / "python"
    assert interpreter_of([str(own), "train.py"], variables) == own
    assert interpreter_of([f"{own.parent}/torchrun", "train.py"], variables) == own
    assert interpreter_of(["bash", "x.sh"], variables) == tmp_path / "usr" / "bin" / "python3"
    assert interpreter_of(["none"], {"PATH": ""}) is None
    assert not has_eventtrack(own)
    (tmp_path / "venv/lib/python3.12/site-packages/eventtrack-1.dist-info").mkdir(parents=True)
    assert has_eventtrack(own)
    assert has_eventtrack(Path(sys.prefix) / "bin" / "python")


def test_a_container_is_named_as_far_as_it_can_be_seen(tmp_path: Path) -> None:
    assert container({}, tmp_path) == {}
    assert container({"APPTAINER_CONTAINER": "/img/train.sif"}, tmp_path) == {
        "kind": "apptainer",
        "image": "/img/train.sif",
    }
    (tmp_path / "proc/self").mkdir(parents=True)
    mount = f"1 2 8:1 /docker/containers/{'a' * 64}/hosts /etc/hosts rw\n"
    (tmp_path / "proc/self/mountinfo").write_text(mount)
    assert container({}, tmp_path) == {"kind": "docker", "id": "a" * 64}
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").write_text('engine="podman-4"\nimage="ghcr.io/lab/net:3"\n')
    assert container({}, tmp_path) == {"kind": "podman", "image": "ghcr.io/lab/net:3"}


def test_two_runs_of_one_environment_store_its_packages_once(
    runner: Runner, repository: Path
) -> None:
    runner.folder = repository / "src"
    runner.place = repository / "runs"  # which is in no record of itself
    runner.address = str(runner.place)
    words = ("--no-sampling", "-e", "lab", "--", sys.executable, "train.py", "--api-key", "secret")
    for _ in range(2):
        runner(*words, CUDA_VISIBLE_DEVICES="0", SLURM_JOB_ID="7", AWS_SECRET_ACCESS_KEY="secret")
    run = runner.last()
    entries = {entry.path: entry for entry in runner.store.artifacts.entries(run.info.run_id)}
    assert entries.keys() == {
        "origin/run.json",
        "origin/requirements.txt",
        "origin/changes.diff",
        "origin/untracked/run.sh",
        "origin/untracked/src/new ü.py",
    }
    blobs = list((runner.place / "blobs").rglob("*"))
    digest = entries["origin/requirements.txt"].sha256
    assert len([blob for blob in blobs if blob.is_file() and digest[4:] in blob.name]) == 1
    with runner.store.artifacts.open(run.info.run_id, origin.FILE) as file:
        data = file.read()
    assert b"secret" not in data
    read = origin.decode(data)
    assert read.command.argv[1:] == ["train.py", "--api-key", "<hidden>"]
    assert read.command.environment["CUDA_VISIBLE_DEVICES"] == "0"
    assert read.computer.scheduler == {"SLURM_JOB_ID": "7"}
    assert read.computer.host == os.uname().nodename
    assert run.data.tags["mlflow.source.git.branch"] == "work"
    assert run.data.tags["mlflow.source.git.repoURL"] == "https://example.com/lab.git"


@pytest.mark.parametrize("data", [b"", b"[]", b'{"command": 1}', b"[" * 100_000])
def test_an_origin_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidValueError, match=r"cannot read origin/run\.json"):
        origin.decode(data)


def test_an_origin_is_read_back_as_it_was_written() -> None:
    stored = Origin(
        command=origin.Command(argv=["true"], cwd="/"),
        computer=origin.Computer(host="h", user="u", system="Linux"),
    )
    assert origin.decode(origin.encode(stored)) == stored
