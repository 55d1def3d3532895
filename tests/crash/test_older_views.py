"""`kill -9` while a new version builds its views: the older stay whole, and the newer get done."""

import json
import random
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackWarning
from eventtrack.events.envelope import Draft
from eventtrack.events.types import RunStarted, TagsSet
from eventtrack.projections import older, shape
from eventtrack.projections.older import SHOWS_OLDER
from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.crash.workers import PATIENCE_S, opened

ENVELOPES = 12_000
SESSION = bytes(16)


def fill(store: Store) -> None:
    """Some runs, each with many envelopes."""
    with store._engine.appending() as (transaction, _):
        for number in range(ENVELOPES):
            stream = f"run/{number % 200:032x}"
            start = RunStarted("0", "name", "me", 1, {})
            event = start if number < 200 else TagsSet({"value": str(number)})
            transaction.append(Draft.of(stream, event), SESSION)


def look_on(path: Path, notes: Path) -> None:
    """As a person after an upgrade: look, and look again, until killed."""
    upgrade()
    store = open_store(path, create=False)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = len(store.runs.search(["0"], max_results=1000))
    notes.write_text(f"{found} {len(warned)}")
    while True:
        assert len(store.runs.search(["0"], max_results=1000)) == found


def finish(path: Path, notes: Path) -> None:
    """Wait for the views of the new version, and verify them."""
    upgrade()
    SHOWS_OLDER.set(False)
    with opened(path) as store:
        equal, _, _ = store.maintenance.verify()
        notes.write_text(str(equal))


def upgrade() -> None:
    shape.PROJECTIONS_VERSION += 1
    older.PATIENCE_S = 0.0
    SHOWS_OLDER.set(True)


def test_a_kill_while_newer_views_are_built_loses_neither(tmp_path: Path) -> None:
    path, chance = tmp_path / "store", random.Random(1)
    with opened(path) as store:
        fill(store)
        before = store.maintenance.digest()
    looks = []
    for number in range(4):
        notes = tmp_path / str(number)
        looker = workers.start(look_on, path, notes)
        deadline = time.monotonic() + PATIENCE_S
        while not (notes.exists() and notes.read_text()) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.1 * chance.random())
        looker.kill()
        looker.join(PATIENCE_S)
        assert looker.exitcode == -9
        looks.append(notes.read_text().split())
    assert looks[0] == ["200", "1"], "the first look was not answered from the older views"
    assert {found for found, _ in looks} == {"200"}
    notes = tmp_path / "verified"
    workers.finish(workers.start(finish, path, notes))
    assert notes.read_text() == "True"
    with opened(path) as store:  # the version before goes on with its own
        assert store.maintenance.digest() == before
        assert store.maintenance.verify()[0]


UPGRADED = """
from eventtrack.cli import main
from eventtrack.projections import older, shape
shape.PROJECTIONS_VERSION += 1
older.PATIENCE_S = 0.0
main()
"""


def test_a_command_shows_older_views_to_a_person_and_says_so(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        fill(store)
        store.maintenance.digest()

    def listed(*words: str) -> tuple[str, str]:
        words = ("--store", str(tmp_path / "store"), *words, "experiments", "list")
        command = [sys.executable, "-c", UPGRADED, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr

    said, warned = listed()
    assert "Default" in said
    assert warned.startswith("warning: shown are views of another version of eventtrack")
    said, warned = listed("--json")  # a program waits
    assert json.loads(said)
    assert warned == ""


def test_a_decision_waits_for_the_newer_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "store") as store:
        fill(store)
        store.maintenance.digest()
    monkeypatch.setattr(shape, "PROJECTIONS_VERSION", shape.PROJECTIONS_VERSION + 1)
    monkeypatch.setattr(older, "PATIENCE_S", 0.0)
    token = SHOWS_OLDER.set(True)
    try:
        with opened(tmp_path / "store") as store:
            with pytest.warns(EventtrackWarning, match="another version"):
                assert store.experiments.get("0").name == "Default"
            run = store.runs.create("0")
            assert store.maintenance.building() is None
            assert store.runs.get(run.info.run_id).info.run_id == run.info.run_id
    finally:
        SHOWS_OLDER.reset(token)
