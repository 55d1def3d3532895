"""A payload that the disk lost is named, counted and skipped, and never taken for what was said."""

import json
import shutil
from pathlib import Path

import lmdb
import pytest
from click.testing import CliRunner

from eventtrack.cli import cli
from eventtrack.errors import EventtrackWarning
from eventtrack.events.reading import DAMAGED
from eventtrack.log.soundness import unsound_headers
from eventtrack.projections import build
from eventtrack.store import Store
from tests.sync.machines import machine, record_run


def rot(folder: Path, position: int, place: int) -> None:
    """Flip a bit of an envelope in a store's file, in the byte at `place` of it."""
    environment = lmdb.open(str(folder / "log"), max_dbs=16)
    table = environment.open_db(b"events")
    with environment.begin(write=True) as txn:
        data = bytearray(txn.get(position.to_bytes(8), db=table) or b"")
        data[place] ^= 0x10
        txn.put(position.to_bytes(8), bytes(data), db=table)
    environment.close()


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A closed store with two runs; a tag of the first is damaged."""
    store = machine(tmp_path / "damaged")
    first = record_run(store, "first")
    record_run(store, "second")
    [position] = {
        event.position
        for event in store.events.read(0, stream=f"run/{first}", types=["run.tags_set"])
    }
    store.close()
    rot(tmp_path / "damaged", position, -1)
    return tmp_path / "damaged"


def reopened(folder: Path) -> Store:
    store = machine(folder)
    store.maintenance.rebuild()
    return store


def read_runs(folder: Path) -> None:
    store = machine(folder)
    store.runs.search(["0"])
    store.close()


def run(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["--store", str(folder), *words])
    return result.exit_code, result.output


def test_it_is_named_and_all_else_is_read(damaged: Path) -> None:
    store = reopened(damaged)
    [skipped] = store.maintenance.skipped()
    assert skipped.kind == DAMAGED
    assert skipped.feed == store.feeds.own
    assert skipped.stream.startswith("run/")
    runs = store.runs.search(["0"])
    assert {run.info.run_name: run.data.tags.get("machine") for run in runs} == {
        "first": None,
        "second": "second",
    }
    [record] = store.events.get(str(skipped.position))
    assert record.type == DAMAGED
    assert record.body == {}
    assert record.skipped
    record_run(store, "third")
    store.close()


@pytest.mark.parametrize("place", [0, 1, 3], ids=lambda place: f"byte {place}")
def test_a_header_that_cannot_be_read_keeps_nobody_from_the_rest(damaged: Path, place: int) -> None:
    rot(damaged, 3, place)
    with pytest.warns(EventtrackWarning, match="header of envelopes 0 to"):
        store = reopened(damaged)
    assert 3 in [one.position for one in store.maintenance.skipped()]
    list(store.events.read())
    record_run(store, "third")
    assert not store.maintenance.check().ok
    store.close()


def test_a_header_that_reads_well_and_is_not_what_was_written_is_found(damaged: Path) -> None:
    """Only the tree of its feed knows."""
    rot(damaged, 3, 40)
    with pytest.warns(EventtrackWarning, match="header of envelopes 0 to"):
        reopened(damaged).close()
    for words in (["replay", "--verify"], ["replay", "--rebuild"]):
        with pytest.warns(EventtrackWarning, match="header of envelopes 0 to"):
            code, said = run(damaged, *words)
        assert code == 8
        assert "Merkle" in said


def test_every_process_is_told_what_views_were_folded_from(damaged: Path) -> None:
    rot(damaged, 3, 40)
    shutil.rmtree(damaged / "views")
    for _ in range(2):  # the second finds the views that the first folded
        with pytest.warns(EventtrackWarning, match="header of envelopes 0 to"):
            read_runs(damaged)


def test_it_is_told_where_processes_folded_a_part_of_the_log_each(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rot(damaged, 3, 40)
    shutil.rmtree(damaged / "views")
    monkeypatch.setattr(build, "FOLD_ENVELOPES_MAX", 2)
    store = machine(damaged)
    assert store._engine.views.in_use().advance(store._engine.log) == 2
    store.close()
    with pytest.warns(EventtrackWarning, match="header of envelopes 0 to"):
        read_runs(damaged)


def test_each_header_of_a_feed_of_several_tiles_is_looked_at(tmp_path: Path) -> None:
    store = machine(tmp_path / "long")
    run_id = record_run(store, "long")
    for number in range(300):
        store.runs.set_tags(run_id, {"number": str(number)})
    head = store.events.head()
    store.close()
    for position in (2, 258, head):
        rot(tmp_path / "long", position, 40)
        store = machine(tmp_path / "long")
        assert len(list(unsound_headers(store.replication.log))) == 1
        store.close()
        rot(tmp_path / "long", position, 40)
    store = machine(tmp_path / "long")
    assert list(unsound_headers(store.replication.log)) == []
    store.close()


def test_replay_does_not_call_it_fine(damaged: Path) -> None:
    store = reopened(damaged)
    [skipped] = store.maintenance.skipped()
    store.close()
    for words in (["replay", "--verify"], ["replay", "--rebuild"], ["check"]):
        code, said = run(damaged, *words)
        assert code == 8, said
        assert f"position {skipped.position}" in said
        code, said = run(damaged, *words, "--json")
        assert code == 8
        assert json.loads(said)["skipped"][0]["position"] == skipped.position
    code, said = run(damaged, "log")
    assert code == 0
    assert "has no effect" in said
    assert "skipped" in run(damaged, "stats")[1]


def test_it_can_be_erased(damaged: Path) -> None:
    store = reopened(damaged)
    [skipped] = store.maintenance.skipped()
    store.redaction.redact_envelopes([store.feeds.at(skipped.position)], "it is lost")
    assert store.maintenance.skipped() == []
    assert store.maintenance.check().problems == []
    store.close()
