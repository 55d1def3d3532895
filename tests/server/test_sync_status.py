"""What the pages are told about remotes, replicas and conflicts."""

from pathlib import Path
from typing import Any

import pytest

from eventtrack.audit import keys
from eventtrack.audit.auditor import Auditor
from eventtrack.audit.checkpoints import Checkpoint, origin_of
from eventtrack.audit.notes import Note
from eventtrack.errors import RemoteError
from eventtrack.events.types import HeadSealed
from eventtrack.store import Store
from eventtrack.sync import Remotes, Selection, Ways, all_statuses, synchronize
from eventtrack.web import replicas
from tests.server.running import running
from tests.sync.machines import PULL, record_run, sync


def status(store: Store, url: str) -> dict[str, Any]:
    [found] = [one for one in replicas.sync(store)["remotes"] if one["url"] == url]
    assert isinstance(found["status"], dict)
    return found["status"]


def test_each_remote_tells_what_was_moved_and_how_far_apart_it_is(
    one: Store, two: Store, tmp_path: Path
) -> None:
    stick = str(tmp_path / "stick")
    record_run(one)
    Remotes(one.replication).add("usb", stick, Selection(experiments=["x"]))
    assert replicas.sync(one)["remotes"][0]["status"] is None
    sync(one, tmp_path / "stick")
    recorded = one.events.head()
    first = status(one, stick)
    assert first["pushed"]["envelopes"] == recorded
    assert (first["ahead"], first["behind"], first["error"]) == (0, 0, "")
    assert first["succeeded_ms"] == first["tried_ms"] == replicas.sync(one)["now_ms"]
    record_run(one, "more")
    assert status(one, stick)["ahead"] == one.events.head() - recorded
    sync(two, tmp_path / "stick", PULL)
    sync(one, tmp_path / "stick")
    # What it has is known, and what is missing of it here.
    sync(two, tmp_path / "stick", Ways(pull=False, push=False))
    there = status(two, stick)
    assert there["behind"] == one.events.head() - recorded
    [feed] = [one_ for one_ in replicas.sync(two)["replicas"] if not one_["own"]]
    assert (feed["size"], feed["behind"]) == (recorded, there["behind"])
    assert feed["author"]["host"]
    assert feed["whole"] is True
    assert status(one, stick)["pushed"]["envelopes"] == one.events.head()


def test_a_failure_stands_there_until_an_exchange_succeeds(one: Store, tmp_path: Path) -> None:
    away = tmp_path / "mount" / "stick"
    for failures in (1, 2):
        with pytest.raises(RemoteError):
            synchronize(one, str(away), PULL)
        found = status(one, str(away))
        assert (found["failures"], found["succeeded_ms"]) == (failures, None)
        assert "no remote at" in found["error"]
        assert found["hint"]
        assert found["failing_since_ms"] == found["tried_ms"]
    away.parent.mkdir()
    sync(one, away)
    found = status(one, str(away))
    assert (found["failures"], found["error"], found["failing_since_ms"]) == (0, "", None)


def test_a_remote_that_is_forgotten_is_not_told_of(one: Store, tmp_path: Path) -> None:
    remotes = Remotes(one.replication)
    remotes.add("usb", str(tmp_path / "stick"))
    synchronize(one, "usb")
    remotes.remove("usb")
    assert all_statuses(remotes) == []


def test_no_password_is_kept_or_told(one: Store, tmp_path: Path) -> None:
    with pytest.raises(RemoteError):
        synchronize(one, "http://ada:secret@127.0.0.1:9")
    assert status(one, "http://127.0.0.1:9")["failures"] == 1
    folder = one.replication.folder
    assert not any(b"secret" in file.read_bytes() for file in folder.iterdir())


def test_a_signed_head_and_a_part_are_told(one: Store, two: Store, tmp_path: Path) -> None:
    record_run(one)
    Auditor(one).seal()
    sync(one, tmp_path / "stick")
    ways = Ways(push=False, wanted=Selection(experiments=["other"]))
    synchronize(two, str(tmp_path / "stick"), ways)
    [feed] = [found for found in replicas.sync(two)["replicas"] if not found["own"]]
    assert feed["whole"] is False
    assert 0 < feed["sealed"]["size"] <= feed["size"]
    assert feed["sealed"]["problem"] == ""


def test_a_head_that_does_not_hold_is_an_alarm(one: Store) -> None:
    record_run(one)
    own = one.replication.log.replica.hex()
    good = Auditor(one).seal()
    [signer] = [line for line in good.signatures if line]
    later = Checkpoint(origin_of(bytes.fromhex(own)), 3, bytes(32))
    key = keys.signer_of(one.path, own)
    for note, problem in (
        (Note(later.text, (signer,)), "sign"),
        (Note(later.text, (key.sign(later.text),)), "not those that were signed"),
        (Note((far := later._replace(size=99)).text, (key.sign(far.text),)), "99 envelopes"),
    ):
        one.feeds.record(HeadSealed(str(note)))
        [feed] = replicas.sync(one)["replicas"]
        assert problem in feed["sealed"]["problem"]


def test_conflicts_come_by_the_page_over_http(one: Store, two: Store, tmp_path: Path) -> None:
    run_id = record_run(one)
    for store in (one, two):
        sync(store, tmp_path / "stick")
    for number, store in enumerate((one, two)):
        store.runs.log_params(run_id, {f"p{key}": str(number) for key in range(3)})
    for store in (one, two, one):
        sync(store, tmp_path / "stick")
    one.close()
    with running(one.path) as server:
        base = "/api/eventtrack/1/"
        page = server.client.get(f"{base}conflicts?offset=1&limit=1").json()
        assert page["total"] == 3
        [conflict] = page["conflicts"]
        assert (conflict["fact"], conflict["subject"]) == ("param.p1", f"run/{run_id}")
        assert conflict["rule"] == "the earliest value is kept"
        assert len({conflict["kept"], *conflict["lost"]}) == 2
        found = server.client.get(f"{base}sync").json()
    assert [remote["url"] for remote in found["remotes"]] == [str(tmp_path / "stick")]
    assert len(found["replicas"]) == 2
