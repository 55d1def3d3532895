"""Text, histograms and media: what may be logged, how it is read, and what becomes of it."""

import math
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eventtrack import limits
from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.store.histograms import HistogramBodies
from eventtrack.store.items import CONSOLE
from eventtrack.views.items import HistogramItem, ItemSeries, MediaItem, TextItem
from tests.store.machines import exchange, refused, send


def texts(store: Store, run_id: str, key: str = "log", start: int = 0) -> list[str]:
    items = store.items.read(run_id, key, "text", start)
    return [item.text for item in items if isinstance(item, TextItem)]


class TestLogging:
    def test_a_line_is_read_as_it_was_logged(self, store: Store, run_id: str) -> None:
        store.items.sink(run_id).text("log", "epoch 1\n\tä", 3, 7)
        expected = TextItem(text="epoch 1\n\tä", step=3, timestamp=7)
        assert store.items.read(run_id, "log") == [expected]

    def test_many_lines_are_one_event_and_keep_their_order(self, store: Store, run_id: str) -> None:
        sink = store.items.sink(run_id)
        sink.texts(CONSOLE, ["a", "b", "c"], timestamps=[5, 5, 6], source="stdout")
        sink.texts(CONSOLE, ["error"], timestamps=5, source="stderr")
        assert store.items.read(run_id, CONSOLE) == [
            TextItem(text="a", step=0, timestamp=5, source="stdout"),
            TextItem(text="b", step=0, timestamp=5, source="stdout"),
            TextItem(text="error", step=0, timestamp=5, source="stderr"),
            TextItem(text="c", step=0, timestamp=6, source="stdout"),
        ]
        events = [one for one in store.history.timeline(run_id) if one.type == "run.text_logged"]
        assert [one.body["lines"] for one in events] == [["a", "b", "c"], ["error"]]

    def test_a_large_output_is_several_events_of_bounded_size(
        self, store: Store, run_id: str
    ) -> None:
        lines = [f"{place} ".ljust(1000, "x") for place in range(10_000)]
        store.items.sink(run_id).texts(CONSOLE, lines)
        assert texts(store, run_id, CONSOLE) == lines
        assert texts(store, run_id, CONSOLE, start=-2) == lines[-2:]
        sizes = [len(one.data) for one in store.events.envelopes(0, 1000)]
        assert max(sizes) < limits.ENVELOPE_PAYLOAD_BYTES_MAX

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("x" * (limits.TEXT_ITEM_BYTES_MAX + 1), "too long"),
            ("\ud800", "line"),
            (b"bytes", "must be a text"),
        ],
        ids=["long", "surrogate", "bytes"],
    )
    def test_what_is_no_text_is_refused(
        self, store: Store, run_id: str, line: object, words: str
    ) -> None:
        sink = store.items.sink(run_id)
        with refused(store, InvalidValueError, words):
            sink.text("log", line)  # type: ignore[arg-type]
        with refused(store, InvalidValueError, words):
            sink.texts("log", ["good", line])  # type: ignore[list-item]

    def test_each_line_has_one_step_or_all_share_one(self, store: Store, run_id: str) -> None:
        with refused(store, InvalidValueError, "2 steps for 3 items"):
            store.items.sink(run_id).texts("log", ["a", "b", "c"], [1, 2])

    def test_a_deleted_run_takes_no_lines(self, store: Store, run_id: str) -> None:
        sink = store.items.sink(run_id)
        sink.text("log", "before")
        store.runs.delete(run_id)
        with refused(store, InvalidValueError, "deleted"):
            sink.text("log", "after")
        store.runs.restore(run_id)
        sink.text("log", "again")
        assert texts(store, run_id) == ["before", "again"]

    def test_a_killed_process_loses_no_line(self, tmp_path: Path) -> None:
        program = (
            "import os, signal, sys\n"
            "from eventtrack.store import open_store\n"
            "store = open_store(sys.argv[1])\n"
            "run_id = store.runs.create('0').info.run_id\n"
            "sink = store.items.sink(run_id)\n"
            "for place in range(1000): sink.text('log', str(place))\n"
            "print(run_id, flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "store")]
        process = subprocess.run(command, stdout=subprocess.PIPE, env=os.environ, check=False)
        assert process.returncode == -signal.SIGKILL
        store = Store(tmp_path / "store", create=False)
        assert texts(store, process.stdout.decode().strip()) == [str(n) for n in range(1000)]
        store.close()


class TestHistograms:
    def test_a_histogram_is_read_as_it_was_logged(self, store: Store, run_id: str) -> None:
        store.items.sink(run_id).histogram("weights", [-1, 0, 0.5], [3, 4], 2, 7)
        assert store.items.read(run_id, "weights") == [
            HistogramItem(edges=[-1.0, 0.0, 0.5], counts=[3.0, 4.0], step=2, timestamp=7)
        ]

    @pytest.mark.parametrize(
        ("edges", "counts"),
        [
            ([0.0, 1.0], []),
            ([0.0, 1.0], [1.0, 2.0]),
            ([1.0, 0.0], [1.0]),
            ([0.0, math.nan], [1.0]),
            ([0.0, math.inf], [1.0]),
            ([0.0, 1.0], [math.nan]),
            ([0.0, 1.0, 2.0], [math.nan, 1]),
            ([-1e308, 0, 1e308], [1, math.inf]),
            ([2, 1, 0], [1, 2]),
            ([0, 1, 2], [1, None]),
            (["a", "b"], [1.0]),
            ([], []),
        ],
        ids=str,
    )
    def test_what_is_no_histogram_is_refused(
        self, store: Store, run_id: str, edges: list[float], counts: list[float]
    ) -> None:
        sink = store.items.sink(run_id)
        with refused(store, InvalidValueError, "histogram"):
            sink.histogram("weights", edges, counts)

    def test_any_numbers_make_a_histogram_that_is_read_as_floats(
        self, store: Store, run_id: str
    ) -> None:
        sink = store.items.sink(run_id)
        columns: list[Any] = [
            [float(place) for place in range(17)],
            list(range(17)),
            [2**40 + place for place in range(17)],
            [2**70 + place * 2**30 for place in range(17)],
            [Decimal(f"{place + 100}.00001") for place in range(17)],
            [False, *[True] * 16],
            [False, *range(1, 16), 16.5],
            np.arange(17),
            np.arange(17, dtype="float32"),
        ]
        for column in columns:
            sink.histogram("weights", column, column[:16])
        assert [
            item.edges
            for item in store.items.read(run_id, "weights")
            if isinstance(item, HistogramItem)
        ] == [[float(number) for number in column] for column in columns]

    def test_even_edges_and_whole_counts_take_few_bytes(self, store: Store, run_id: str) -> None:
        sink = store.items.sink(run_id)
        edges, counts = np.linspace(-0.3, 0.7, 65), np.arange(64)
        sink.histogram("weights", edges, counts, 1, 7)  # type: ignore[arg-type]
        sink.histogram("weights", edges.tolist(), counts.tolist(), 2, 7)
        sink.histogram("weights", np.geomspace(1, 9, 65).tolist(), counts.tolist(), 3, 7)
        bodies = HistogramBodies()
        even = bodies.body("weights", edges.tolist(), counts.tolist(), 1, 7)
        uneven = bodies.body("weights", np.geomspace(1, 9, 65).tolist(), counts.tolist(), 1, 7)
        assert (len(even), len(uneven)) == (99, 668)
        first, second, third = store.items.read(run_id, "weights")
        assert isinstance(first, HistogramItem)
        assert isinstance(second, HistogramItem)
        assert first.edges == second.edges == edges.tolist()
        assert isinstance(third, HistogramItem)
        assert third.edges == np.geomspace(1, 9, 65).tolist()
        assert first.counts == third.counts == counts.tolist()

    def test_who_changes_the_edges_of_one_item_changes_no_other(
        self, store: Store, run_id: str
    ) -> None:
        edges = [0.0, 1.0, 2.0]
        for step in range(2):
            store.items.sink(run_id).histogram("weights", edges, [1, 2], step)
        edges[2] = 3.0
        store.items.sink(run_id).histogram("weights", edges, [1, 2], 2)
        items = store.items.read(run_id, "weights")
        assert [item.edges[2] for item in items if isinstance(item, HistogramItem)] == [2, 2, 3]
        assert isinstance(items[0], HistogramItem)
        items[0].edges[0] = -1.0
        assert isinstance(items[1], HistogramItem)
        assert items[1].edges[0] == 0.0

    def test_great_numbers_are_finite_too(self, store: Store, run_id: str) -> None:
        store.items.sink(run_id).histogram("weights", [1e308, 1.1e308, 1.2e308], [1, 2])
        assert len(store.items.read(run_id, "weights")) == 1


class TestMedia:
    def test_bytes_are_stored_once_and_named_by_each_item(
        self, store: Store, run_id: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "a.png"
        file.write_bytes(b"image")
        store.items.log_medium(run_id, "samples", b"image", "image/png", caption="cat", timestamp=1)
        store.items.log_medium(run_id, "samples", file, "image/png", name="a.png", step=1)
        first, second = store.items.read(run_id, "samples", "media")
        assert isinstance(first, MediaItem)
        assert isinstance(second, MediaItem)
        assert (first.caption, first.size, second.name, second.step) == ("cat", 5, "a.png", 1)
        assert first.sha256 == second.sha256
        assert store.artifacts.blobs.read(bytes.fromhex(first.sha256)) == b"image"
        assert store.maintenance.check().ok

    @pytest.mark.parametrize("media_type", ["", "png", "image/", "a b/c", "text/html\nX: y"])
    def test_what_is_no_media_type_is_refused(
        self, store: Store, run_id: str, media_type: str
    ) -> None:
        with refused(store, InvalidValueError, "media type"):
            store.items.log_medium(run_id, "samples", b"x", media_type)

    def test_a_file_that_is_not_there_is_an_error(self, store: Store, run_id: str) -> None:
        with refused(store, NotFoundError, "no such file"):
            store.items.log_medium(run_id, "samples", Path("nowhere.png"), "image/png")

    def test_garbage_takes_the_media_of_a_deleted_run_and_no_others(
        self, store: Store, run_id: str
    ) -> None:
        other_id = store.runs.create("0").info.run_id
        store.items.log_medium(run_id, "samples", b"shared", "image/png")
        store.items.log_medium(run_id, "samples", b"own", "image/png")
        store.items.log_medium(other_id, "samples", b"shared", "image/png")
        store.runs.delete(run_id)
        freed = store.garbage.erase(store.garbage.find().garbage)
        assert (freed.files, freed.file_bytes) == (1, 3)
        [item] = store.items.read(other_id, "samples")
        assert isinstance(item, MediaItem)
        assert store.artifacts.blobs.holds(bytes.fromhex(item.sha256))
        assert store.maintenance.check().ok


class TestReading:
    def test_series_are_listed_with_their_figures(self, store: Store, run_id: str) -> None:
        store.items.sink(run_id).texts("log", ["a", "b"], [7, 3], [10, 20])
        assert store.items.list(run_id) == [
            ItemSeries(kind="text", key="log", count=2, step=7, timestamp=20)
        ]

    def test_a_series_that_is_not_there_is_an_error(self, store: Store, run_id: str) -> None:
        with pytest.raises(NotFoundError, match="has no text"):
            store.items.read(run_id, "log")
        with pytest.raises(NotFoundError, match="not found"):
            store.items.read("a" * 32, "log")

    def test_the_past_shows_the_lines_of_then(
        self, store: Store, run_id: str, clock: ManualClock
    ) -> None:
        sink = store.items.sink(run_id)
        sink.text("log", "first")
        store.flush()
        position, digest = store.events.head(), store.maintenance.digest()
        clock.advance(1000)
        sink.text("log", "second")
        sink.text("other", "third")
        assert texts(store, run_id) == ["first", "second"]
        with store.at(str(position)) as then:
            assert [item.key for item in then.items.list(run_id)] == ["log"]
            assert texts(then, run_id) == ["first"]  # type: ignore[arg-type]
            assert then.digest() == digest


class TestMachines:
    def test_two_machines_show_the_same_lines(
        self, store: Store, other: Store, run_id: str
    ) -> None:
        send(store, other)
        store.items.sink(run_id).texts("log", ["a", "c"], timestamps=[1, 3])
        other.items.sink(run_id).texts("log", ["b", "d"], timestamps=[2, 4])
        exchange(store, other)
        assert texts(store, run_id) == texts(other, run_id) == ["a", "b", "c", "d"]
        assert store.maintenance.digest() == other.maintenance.digest()

    def test_a_machine_that_knows_only_the_lines_shows_them_once_the_run_comes(
        self, store: Store, tmp_path: Path, run_id: str
    ) -> None:
        third = Store(tmp_path / "third", clock=ManualClock(), ids=SeededIds("third"))
        store.items.sink(run_id).text("log", "early")
        store.flush()
        send(store, third)
        assert texts(third, run_id) == ["early"]
        third.close()


class TestRecord:
    def test_blame_and_differences_name_the_series(self, store: Store, run_id: str) -> None:
        before = str(store.events.head())
        store.items.sink(run_id).texts("log", ["a", "b"], 4)
        [line] = store.history.blame(run_id, "text.log")
        assert (line.before, line.after) == (None, "2 items (step 4)")
        changes = store.history.diff(before, "now")
        assert [(one.fact, one.kind, one.after) for one in changes] == [
            ("text.log", "added", "2 items (step 4)")
        ]

    def test_undo_says_that_lines_stay(self, store: Store, run_id: str) -> None:
        store.items.sink(run_id).text("log", "a")
        [event] = [one for one in store.history.timeline(run_id) if one.type == "run.text_logged"]
        with pytest.raises(InvalidStateError, match="stays on record"):
            store.history.undo(event.address)

    def test_a_redacted_line_is_nowhere(self, store: Store, run_id: str) -> None:
        sink = store.items.sink(run_id)
        sink.text("log", "harmless")
        store.flush()
        sink.text("log", "password=hunter2")
        store.redaction.redact_envelopes(store.events.envelopes(store.events.head() - 1, 1), "")
        assert texts(store, run_id) == ["harmless"]
        for path in Path(store.path).rglob("*.mdb"):
            assert b"hunter2" not in path.read_bytes()
