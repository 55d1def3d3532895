"""What is redacted is gone: from answers, from files, and from other machines; the rest stays."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.errors import InvalidStateError, NotFoundError
from eventtrack.events.envelope import CODEC_ZSTD
from eventtrack.store import Store
from tests.store.machines import send

SECRET = "hunter2-" * 40
# Longer than a page of LMDB: it lies in pages of its own, and is freed whole.
LONG_SECRET = "correct-horse-battery-" * 300


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "place")
    yield store
    store.close()


def leaks(store: Store, *secrets: str | bytes) -> list[str]:
    """Files of a store's folder in which a piece of a secret can still be read."""
    pieces = [
        secret[:24].encode() if isinstance(secret, str) else secret[-24:] for secret in secrets
    ]
    return [
        str(path.relative_to(store.path))
        for path in store.path.rglob("*")
        if path.is_file() and any(piece in path.read_bytes() for piece in pieces)
    ]


def logged(store: Store) -> tuple[str, str]:
    """A run that holds secrets, in a log that others wrote to before and after."""
    other = store.runs.create("0", run_name="other").info.run_id
    for number in range(60):
        store.runs.set_tags(other, {f"key{number}": "value" * number})
    run_id = store.runs.create("0", run_name="leaky").info.run_id
    store.runs.log_params(run_id, {"password": SECRET})
    store.runs.set_tags(run_id, {"note": LONG_SECRET})
    store.artifacts.log_bytes(run_id, SECRET.encode(), "notes/secret.txt")
    store.metrics.log(run_id, "loss", 0.5)
    store.flush()
    for number in range(60):
        store.runs.set_tags(other, {f"later{number}": "value" * number})
    return run_id, other


def payloads(store: Store, run_id: str) -> list[bytes]:
    """What the log holds of a run in compressed bodies, which show no secret in plain."""
    return [
        one.payload
        for one in store.events.envelopes(0, 1000)
        if one.header.stream == f"run/{run_id}" and one.header.codec == CODEC_ZSTD
    ]


def test_a_redacted_run_is_in_no_answer_and_in_no_byte(place: Store) -> None:
    run_id, other = logged(place)
    stored = payloads(place, run_id)
    secrets: list[str | bytes] = [SECRET, LONG_SECRET, *stored]
    assert all(leaks(place, secret) for secret in secrets)
    before = place.runs.get(other)
    head = place.feeds.of_replica(place.feeds.own)[0]
    count = place.redaction.redact_envelopes(place.feeds.of_stream(f"run/{run_id}"), "a test")
    assert (count, len(stored)) == (5, 2)
    assert leaks(place, *secrets) == []
    with pytest.raises(NotFoundError):
        place.runs.get(run_id)
    assert place.runs.get(other) == before
    assert [run.info.run_id for run in place.runs.search(["0"])] == [other]
    assert place.maintenance.check().problems == []
    tree = place.feeds.tree(place.feeds.own, head.size)
    assert tree.root().hex() == head.root
    assert place.maintenance.verify()[0]


def test_the_act_is_on_record_with_its_reason(place: Store) -> None:
    run_id, _ = logged(place)
    place.redaction.redact_envelopes(place.feeds.of_stream(f"run/{run_id}"), "consent withdrawn")
    [event] = place.events.read(stream=f"run/{run_id}")
    assert (event.type, event.body["reason"]) == ("payloads.redacted", "consent withdrawn")
    assert place.sessions.get(event.session).pid
    with pytest.raises(InvalidStateError, match="nothing to redact"):
        place.redaction.redact_envelopes(place.feeds.of_stream(f"run/{run_id}"), "again")


