"""Opening, sharing and closing stores."""

from pathlib import Path

import pytest

from eventtrack.errors import (
    EventtrackError,
    FormatTooNewError,
    InvalidValueError,
    StoreClosedError,
    StoreMissingError,
)
from eventtrack.store import Store, open_store


def test_everybody_in_a_process_shares_a_store(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    (tmp_path / "link").symlink_to(store.path)
    for name in (f"eventtrack:{tmp_path}/x/../store", tmp_path / "link"):
        assert open_store(name) is store
    store.close()
    again = open_store(tmp_path / "store")
    assert again is not store
    again.close()


def test_a_closed_store_says_so(store: Store, run_id: str) -> None:
    store.close()
    for use in (
        lambda: store.runs.get(run_id),
        lambda: store.runs.create("0"),
        lambda: store.metrics.log(run_id, "m", 1.0),
        store.flush,
        store.events.head,
        store.stats,
        store.conflicts,
        store.catch_up,
        store.maintenance.check,
        lambda: list(store.events.read()),
        lambda: store.artifacts.list(run_id),
    ):
        with pytest.raises(StoreClosedError) as caught:
            use()
        assert caught.value.hint


def test_closing_twice_is_closing_once(store: Store) -> None:
    store.close()
    store.close()


def test_what_was_logged_is_there_when_opened_again(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 1.0, 1)
    before = store.runs.get(run_id)
    store.close()
    again = open_store(store.path)
    assert again.runs.get(run_id) == before
    assert again.maintenance.check().ok
    again.close()


def test_a_store_that_is_not_there_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError) as caught:
        open_store(tmp_path / "none", create=False)
    assert caught.value.hint
    assert not (tmp_path / "none").exists()


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InvalidValueError, match="already holds"):
        open_store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EventtrackError) as caught:
        open_store(tmp_path / "file")
    assert caught.value.hint


@pytest.mark.parametrize(("text", "error"), [("99", FormatTooNewError), ("x", InvalidValueError)])
def test_a_format_that_cannot_be_read_is_refused(
    store: Store, text: str, error: type[EventtrackError]
) -> None:
    store.close()
    (store.path / "FORMAT").write_text(text)
    with pytest.raises(error) as caught:
        open_store(store.path)
    assert caught.value.hint


def test_lost_views_are_folded_again(store: Store, run_id: str) -> None:
    digest = store.maintenance.digest()
    store.close()
    for path in sorted((store.path / "views").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    again = open_store(store.path)
    assert again.maintenance.digest() == digest
    again.close()


def test_the_change_count_grows_with_every_commit(store: Store) -> None:
    before = store.change_count()
    run_id = store.runs.create("0").info.run_id
    middle = store.change_count()
    assert before < middle
    store.runs.get(run_id)
    assert store.change_count() == middle
    assert store.catch_up() == store.events.head()
