"""Text, histograms and media are rewound, forked, merged and erased as points are."""

from collections.abc import Sequence

import pytest

from eventtrack.errors import NotFoundError
from eventtrack.events.items import Text
from eventtrack.store import Store
from eventtrack.store.intake import IncomingItems, Intake
from tests.store.machines import exchange, refused, send
from tests.store.test_withdrawals import log, steps


def say(store: Store, run_id: str, numbers: Sequence[int], text: str = "epoch") -> None:
    """A line, a histogram and a picture for each step, and a line of the console."""
    sink = store.items.sink(run_id)
    for step in numbers:
        sink.text("log", f"{text} {step}", step, 10 * step)
        sink.histogram("weights", [0, 1], [step], step, 10 * step)
        sink.text("console", f"{text} {step}", None, 10 * step, "stdout")
        store.items.log_medium(
            run_id, "cat", f"{text} {step}".encode(), "image/png", step=step, timestamp=10 * step
        )


def lines(store: Store, run_id: str, key: str = "log", start: int = 0) -> list[str]:
    return [item.text for item in store.items.read(run_id, key, "text", start)]  # type: ignore[union-attr]


def seen(store: Store, run_id: str, key: str) -> list[int]:
    return [item.step for item in store.items.read(run_id, key)]


def figures(store: Store, run_id: str) -> dict[str, tuple[int, int]]:
    return {it.key: (it.count, it.step) for it in store.items.list(run_id)}


def test_a_rewind_takes_items_back_and_undo_returns_them(store: Store, run_id: str) -> None:
    say(store, run_id, range(6))
    log(store, run_id, range(6))
    before = store.events.head()
    store.metrics.rewind(run_id, 3)
    assert lines(store, run_id) == [f"epoch {step}" for step in range(4)]
    assert lines(store, run_id, start=-1) == ["epoch 3"]
    assert [seen(store, run_id, key) for key in ("weights", "cat")] == [[0, 1, 2, 3]] * 2
    assert len(lines(store, run_id, "console")) == 6  # it has no steps
    assert figures(store, run_id)["log"] == (4, 3)
    say(store, run_id, [4], "again")
    assert lines(store, run_id, start=-2) == ["epoch 3", "again 4"]
    assert figures(store, run_id)["log"] == (5, 4)
    with store.at(str(before)) as then:
        assert [item.step for item in then.items.read(run_id, "log")] == list(range(6))
    [event] = store.events.read(types=["run.points_withdrawn"])
    store.history.undo(event.address)
    assert lines(store, run_id) == [*(f"epoch {step}" for step in range(5)), "again 4", "epoch 5"]
    assert store.maintenance.verify()[0]


def test_a_key_names_all_series_of_that_name(store: Store, run_id: str) -> None:
    say(store, run_id, range(3))
    log(store, run_id, range(3), "weights")
    assert store.metrics.withdraw(run_id, ["weights"], 1, 1)
    assert steps(store, run_id, "weights") == seen(store, run_id, "weights") == [0, 2]
    assert seen(store, run_id, "cat") == [0, 1, 2]
    assert store.metrics.rewind(run_id, 1, ["cat"])
    assert seen(store, run_id, "cat") == [0, 1]
    with refused(store, NotFoundError, "nor another series"):
        store.metrics.withdraw(run_id, ["dog"])
    store.metrics.withdraw(run_id, ["cat"])
    assert "cat" not in figures(store, run_id)


def test_items_that_the_writer_had_not_seen_count_on_every_machine(
    store: Store, other: Store, run_id: str
) -> None:
    say(store, run_id, range(4))
    exchange(store, other)
    store.metrics.rewind(run_id, 1)
    say(other, run_id, [2], "unseen")
    exchange(store, other)
    for machine in (store, other):
        assert lines(machine, run_id) == ["epoch 0", "epoch 1", "unseen 2"]
    assert store.maintenance.digest() == other.maintenance.digest()


def test_an_import_brings_withdrawn_items_not_again(store: Store, run_id: str) -> None:
    intake = Intake(store)
    items = IncomingItems("log", [1, 2], [10, 20], [Text("a"), Text("b")])
    intake.items(run_id, items)
    intake.flush()
    store.metrics.rewind(run_id, 1)
    intake.items(run_id, items)
    intake.flush()
    assert lines(store, run_id) == ["a"]


def test_a_fork_begins_with_the_items_up_to_its_step(store: Store, run_id: str) -> None:
    say(store, run_id, range(6))
    fork = store.forks.fork(run_id, 2)
    assert lines(store, fork) == ["epoch 0", "epoch 1", "epoch 2"]
    assert [seen(store, fork, key) for key in ("weights", "cat")] == [[0, 1, 2]] * 2
    say(store, fork, [3], "fork")
    say(store, run_id, [6])
    store.metrics.rewind(run_id, 0)
    assert lines(store, fork) == ["epoch 0", "epoch 1", "epoch 2", "fork 3"]
    second = store.forks.fork(fork, 3)
    store.metrics.rewind(second, 1)
    assert lines(store, second) == ["epoch 0", "epoch 1"]
    [first, *_] = store.items.read(second, "cat")
    assert store.items.media_type(second, bytes.fromhex(first.sha256)) == "image/png"  # type: ignore[union-attr]


def test_a_merged_run_counts_with_its_items(store: Store, run_id: str) -> None:
    second = store.runs.create("0").info.run_id
    say(store, run_id, range(2))
    store.forks.merge(run_id, second)
    say(store, second, range(2, 4), "second")
    assert lines(store, run_id) == ["epoch 0", "epoch 1", "second 2", "second 3"]
    store.metrics.rewind(run_id, 2)
    assert lines(store, run_id) == ["epoch 0", "epoch 1", "second 2"]
    assert lines(store, second) == ["second 2", "second 3"]


@pytest.mark.parametrize("kind", ["log", "weights", "cat"])
def test_erasing_a_run_erases_its_items_in_forks(
    store: Store, other: Store, run_id: str, kind: str
) -> None:
    say(store, run_id, range(3))
    fork = store.forks.fork(run_id, 2)
    say(store, fork, [3], "fork")
    exchange(store, other)
    store.redaction.redact_envelopes(store.feeds.of_stream(f"run/{run_id}"), "a secret")
    send(store, other)
    for machine in (store, other):
        assert seen(machine, fork, kind) == [3]
    assert store.maintenance.digest() == other.maintenance.digest()


def test_a_long_console_is_read_from_its_end_after_a_rewind(store: Store, run_id: str) -> None:
    sink = store.items.sink(run_id)
    text = [f"line {number}".ljust(80) for number in range(20_000)]
    sink.texts("console", text, list(range(20_000)), list(range(20_000)))
    store.metrics.rewind(run_id, 14_999)
    sink.texts("console", ["new", "newer"], timestamps=30_000)
    assert lines(store, run_id, "console", -3) == [text[14_999], "new", "newer"]
    assert lines(store, run_id, "console") == [*text[:15_000], "new", "newer"]
    assert figures(store, run_id)["console"] == (15_002, 14_999)
