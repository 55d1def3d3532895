"""Erasing what was deleted: all of it at once, here and elsewhere, and nothing that lives."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError, NotFoundError
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.store import Store
from eventtrack.store.garbage import Found
from tests.store.machines import send
from tests.store.test_redaction import leaks

SECRETS = ["first-secret-" * 30, "second-secret-" * 300]
SHARED = b"the same bytes in a run that lives" * 10


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def place(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    store = Store(tmp_path / "place", clock=clock)
    yield store
    store.close()


def filled(store: Store) -> tuple[list[str], str]:
    """Two deleted runs that hold secrets, and one that lives and has a file of theirs."""
    runs = [store.runs.create("0", run_name=f"run {number}").info.run_id for number in range(3)]
    for run_id, secret in zip(runs, SECRETS, strict=False):
        store.runs.log_params(run_id, {"secret": secret[:4000]})
        store.metrics.log(run_id, "loss", 0.5)
        store.artifacts.log_bytes(run_id, secret.encode(), "secret.txt")
        store.artifacts.log_bytes(run_id, SHARED, "shared.bin")
        store.runs.delete(run_id)
    store.artifacts.log_bytes(runs[2], SHARED, "shared.bin")
    return runs[:2], runs[2]


def names(found: Found) -> set[str]:
    return {one.stream for one in found.garbage}


def test_all_that_is_deleted_goes_in_one_redaction(place: Store) -> None:
    gone, living = filled(place)
    found = place.garbage.find()
    assert names(found) == {f"run/{one}" for one in gone}
    freed = place.garbage.erase(found.garbage)
    assert freed.files == 2
    assert freed.file_bytes == sum(map(len, SECRETS))
    assert leaks(place, *SECRETS) == []
    for run_id in gone:
        with pytest.raises(NotFoundError):
            place.runs.get(run_id)
    with place.artifacts.open(living, "shared.bin") as file:
        assert file.read() == SHARED
    orders = place.events.read(types=["payloads.redacted"])
    assert [one.body["reason"] for one in orders] == ["gc", "gc"]
    assert place.maintenance.check().problems == []
    assert place.maintenance.verify()[0]
    assert place.garbage.find() == Found()
    with pytest.raises(InvalidStateError, match="nothing"):
        place.garbage.erase(found.garbage)


def test_living_runs_are_not_read(place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look for garbage costs by what was deleted: a store may have a million runs."""
    gone, living = filled(place)
    place.runs.set_tags(living, {"mlflow.parentRunId": gone[0]})
    read: list[int] = []
    by_number = Reader.run_by_number

    def counted(reader: Reader, number: int) -> RunState | None:
        read.append(number)
        return by_number(reader, number)

    monkeypatch.setattr(Reader, "run_by_number", counted)
    children = {thing.id: thing.children for thing in place.garbage.find().garbage}
    assert children == {gone[0]: 1, gone[1]: 0}
    assert len(read) == len(gone)


def test_what_was_deleted_of_late_stays(place: Store, clock: ManualClock) -> None:
    gone, _ = filled(place)
    assert names(place.garbage.find(older_than_ms=60_000)) == set()
    clock.advance(120_000)
    late = place.runs.create("0").info.run_id
    place.runs.delete(late)
    assert names(place.garbage.find(older_than_ms=60_000)) == {f"run/{one}" for one in gone}


def test_what_is_restored_between_the_question_and_the_answer_stays(place: Store) -> None:
    gone, _ = filled(place)
    found = place.garbage.find()
    place.runs.restore(gone[0])
    freed = place.garbage.erase(found.garbage)
    assert [one.id for one in freed.erased] == [gone[1]]
    assert place.runs.get(gone[0]).data.params == {"secret": SECRETS[0][:4000]}
    assert len(place.artifacts.list(gone[0])) == 2


def test_an_experiment_goes_with_all_that_is_in_it(place: Store) -> None:
    experiment_id = place.experiments.create("gone")
    run_id = place.runs.create(experiment_id).info.run_id
    model_id = place.models.create(experiment_id).model_id
    trace = place.traces.record(
        trace_id="tr-1", experiment_id=experiment_id, request_time=1, state="OK"
    )
    place.experiments.delete(experiment_id)
    place.runs.restore(run_id)
    kept = place.garbage.find()
    assert names(kept) == set()
    assert [(one.kind, run_id in one.reason) for one in kept.kept] == [("experiment", True)]
    place.runs.delete(run_id)
    everything = {f"run/{run_id}", f"model/{model_id}", f"trace/{trace.trace_id}"}
    found = place.garbage.find(only=[f"experiment/{experiment_id}"])
    assert names(found) == {*everything, f"experiment/{experiment_id}"}
    place.garbage.erase(found.garbage)
    assert place.experiments.get_by_name("gone") is None
    assert place.traces.infos(["tr-1"]) == []
    assert [one.name for one in place.experiments.search(view_type=3)] == ["Default"]
    assert place.maintenance.check().problems == []


