"""Event files of every kind that TensorBoard reads, and what it shows of them."""

import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.tensorboard import EventFolders
from tests.transfer.events import (
    NAME,
    START,
    begin,
    hparams,
    pb,
    scalar,
    show,
    summaries,
    tensor,
    write,
)
from tests.transfer.reading import flip
from tests.transfer.theirs import runs_of


class TestRestarts:
    """A session that begins anew voids what was logged from its step on."""

    def test_points_from_the_step_on_are_void_across_files(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}.0", *(scalar(n, a=n, b=-n) for n in range(10)))
        later = [begin(5), *(scalar(n, a=n + 100) for n in range(5, 8))]
        write(tmp_path / f"r/{NAME}.1", *later)
        runs, report = show(tmp_path)
        assert runs["r"].values("a") == [0, 1, 2, 3, 4, 105, 106, 107]
        assert runs["r"].steps("b") == [0, 1, 2, 3, 4]
        [note] = report.notes
        assert "10 points that a restart made void" in note
        assert report.exit_code == 0

    def test_the_first_session_voids_nothing_of_its_own_file(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}", scalar(0, a=1), begin(0), scalar(1, a=2))
        assert show(tmp_path)[0]["r"].values("a") == [1, 2]

    def test_a_later_session_of_the_same_file_does(self, tmp_path: Path) -> None:
        events = [begin(0), *(scalar(n, a=n) for n in range(6)), begin(2), scalar(2, a=20)]
        write(tmp_path / f"r/{NAME}", *events)
        assert show(tmp_path)[0]["r"].values("a") == [0, 1, 20]

    def test_texts_are_void_as_well(self, tmp_path: Path) -> None:
        boards: Any = pytest.importorskip("tensorboardX")
        for number, purge in ((0, None), (1, 4)):
            with boards.SummaryWriter(
                str(tmp_path / "r"), purge_step=purge, filename_suffix=f".{number}"
            ) as board:
                board.add_text("note", f"early {number}", 2 if number == 0 else 4)
                board.add_text("note", f"late {number}", 5)
        store = Store(tmp_path / "store", source="import")
        import_histories(store, EventFolders(tmp_path / "r"), lambda done, total: None)
        [run] = runs_of(store)
        texts = store.artifacts.open(run.info.run_id, "imported/texts.json").read()
        assert b"early 0" in texts
        assert b"late 0" not in texts
        assert run.data.tags["note"] == "late 1"
        store.close()

    def test_steps_out_of_order_alone_void_nothing(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}.0", *(scalar(n, a=n) for n in (3, 1, 2, -7)))
        write(tmp_path / f"r/{NAME}.1", *(scalar(n, a=n) for n in (2, 0)))
        runs, report = show(tmp_path)
        assert runs["r"].steps("a") == [3, 1, 2, -7, 2, 0]
        assert report.exit_code == 0

    def test_before_the_format_had_a_version_they_did(self, tmp_path: Path) -> None:
        events = [*(scalar(n, a=n, b=n) for n in range(5)), scalar(2, a=20)]
        write(tmp_path / f"r/{NAME}", *events, version="")
        runs, _ = show(tmp_path)
        assert runs["r"].values("a") == [0, 1, 20]
        assert runs["r"].values("b") == [0, 1, 2, 3, 4]

    def test_a_version_that_is_lost_to_damage_voids_nothing(self, tmp_path: Path) -> None:
        path = write(tmp_path / f"r/{NAME}", *(scalar(n, a=n) for n in (0, 5, 2)))
        flip(path.read_bytes(), path, 20)
        runs, report = show(tmp_path)
        assert runs["r"].steps("a") == [0, 5, 2]
        assert report.damage_count == 1


