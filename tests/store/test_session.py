"""Where the repository and the user of a program are read from."""

from pathlib import Path

import pytest

from eventtrack.store.session import current_user, git_commit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def git(tmp_path: Path) -> Path:
    """The `.git` folder of a repository."""
    folder = tmp_path / ".git"
    folder.mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None


def test_a_branch_is_resolved(git: Path, tmp_path: Path) -> None:
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text(COMMIT + "\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert git_commit(tmp_path / "a" / "b") == COMMIT


def test_a_packed_branch_is_resolved(git: Path, tmp_path: Path) -> None:
    (git / "packed-refs").write_text(
        f"# pack-refs with: peeled\n{'f' * 40} refs/heads/other\n{COMMIT} refs/heads/main\n"
    )
    assert git_commit(tmp_path) == COMMIT


def test_a_detached_head_is_the_commit(git: Path, tmp_path: Path) -> None:
    (git / "HEAD").write_text(COMMIT + "\n")
    assert git_commit(tmp_path) == COMMIT


def test_a_branch_without_a_commit_has_none(git: Path, tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None


def test_a_worktree_finds_its_repository(git: Path, tmp_path: Path) -> None:
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "topic").write_text(COMMIT)
    own = git / "worktrees" / "tree"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/topic")
    (own / "commondir").write_text("../..\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {own}\n")
    assert git_commit(tree) == COMMIT


def test_a_user_without_variables_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    assert current_user()
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    assert current_user() == "unknown"
