"""Items that another store sends: once each, all or none, and checked before a write."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.events.items import Histogram, HistogramsLogged, MediaLogged, Medium, TextLogged
from eventtrack.store import Store, open_store
from eventtrack.store.receiving import SentItems, decode_calls, sent

MARK = bytes(range(16))
TEXT = TextLogged("log", ["a", "b"], [1, 2], 7, "stdout")
HISTOGRAM = HistogramsLogged("weights", [Histogram([0.0, 1.0], [3.0])], 4, 8)


@pytest.fixture
def run_id(store: Store) -> str:
    return store.runs.create("0").info.run_id


def texts(store: Store, run_id: str) -> list[str]:
    return [item.text for item in store.items.read(run_id, "log", "text")]  # type: ignore[union-attr]


def test_a_call_that_comes_again_is_recorded_once(
    tmp_path: Path, store: Store, run_id: str
) -> None:
    calls = [sent(TEXT, MARK), sent(HISTOGRAM, MARK[::-1])]
    assert store.items.receive(run_id, calls) == []
    position = store.catch_up()
    for again in (calls, [calls[1]], [calls[0], calls[0]]):
        assert store.items.receive(run_id, again) == []
    assert store.catch_up() == position
    assert texts(store, run_id) == ["a", "b"]
    # Another call of the same content is another one, and so is one without a mark.
    store.items.receive(run_id, [sent(TEXT, bytes(16)), sent(TEXT, b""), sent(TEXT, b"")])
    assert texts(store, run_id) == ["a", "b"] * 4
    other = open_store(tmp_path / "other")
    other_run = other.runs.create("0").info.run_id
    other.items.receive(other_run, calls)
    assert texts(other, other_run) == ["a", "b"]


def test_marks_are_no_entry_of_a_history_and_what_is_logged_in_turn_is_one(
    store: Store, run_id: str
) -> None:
    store.items.receive(run_id, [sent(TEXT, MARK), sent(HISTOGRAM, MARK[::-1])])
    [_, logged] = store.history.timeline(run_id, counted=True)
    assert logged.body == {"points": {"text.log": 2, "histogram.weights": 1}}
    assert [event.type for event in store.history.timeline(run_id)][1:] == [
        "run.text_logged",
        "run.histograms_logged",
    ]


def test_a_call_has_the_same_form_at_both_ends() -> None:
    calls = [sent(TEXT, MARK), sent(HISTOGRAM, MARK)]
    body = msgspec.json.encode({"run_id": "r", "items": calls})
    assert decode_calls(body).items == calls


def test_media_wait_for_their_bytes(store: Store, run_id: str) -> None:
    data = b"\x89PNG"
    digest = hashlib.sha256(data).digest()
    medium = Medium("image/png", len(data), digest, None, "a cat")
    calls = [sent(TEXT, MARK), sent(MediaLogged("cats", [medium], 1, 2), bytes(16))]
    position = store.catch_up()
    assert store.items.receive(run_id, calls) == [digest]
    assert store.catch_up() == position
    assert store.artifacts.blobs.receive(digest, [data]) == len(data)
    assert store.items.receive(run_id, calls) == []
    [item] = store.items.read(run_id, "cats")
    assert (item.sha256, item.caption) == (digest.hex(), "a cat")  # type: ignore[union-attr]
    assert texts(store, run_id) == ["a", "b"]


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "a\nb"},
        {"lines": []},
        {"lines": ["x" * (2**20 + 1), "y"]},
        {"steps": [1]},
        {"timestamps": -1},
        {"mark": "00"},
        {"mark": "AB" * 16},
        {"kind": "histogram", "histograms": [{"edges": [0, 1], "counts": [1, 2]}]},
        {"kind": "histogram", "histograms": [{"edges": [0, 1e999], "counts": [1]}]},
        {"kind": "media", "media": [{"media_type": "?", "size": 1, "sha256": "00" * 32}]},
        {"kind": "media", "media": [{"media_type": "a/b", "size": -1, "sha256": "00" * 32}]},
        {"kind": "media", "media": [{"media_type": "a/b", "size": 1, "sha256": "../../x"}]},
        {"kind": "metric"},
        {"steps": 2**63},
    ],
)
def test_what_cannot_be_logged_is_refused_with_all_that_came_with_it(
    store: Store, run_id: str, changed: dict[str, Any]
) -> None:
    good = msgspec.to_builtins(sent(TEXT, MARK))
    steps: dict[str, Any] = {"steps": 1} if "kind" in changed else {}
    body = msgspec.json.encode({"run_id": run_id, "items": [good, good | steps | changed]})
    position = store.catch_up()
    with pytest.raises(InvalidValueError) as raised:
        store.items.receive(run_id, decode_calls(body).items)
    assert raised.value.hint
    assert store.catch_up() == position


def test_a_request_of_too_much_is_refused(store: Store, run_id: str) -> None:
    call = SentItems("text", "log", 0, 0, lines=["x" * 2**20])
    with pytest.raises(InvalidValueError, match="bytes of items are too many"):
        store.items.receive(run_id, [call] * 9)
    with pytest.raises(InvalidValueError, match="1001 calls are too many"):
        store.items.receive(run_id, [SentItems("text", "log", 0, 0, lines=["x"])] * 1001)