class TestFolders:
    """Which folders are runs, and under which names."""

    def test_links_to_folders_and_files_are_followed_and_loops_end(self, tmp_path: Path) -> None:
        write(tmp_path / f"elsewhere/one/{NAME}", scalar(0, a=1))
        write(tmp_path / f"elsewhere/two/{NAME}.x", scalar(0, a=2))
        logs = tmp_path / "logs"
        write(logs / f"own/{NAME}", scalar(0, a=3, wall=5e8))
        (logs / "linked").symlink_to(tmp_path / "elsewhere/one")
        (logs / "all").symlink_to(tmp_path / "elsewhere")
        (logs / "file").mkdir()
        (logs / f"file/{NAME}.y").symlink_to(tmp_path / f"elsewhere/two/{NAME}.x")
        (logs / "own/loop").symlink_to(logs)
        (logs / "own/self").symlink_to("self")
        runs, report = show(logs)
        assert {name: one.values("a") for name, one in runs.items()} == {
            "all/one": [1],
            "all/two": [2],
            "file": [2],
            "linked": [1],
            "own": [3],
        }
        assert len({one.run.run_id for one in runs.values()}) == 5
        assert [what for what, _ in report.unreadable] == [str(logs / "own/self")]

    def test_a_link_that_leads_nowhere_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}", scalar(0, a=1))
        (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
        _, report = show(tmp_path)
        assert report.unreadable == [(str(tmp_path / "gone"), "a link that leads nowhere")]
        assert report.exit_code == 3

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_what_may_not_be_read_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}", scalar(0, a=1))
        closed = write(tmp_path / f"closed/{NAME}", scalar(0, a=1))
        closed.chmod(0)
        runs, report = show(tmp_path)
        assert set(runs) == {"r"}
        assert report.unreadable == [(str(closed), "Permission denied")]

    def test_a_pipe_that_is_named_like_an_event_file_blocks_nothing(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}", scalar(0, a=1))
        os.mkfifo(tmp_path / f"r/{NAME}.pipe")
        runs, report = show(tmp_path)
        assert runs["r"].values("a") == [1]
        assert report.unreadable_count == 1

    def test_several_writers_in_one_folder_are_one_run(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}.rank0", *(scalar(n, a=n) for n in range(3)))
        write(tmp_path / f"r/{NAME}.rank1", *(scalar(n, a=n + 10, b=1) for n in range(3)))
        runs, _ = show(tmp_path)
        assert runs["r"].values("a") == [0, 1, 2, 10, 11, 12]
        assert runs["r"].steps("b") == [0, 1, 2]

    def test_files_of_the_profiler_are_no_runs(self, tmp_path: Path) -> None:
        write(tmp_path / f"r/{NAME}", scalar(0, a=1))
        write(tmp_path / f"r/profile/{NAME}.profile-empty")
        assert set(show(tmp_path)[0]) == {"r"}