def test_deleted_traces_and_registered_models_go(place: Store) -> None:
    place.traces.record(trace_id="tr-1", experiment_id="0", request_time=1, state="OK")
    place.traces.delete("0", trace_ids=["tr-1"])
    place.registry.create("old", description=SECRETS[0])
    place.registry.create_version("old", "s3://elsewhere/model")
    place.registry.delete("old")
    found = place.garbage.find()
    assert sorted(one.kind for one in found.garbage) == ["registered", "trace"]
    place.garbage.erase(found.garbage)
    assert leaks(place, SECRETS[0]) == []
    assert place.garbage.find() == Found()
    assert place.registry.create("old").name == "old"
    assert place.registry.versions("old") == []


def test_scorers_go_once_all_their_versions_are_deleted(place: Store, clock: ManualClock) -> None:
    experiment_id = place.experiments.create("gone")
    homes = {"deleted": "0", "half": "0", "living": "0", "inside": experiment_id}
    for name, where in homes.items():
        for secret in SECRETS:
            place.scorers.register(where, name, f'"{name} {secret}"')
    place.scorers.delete("0", "half", 1)
    place.scorers.delete("0", "deleted")
    place.experiments.delete(experiment_id)
    clock.advance(60_000)
    assert names(place.garbage.find(older_than_ms=120_000)) == set()
    found = place.garbage.find(only=["experiment/0"])
    assert [(one.kind, one.name) for one in found.garbage] == [("scorer", "deleted")]
    found = place.garbage.find()
    assert {one.name for one in found.garbage} == {"deleted", "inside", "gone"}
    place.garbage.erase(found.garbage)
    secrets = [f"{name} {secret}" for name in ("deleted", "inside") for secret in SECRETS]
    assert leaks(place, *secrets) == []
    assert [one.scorer_name for one in place.scorers.list()] == ["half", "living"]
    assert place.garbage.find() == Found()


def test_peers_obey_and_keep_files_that_a_run_of_theirs_has(place: Store, tmp_path: Path) -> None:
    gone, _ = filled(place)
    peer = Store(tmp_path / "peer")
    send(place, peer)
    theirs = peer.runs.create("0").info.run_id
    peer.artifacts.log_bytes(theirs, SECRETS[1].encode(), "mine.txt")
    place.garbage.erase(place.garbage.find().garbage)
    orders = list(place.feeds.envelopes(place.feeds.own, 0, 10_000))
    peer.replication.receive(lambda txn: [txn.append_foreign(one.data) for one in orders])
    with pytest.raises(NotFoundError):
        peer.runs.get(gone[1])
    with peer.artifacts.open(theirs, "mine.txt") as file:
        assert file.read() == SECRETS[1].encode()
    assert leaks(peer, SECRETS[0]) == []
    assert peer.garbage.find() == Found()
    peer.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
from eventtrack.log import erasure
from eventtrack.store import Store, redaction
from eventtrack.store.redaction import Redaction

def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

store = Store(Path(sys.argv[1]))
found = store.garbage.find().garbage
if sys.argv[2] == "ordered":
    Redaction.finish = die
elif sys.argv[2] == "folded":
    Redaction._delete_blobs = die
else:
    erasure.scrub = die
store.garbage.erase(found)
"""


@pytest.mark.parametrize("when", ["ordered", "folded", "unlinked"])
def test_what_a_kill_interrupted_is_reported_and_finished(tmp_path: Path, when: str) -> None:
    path = tmp_path / "store"
    store = Store(path)
    gone, living = filled(store)
    store.close()
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path), when], check=False)
    assert killed.returncode == -9
    store = Store(path)
    with pytest.raises(NotFoundError):
        store.runs.get(gone[0])
    [problem] = store.maintenance.check().problems
    assert "redact --finish" in problem.hint
    store.redaction.finish()
    assert leaks(store, *SECRETS) == []
    assert store.maintenance.check().problems == []
    assert store.garbage.find() == Found()
    with store.artifacts.open(living, "shared.bin") as file:
        assert file.read() == SHARED
    store.close()
