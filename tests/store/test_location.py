"""Which folder each way of naming a store means."""

from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.store import resolve_path

NAMED = [
    ("/a/b", "/a/b"),
    ("/a/../b/", "/b"),
    ("eventtrack:/a/b", "/a/b"),
    ("eventtrack:///a/b", "/a/b"),
    ("eventtrack://localhost/a", "/a"),
    ("file:/a/b", "/a/b"),
    ("file:///a/b", "/a/b"),
    ("file:///a%20b/%C3%A9", "/a b/é"),
    ("EventTrack:///a", "/a"),
    ("/a b", "/a b"),
    ("/a%20b", "/a%20b"),
    ("/a#b?c", "/a#b?c"),
]
RELATIVE = [
    ("runs", "runs"),
    ("./runs", "runs"),
    ("a b", "a b"),
    ("eventtrack:runs", "runs"),
    ("eventtrack:", ".eventtrack"),
    ("file:runs", "runs"),
    ("databricks", "databricks"),
    ("", ".eventtrack"),
]
REFUSED = [
    *("http://localhost:5000", "https://example.org", "sqlite:///mlflow.db", "s3://bucket"),
    *("postgresql://u@h/db", "eventtrack://machine/a", "file://machine/a", "databricks://p"),
    *("http://[::1", "eventtrack://[a/b", "/a\0b", "file:///a%00b", "~nobody.here/a"),
]


@pytest.mark.parametrize(("uri", "folder"), NAMED)
def test_an_absolute_name_means_that_folder(uri: str, folder: str) -> None:
    assert resolve_path(uri) == Path(folder)


@pytest.mark.parametrize(("uri", "folder"), RELATIVE)
def test_a_relative_name_is_below_the_working_folder(
    uri: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_path(uri) == tmp_path / folder


def test_a_link_means_the_folder_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert resolve_path(tmp_path / "link" / "x") == tmp_path / "folder" / "x"
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    assert resolve_path(tmp_path / "ring") == tmp_path / "ring"


def test_a_path_object_is_a_name(tmp_path: Path) -> None:
    assert resolve_path(tmp_path / "x") == tmp_path / "x"


def test_a_tilde_is_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_path("~/runs") == tmp_path / "runs"


@pytest.mark.parametrize("uri", REFUSED)
def test_what_names_no_folder_here_is_refused_with_a_way_out(uri: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        resolve_path(uri)
    assert caught.value.hint


def test_the_environment_names_a_store_where_nobody_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_path(None) == tmp_path / ".eventtrack"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///b")
    assert resolve_path(None) == Path("/b")
    monkeypatch.setenv("EVENTTRACK_URI", "eventtrack:///a")
    assert resolve_path(None) == Path("/a")
    assert resolve_path("/c") == Path("/c")


def test_a_server_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    with pytest.raises(InvalidValueError):
        resolve_path(None)
