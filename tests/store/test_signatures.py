"""Signatures: they hold for exactly one state of a run, stay on record, and say who changed it."""

import hashlib
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.store.reasons import reason
from eventtrack.store.session import AUTHOR, current_user
from eventtrack.views.records import LoggedModelInput, LoggedModelOutput, Metric
from tests.store.machines import dataset, exchange, refused


def filled(store: Store) -> str:
    """A run with every kind of fact."""
    run_id = store.runs.create("0", run_name="größer", user_id="ada").info.run_id
    store.runs.log_params(run_id, {"lr": "0.1", "depth": "3"})
    store.runs.set_tags(run_id, {"stage": "final", "gone": "1"})
    store.runs.delete_tag(run_id, "gone")
    points = [(2, 0.5), (1, 1.0), (3, float("nan")), (2, 0.5)]
    batch = [Metric(key="loss", value=value, timestamp=9, step=step) for step, value in points]
    store.runs.log_batch(run_id, [*batch, Metric(key="acc", value=-0.0, timestamp=1, step=-4)])
    models = [LoggedModelInput(model_id="m-1")]
    store.runs.log_inputs(run_id, [dataset("iris", "d1", "train"), dataset("a", "d2")], models)
    store.runs.log_outputs(run_id, [LoggedModelOutput(model_id="m-2", step=7)])
    store.artifacts.log_bytes(run_id, b"weights", "model/weights.bin")
    store.artifacts.log_bytes(run_id, b"gone", "gone.bin")
    store.artifacts.delete(run_id, "gone.bin")
    store.runs.update(run_id, status="FINISHED", end_time=99)
    return run_id


@pytest.fixture
def signed(store: Store) -> str:
    """A run that was signed."""
    run_id = filled(store)
    store.signatures.sign(run_id, "reviewed", "curves checked")
    return run_id


def by_hand(store: Store, run_id: str) -> str:
    """The digest, made from what the store shows, by the letter of docs/format.md."""
    run = store.runs.get(run_id)
    info, metrics = run.info, dict[str, Any]()
    for key in run.data.metrics:
        points = [(p.timestamp, p.step, p.value) for p in store.metrics.history(run_id, key)]
        times, steps, values = zip(*points, strict=True)
        numbers = struct.pack(f"<{len(points)}q", *times) + struct.pack(f"<{len(points)}q", *steps)
        for value in values:
            is_nan = value != value  # noqa: PLR0124 - NaN alone differs from itself
            numbers += bytes.fromhex("000000000000f87f") if is_nan else struct.pack("<d", value)
        metrics[key] = [len(points), hashlib.sha256(numbers).digest()]
    files = {
        file.path: [file.size, hashlib.sha256(b"weights").digest(), None]
        for file in store.artifacts.entries(run_id)
    }
    used = [
        [d.name, d.digest, d.source_type, d.source, d.schema, d.profile, tags]
        for d, tags in (
            (each.dataset, {tag.key: tag.value for tag in each.tags})
            for each in run.inputs.dataset_inputs
        )
    ]
    said = {
        "run": run_id,
        "experiment": info.experiment_id,
        "user": info.user_id,
        "name": info.run_name,
        "status": info.status,
        "stage": info.lifecycle_stage,
        "start": info.start_time,
        "end": info.end_time,
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": metrics,
        "datasets": sorted(used, key=lambda each: (each[0], each[1])),
        "models_read": [each.model_id for each in run.inputs.model_inputs],
        "models_written": {each.model_id: each.step for each in run.outputs.model_outputs},
        "files": files,
    }
    given = {key: value for key, value in said.items() if value not in (None, "", [], {})}
    packed = msgspec.msgpack.encode(given, order="deterministic")
    return hashlib.sha256(b"eventtrack run digest 1\n" + packed).hexdigest()


def test_the_digest_can_be_made_from_its_description(store: Store) -> None:
    run_id = filled(store)
    assert store.runs.digest(run_id) == by_hand(store, run_id)


def test_the_digest_of_a_fork_covers_the_points_of_its_parent(store: Store) -> None:
    parent = filled(store)
    fork = store.forks.fork(parent, 2)
    store.metrics.log(fork, "loss", 0.25, step=3, timestamp=9)
    store.flush()
    assert [point.step for point in store.metrics.history(fork, "loss")] == [1, 2, 3]
    assert store.runs.digest(fork) == by_hand(store, fork)


def test_a_rewind_is_a_change_and_its_undo_lets_the_signature_hold(store: Store) -> None:
    run_id = filled(store)
    store.signatures.sign(run_id, "reviewed", "curves checked")
    store.metrics.rewind(run_id, 1)
    assert store.runs.digest(run_id) == by_hand(store, run_id)
    [signature] = store.runs.signatures(run_id)
    assert not signature.holds
    store.history.undo(f"{store.events.head()}.0")
    [signature] = store.runs.signatures(run_id)
    assert signature.holds


def test_a_signature_says_who_vouches_for_what_and_why(store: Store, clock: ManualClock) -> None:
    run_id = filled(store)
    clock.advance(5)
    with reason("of the block around it"):
        signature = store.signatures.sign(run_id, " reviewed ", "curves checked")
    assert (signature.meaning, signature.by) == ("reviewed", current_user())
    assert (signature.reason, signature.signed_ms) == ("curves checked", clock.now_ms())
    assert (signature.digest, signature.holds) == (store.runs.digest(run_id), True)
    assert store.runs.signatures(run_id) == [signature]
    [event] = store.events.read(types=["run.signed"])
    assert event.reason == "curves checked"
    [line] = store.history.blame(run_id, f"signature.reviewed by {current_user()}")
    assert line.after == f"digest {signature.digest[:12]}"
    assert line.event.reason == "curves checked"