class TestGrowing:
    """Files that are empty, or are being written."""

    def test_an_empty_file_is_no_run_until_it_has_an_event(
        self, tmp_path: Path, store: Store
    ) -> None:
        logs = tmp_path / "logs"
        write(logs / f"other/{NAME}", scalar(0, a=1))
        path = logs / f"r/{NAME}.x"
        path.parent.mkdir()
        path.write_bytes(b"")
        report = import_histories(store, EventFolders(logs), lambda done, total: None)
        assert (report.taken.runs, report.exit_code) == (1, 0)
        [note] = report.notes
        assert note.startswith(f"{path.parent}: event files without an event")
        whole = write(tmp_path / "whole", *(scalar(n, a=n) for n in range(4))).read_bytes()
        for size in (10, len(whole) // 2, len(whole)):
            path.write_bytes(whole[:size])
            report = import_histories(store, EventFolders(logs), lambda done, total: None)
        assert report.exit_code == 0
        assert len(runs_of(store)) == 2
        [run] = [one for one in runs_of(store) if one.info.run_name == "r"]
        assert list(store.metrics.arrays(run.info.run_id, "a").steps) == [0, 1, 2, 3]
        again = import_histories(store, EventFolders(logs), lambda done, total: None)
        assert again.taken.total() == 0
        assert again.kept == []

    @pytest.mark.parametrize("wall", [0.0, math.nan, math.inf, -math.inf, 1e300])
    def test_a_run_begins_with_the_first_time_there_is(self, tmp_path: Path, wall: float) -> None:
        events = [scalar(0, wall, a=1), scalar(1, START + 7, a=2), scalar(2, wall, a=3)]
        write(tmp_path / f"r/{NAME}", *events, wall=wall)
        runs, report = show(tmp_path)
        times = [time for _, time, _ in runs["r"].points["a"]]
        assert times == [1_700_000_000_000, 1_700_000_007_000, 1_700_000_007_000]
        assert runs["r"].run.start_ms == 1_700_000_000_000  # as the file's name says
        assert runs["r"].run.end_ms == 1_700_000_007_000
        assert report.exit_code == (8 if wall else 0)

    def test_a_file_whose_name_has_no_time_has_that_of_its_last_change(
        self, tmp_path: Path
    ) -> None:
        path = write(tmp_path / "r/my.tfevents", scalar(0, 0.0, a=1), wall=0)
        os.utime(path, (START, START))
        runs, _ = show(tmp_path)
        assert runs["r"].run.start_ms == 1_700_000_000_000


class TestValues:
    """Scalars in all the ways in which they are kept."""

    @pytest.mark.parametrize(
        ("fields", "value"),
        [
            ({"dtype": 1, "float_val": [0.5]}, 0.5),
            ({"dtype": 2, "double_val": [0.1]}, 0.1),
            ({"dtype": 3, "int_val": [-3]}, -3),
            ({"dtype": 9, "int64_val": [2**53]}, 2.0**53),
            ({"dtype": 10, "bool_val": [True]}, 1),
            ({"dtype": 19, "half_val": [0x3800]}, 0.5),
            ({"dtype": 14, "half_val": [0x3F00]}, 0.5),
            ({"dtype": 1, "tensor_content": struct.pack("<f", 0.5)}, 0.5),
            ({"dtype": 2, "tensor_content": struct.pack("<d", 0.1)}, 0.1),
            ({"dtype": 3, "tensor_content": struct.pack("<i", -3)}, -3),
            ({"dtype": 4, "tensor_content": b"\xff"}, 255),
            ({"dtype": 6, "tensor_content": b"\xff"}, -1),
            ({"dtype": 9, "tensor_content": struct.pack("<q", -(2**40))}, -(2.0**40)),
            ({"dtype": 10, "tensor_content": b"\x01"}, 1),
            ({"dtype": 14, "tensor_content": b"\x00\x3f"}, 0.5),
            ({"dtype": 19, "tensor_content": struct.pack("<e", 0.5)}, 0.5),
            ({"dtype": 22, "tensor_content": b"\xff\xff\xff\xff"}, 2.0**32 - 1),
            ({"dtype": 23, "tensor_content": b"\xff" * 8}, 2.0**64),
            ({"dtype": 1, "float_val": [math.inf]}, math.inf),
        ],
    )
    def test_a_tensor_with_one_number_is_a_scalar(
        self, tmp_path: Path, fields: dict[str, Any], value: float
    ) -> None:
        write(tmp_path / f"r/{NAME}", tensor("x", **fields))
        runs, report = show(tmp_path)
        assert runs["r"].values("x") == [value]
        assert (report.exit_code, report.not_taken) == (0, {})

    @pytest.mark.parametrize(
        "fields",
        [
            {"dtype": 1, "float_val": [0.5, 1]},
            {"dtype": 1, "tensor_content": bytes(8)},
            {"dtype": 8, "tensor_content": bytes(8)},
            {"dtype": 3},
        ],
    )
    def test_other_tensors_are_counted(self, tmp_path: Path, fields: dict[str, Any]) -> None:
        event = tensor("x", **fields)
        many = tensor("y", dtype=1, float_val=[1.0])  # one value that stands for a hundred
        many.summary.value[0].tensor.tensor_shape.dim.add(size=100)
        write(tmp_path / f"r/{NAME}", event, many, scalar(0, a=1))
        runs, report = show(tmp_path)
        assert set(runs["r"].points) == {"a"}
        assert report.not_taken == {"tensors": 2}

    def test_later_values_of_a_tag_may_come_without_its_plugin(self, tmp_path: Path) -> None:
        first, second = (tensor("x", dtype=1, float_val=[n]) for n in (1.0, 2.0))
        first.summary.value[0].metadata.plugin_data.plugin_name = "pr_curves"
        write(tmp_path / f"r/{NAME}", first, second)
        runs, report = show(tmp_path)
        assert runs["r"].points == {}
        assert report.not_taken == {"summaries of the plugin pr_curves": 2}

    def test_odd_messages_with_right_checksums_end_nothing(self, tmp_path: Path) -> None:
        class Raw:
            def __init__(self, data: bytes) -> None:
                self.SerializeToString: Callable[[], bytes] = lambda: data

        wrong = [
            b"\x09",
            b"\x2a\x02\x0a\x7f",
            b"\x2a\x05\x0a\x03\x10\x01\x12",
            b"\x2a\x04\x0a\x02\x15\x01",
        ]
        wrong += [b"", b"\x2a\x04\x0a\x02\x10\x01", b"\x10" + b"\xff" * 9 + b"\x7f"]
        write(tmp_path / f"r/{NAME}", *map(Raw, wrong), scalar(1, a=1))
        runs, report = show(tmp_path)
        assert runs["r"].values("a") == [1]
        assert report.damage_count >= 3

    def test_hyperparameters_of_all_types_are_texts(self, tmp_path: Path) -> None:
        content = hparams.HParamsPluginData()
        pairs = content.session_start_info.hparams
        for name, value in {"n": 3, "lr": 1e-3, "huge": 1e300, "nan": math.nan}.items():
            pairs[name].number_value = value
        pairs["on"].bool_value = True
        pairs["sizes"].list_value.extend([1, 2.5, "x"])
        pairs["none"].null_value = 0
        ended = hparams.HParamsPluginData()
        ended.session_end_info.status = 2
        events = []
        for tag, data in (("start", content), ("end", ended)):
            value = summaries.Summary.Value(tag=f"_hparams_/session_{tag}_info")
            value.metadata.plugin_data.plugin_name = "hparams"
            value.metadata.plugin_data.content = data.SerializeToString()
            events.append(pb.Event(wall_time=START, summary=summaries.Summary(value=[value])))
        write(tmp_path / f"r/{NAME}", *events)
        runs, _ = show(tmp_path)
        assert runs["r"].run.status == "FAILED"
        expected = {"n": "3", "lr": "0.001", "huge": "1e+300", "nan": "nan", "on": "True"}
        assert runs["r"].run.params == expected | {"sizes": '[1, 2.5, "x"]', "none": ""}