def test_one_event_is_redacted_and_its_run_goes_on(place: Store) -> None:
    run_id, _ = logged(place)
    [event] = place.events.read(stream=f"run/{run_id}", types=["run.params_logged"])
    place.redaction.redact_envelopes([place.feeds.at(event.position)], "a password")
    run = place.runs.get(run_id)
    assert run.data.params == {}
    assert run.data.metrics == {"loss": 0.5}
    assert leaks(place, SECRET) == [f"blobs/{blob}" for blob in blob_names(place)]
    place.runs.log_params(run_id, {"password": "none"})
    assert place.runs.get(run_id).data.params == {"password": "none"}


def is_unfinished(store: Store) -> bool:
    return store.redaction.unfinished


def blob_names(store: Store) -> list[str]:
    return [str(path.relative_to(store.path / "blobs")) for path in store.path.glob("blobs/??/*")]


def test_a_redacted_file_is_off_every_list(place: Store) -> None:
    run_id, other = logged(place)
    place.artifacts.log_bytes(other, SECRET.encode(), "copy.txt")
    place.artifacts.log_bytes(other, b"harmless", "kept.txt")
    place.redaction.redact_artifact(run_id, "notes/secret.txt", "a test")
    assert place.artifacts.list(run_id) == []
    assert [one.path for one in place.artifacts.list(other)] == ["kept.txt"]
    assert len(blob_names(place)) == 1
    assert place.maintenance.check().problems == []
    with pytest.raises(NotFoundError):
        place.redaction.redact_artifact(run_id, "notes/secret.txt", "again")


def test_a_file_that_another_run_has_as_well_stays_with_it(place: Store) -> None:
    run_id, other = logged(place)
    place.artifacts.log_bytes(other, SECRET.encode(), "copy.txt")
    place.redaction.redact_envelopes(place.feeds.of_stream(f"run/{run_id}"), "a test")
    with place.artifacts.open(other, "copy.txt") as file:
        assert file.read() == SECRET.encode()


def test_peers_obey_when_the_order_reaches_them(place: Store, tmp_path: Path) -> None:
    run_id, _ = logged(place)
    peer = Store(tmp_path / "peer")
    send(place, peer)
    assert peer.runs.get(run_id).data.params == {"password": SECRET}
    place.redaction.redact_envelopes(place.feeds.of_stream(f"run/{run_id}"), "a test")
    orders = list(place.feeds.envelopes(place.feeds.own, 0, 10_000))
    peer.replication.receive(lambda txn: [txn.append_foreign(one.data) for one in orders])
    assert leaks(peer, SECRET, LONG_SECRET) == []
    with pytest.raises(NotFoundError):
        peer.runs.get(run_id)
    late = Store(tmp_path / "late")
    for source, target in ((peer, late), (late, place), (peer, place), (late, peer)):
        send(source, target)
    assert late.maintenance.digest() == place.maintenance.digest() == peer.maintenance.digest()
    late.close()
    peer.close()


def test_a_process_that_watches_sees_it_go(place: Store) -> None:
    run_id, _ = logged(place)
    assert place.runs.get(run_id).info.run_name == "leaky"
    script = (
        "import sys; from eventtrack.store import Store; store = Store(__import__('pathlib').Path("
        "sys.argv[1])); store.redaction.redact_envelopes(store.feeds.of_stream(sys.argv[2]), 'x')"
    )
    words = [sys.executable, "-c", script, str(place.path), f"run/{run_id}"]
    subprocess.run(words, check=True)
    with pytest.raises(NotFoundError):
        place.runs.get(run_id)


def test_an_interrupted_redaction_is_reported_and_finished(
    place: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _ = logged(place)
    finish = place.redaction.finish

    monkeypatch.setattr(place.redaction, "finish", lambda: int("killed"))
    with pytest.raises(ValueError, match="killed"):
        place.redaction.redact_envelopes(place.feeds.of_stream(f"run/{run_id}"), "a test")
    assert is_unfinished(place)
    problems = place.maintenance.check().problems
    assert "redact --finish" in problems[-1].hint
    finish()
    assert not is_unfinished(place)
    assert leaks(place, SECRET, LONG_SECRET) == []
    assert place.maintenance.check().problems == []