@pytest.mark.parametrize("change", range(10))
def test_a_signature_holds_until_a_fact_changes(store: Store, signed: str, change: int) -> None:
    other = store.experiments.create("other")
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: store.runs.set_tags(signed, {"stage": "draft"}), "tag.stage"),
        (lambda: store.corrections.correct_param(signed, "lr", "1", "a test"), "param.lr"),
        (lambda: store.corrections.move([signed], other), "experiment"),
        (lambda: store.metrics.log(signed, "loss", 0.1, step=9), "metric.loss"),
        (lambda: store.artifacts.log_bytes(signed, b"x", "model/weights.bin"), "artifact.model"),
        (lambda: store.artifacts.delete(signed, "model/weights.bin"), "artifact.model"),
        (lambda: store.runs.update(signed, status="FAILED"), "status"),
        (lambda: store.runs.log_inputs(signed, [dataset("b", "d3")]), "input.b"),
        (lambda: store.experiments.delete("0"), "lifecycle"),
        (lambda: store.runs.update(signed, name="another"), "name"),
    ]
    [signature] = store.runs.signatures(signed)
    assert signature.holds
    change_it, fact = changes[change]
    change_it()
    store.flush()
    [signature] = store.runs.signatures(signed)
    assert not signature.holds
    changed = store.history.changed_since(signed, signature)
    assert any(name.startswith(fact) for name in changed), changed


def test_a_change_that_is_undone_lets_it_hold_again(store: Store, signed: str) -> None:
    store.runs.set_tags(signed, {"stage": "draft"})
    store.history.undo(f"{store.events.head()}.0")
    [signature] = store.runs.signatures(signed)
    assert signature.holds
    store.signatures.sign(signed, "approved", "as planned")  # a signature is no change either
    assert [each.holds for each in store.runs.signatures(signed)] == [True, True]


def test_the_latest_of_a_person_and_meaning_counts_and_all_stay(store: Store, signed: str) -> None:
    store.runs.set_tags(signed, {"stage": "draft"})
    store.signatures.sign(signed, "reviewed", "checked anew")
    [signature] = store.runs.signatures(signed)
    assert (signature.holds, signature.reason) == (True, "checked anew")
    token = AUTHOR.set("bob")
    store.signatures.sign(signed, "reviewed", "checked too")
    AUTHOR.reset(token)
    assert [each.by for each in store.runs.signatures(signed)] == [current_user(), "bob"]
    events = list(store.events.read(types=["run.signed"]))
    assert len(events) == 3
    with pytest.raises(InvalidStateError, match="a signature stays on record"):
        store.history.undo(events[0].address)


def test_what_cannot_be_signed_says_why(store: Store, signed: str) -> None:
    for meaning, why in (("", "why"), ("x" * 101, "why"), ("\ud800", "why"), ("reviewed", " ")):
        with refused(store, InvalidValueError):
            store.signatures.sign(signed, meaning, why)
    with refused(store, NotFoundError):
        store.signatures.sign("f" * 32, "reviewed", "why")
    store.runs.delete(signed)
    with refused(store, InvalidValueError, "active"):
        store.signatures.sign(signed, "reviewed", "why")


def test_the_past_shows_the_signatures_of_then(store: Store, signed: str) -> None:
    then = str(store.events.head())
    before = str(store.events.head() - 1)
    store.runs.set_tags(signed, {"stage": "draft"})
    with store.at(then) as moment:
        assert [each.holds for each in moment.runs.signatures(signed)] == [True]
    with store.at(before) as moment:
        assert moment.runs.signatures(signed) == []


def test_what_is_erased_is_changed_since(store: Store, signed: str) -> None:
    [params] = store.events.read(types=["run.params_logged"])
    envelopes = [
        each for each in store.feeds.of_stream(f"run/{signed}") if each.position == params.position
    ]
    store.redaction.redact_envelopes(envelopes, "a test")
    [signature] = store.runs.signatures(signed)
    assert not signature.holds


@settings(max_examples=10, deadline=None)
@given(deeds=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=12))
def test_two_machines_agree_on_digest_and_signatures(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[bool, int]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("machines"), ManualClock()
    stores = [Store(folder / str(n), clock=clock, ids=SeededIds(str(n))) for n in range(2)]
    run_id = stores[0].runs.create("0", run_name="r").info.run_id
    exchange(*stores)
    for second, deed in deeds:
        store = stores[second]
        clock.advance(deed)
        if deed == 0:
            store.signatures.sign(run_id, "reviewed", "a law")
        elif deed == 1:
            store.runs.set_tags(run_id, {"a": str(clock.now_ms())})
        elif deed == 2:
            store.metrics.log(run_id, "loss", clock.now_ms(), step=1)
        else:
            exchange(*stores)
    for store in stores:
        store.flush()
    exchange(*stores)
    one, two = stores
    assert one.runs.digest(run_id) == two.runs.digest(run_id)
    assert one.runs.signatures(run_id) == two.runs.signatures(run_id)
    assert one.maintenance.digest() == two.maintenance.digest()
    for store in stores:
        store.close()
