"""Reasons: they stand beside the change, are shown with it, and are erased with it."""

from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

import eventtrack
from eventtrack.errors import InvalidValueError
from eventtrack.events.envelope import Draft, Envelope, seal
from eventtrack.events.reading import MALFORMED, read, reason_of
from eventtrack.events.types import Explained, TagsSet
from eventtrack.limits import ENVELOPE_EVENTS_MAX, REASON_LENGTH_MAX
from eventtrack.store import Store
from eventtrack.store.reasons import from_header, header_of, reason
from eventtrack.views.history.facts import run_facts
from tests.store.machines import exchange, refused


def newest(store: Store) -> Envelope:
    """The newest envelope of the log."""
    envelope = store._engine.log.get(store.events.head())
    assert envelope is not None
    return envelope


def test_a_reason_stands_behind_the_events_of_its_change(store: Store, run_id: str) -> None:
    with reason("the label was wrong"):
        store.runs.set_tags(run_id, {"label": "cat"})
    parts = read(newest(store)).parts
    assert [part.events for part in parts] == [
        [TagsSet({"label": "cat"})],
        [Explained("the label was wrong")],
    ]
    assert newest(store).header.count == 2
    store.runs.set_tags(run_id, {"label": "dog"})
    assert reason_of(read(newest(store))) is None


def test_reasons_are_shown_by_log_blame_and_diff(store: Store, run_id: str) -> None:
    before = str(store.events.head())
    with reason("the label was wrong"):
        store.runs.set_tags(run_id, {"label": "cat"})
    [event] = store.events.read(int(before))
    assert (event.type, event.reason) == ("run.tags_set", "the label was wrong")
    assert event.to_dictionary()["reason"] == "the label was wrong"
    [line] = store.history.blame(run_id, "tag.label")
    assert line.event.reason == "the label was wrong"
    [change] = store.history.diff(before, "now")
    assert (change.fact, change.reason) == ("tag.label", "the label was wrong")
    with reason("it was right"):
        [undone] = store.history.undo(event.address)
    assert undone.reason == "it was right"


def test_a_reason_changes_no_fact_and_travels(store: Store, other: Store, run_id: str) -> None:
    with reason("because"):
        store.runs.log_params(run_id, {"lr": "0.1"})
    exchange(store, other)
    with store._context.entities() as here, other._context.entities() as there:
        states = here.reader.run(run_id), there.reader.run(run_id)
        assert states[0] is not None
        assert states[1] is not None
        assert run_facts(here, states[0]) == run_facts(there, states[1])
    [event] = other.events.read(types=["run.params_logged"])
    assert event.reason == "because"


def test_a_reason_is_erased_with_its_change(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run_id = store.runs.create("0").info.run_id
    with reason("Mrs. Nobody-Knows asked for it"):
        store.runs.set_tags(run_id, {"a": "1"})
    store.redaction.redact_envelopes(store.feeds.of_stream(f"run/{run_id}"), "a test")
    files = [path for path in store.path.rglob("*") if path.is_file()]
    assert not any(b"Nobody-Knows" in path.read_bytes() for path in files)
    assert store.maintenance.verify()[0]
    store.close()


def test_the_inner_block_counts_and_none_leaves_the_outer_reason(store: Store, run_id: str) -> None:
    with reason("outer"):
        with reason("inner"):
            store.runs.set_tags(run_id, {"a": "1"})
        with reason(None):
            store.runs.set_tags(run_id, {"a": "2"})
    store.runs.set_tags(run_id, {"a": "3"})
    reasons = [event.reason for event in store.events.read(types=["run.tags_set"])]
    assert reasons == ["inner", "outer", None]


def test_points_have_no_reason_and_keep_their_permit(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "loss", 1.0)
    with reason("a change"):
        store.runs.set_tags(run_id, {"a": "1"})
        store.metrics.log(run_id, "loss", 0.5)
    store.flush()
    points = store.events.read(types=["run.metric_logged", "run.metrics_logged"])
    assert {event.reason for event in points} == {None}


def test_a_session_that_a_reasoned_change_opens_is_not_explained(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run_id = store.runs.create("0").info.run_id
    store.close()
    store = Store(tmp_path / "store")
    with reason("because"):
        store.runs.set_tags(run_id, {"a": "1"})
        store.metrics.log(run_id, "loss", 1.0)
    store.flush()
    assert {event.reason for event in store.events.read(types=["session.opened"])} == {None}
    store.close()


@pytest.mark.parametrize("text", ["", "  \n", "x" * (REASON_LENGTH_MAX + 1), "\ud800", 7])
def test_a_reason_that_says_nothing_or_too_much_is_refused(store: Store, text: str) -> None:
    with refused(store, InvalidValueError, "A reason"), eventtrack.reason(text):
        raise AssertionError("the block ran")


def test_an_envelope_with_an_endless_reason_is_not_well_formed() -> None:
    draft = Draft.of("run/" + "a" * 32, TagsSet({"a": "1"})).explained("x")
    long = msgspec.structs.replace(Explained("x"), reason="x" * (REASON_LENGTH_MAX + 1))
    bad = Draft.of(draft.stream, TagsSet({"a": "1"}), long)
    fields = {"index": 0, "recorded": 1, "session": bytes(16), "salt": bytes(16)}
    data, _ = seal(bad, replica=bytes(16), **fields)  # type: ignore[arg-type]
    fault = read(Envelope(data)).fault
    assert fault is not None
    assert fault.kind == MALFORMED


@pytest.mark.parametrize("count", [1, 14, 15, 16, ENVELOPE_EVENTS_MAX])
def test_an_explained_draft_is_the_same_events_and_the_reason(count: int) -> None:
    events = [TagsSet({"a": str(place)}) for place in range(count)]
    stream = "run/" + "a" * 32
    # Groups of one event each, so that the number of groups grows past what one byte counts.
    mixed = [each for event in events for each in (event, Explained("early"))][:-1]
    assert (
        Draft.of(stream, *mixed, TagsSet({})).explained("why").body
        == Draft.of(stream, *mixed, TagsSet({}), Explained("why")).body
    )


def test_of_several_reasons_in_one_envelope_the_first_counts(store: Store, run_id: str) -> None:
    stream = f"run/{run_id}"
    store.events.append(Draft.of(stream, Explained("one"), TagsSet({"a": "1"}), Explained("two")))
    [event] = store.events.get(str(store.events.head()))
    assert (event.reason, event.offset, event.type) == ("one", 1, "run.tags_set")
    assert store.history.blame(run_id, "tag.a")[0].after == "1"


@pytest.mark.parametrize("text", ["plain words, and more", "größer; 漢字 \N{MONKEY}", "a%20b\nc"])
def test_a_header_carries_any_reason(text: str) -> None:
    assert header_of(text).isascii()
    assert from_header(header_of(text)) == text
    assert from_header(quote(text, safe="")) == text  # as browsers write it
    assert from_header(None) is from_header("") is None
    with pytest.raises(InvalidValueError, match="UTF-8"):
        from_header("%ff")
