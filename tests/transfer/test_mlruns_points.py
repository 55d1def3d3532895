"""Files of metrics of MLflow's file store, line by line."""

import math
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlruns import FileStore
from tests.transfer.mlruns_folder import A, show, two_runs
from tests.transfer.reading import flip
from tests.transfer.theirs import START_MS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with an experiment of two runs."""
    return two_runs(tmp_path / "mlruns")


class TestPoints:
    """Files of metrics in every form."""

    @pytest.mark.parametrize(
        ("line", "point", "damage"),
        [
            ("{t} 0.5 7", (7, 0, 0.5), 0),
            ("{t} 0.5 7.0", (7, 0, 0.5), 0),
            ("{t} 0.5 7.5", (7, 0, 0.5), 1),
            ("{t} 0.5 -7", (-7, 0, 0.5), 0),
            ("{t} 0.5 1e3", (1000, 0, 0.5), 0),
            ("{t}.0 0.5 7", (7, 0, 0.5), 0),
            ("{t} nan 7", (7, 0, math.nan), 0),
            ("{t} -Infinity 7", (7, 0, -math.inf), 0),
            ("{t} inf 7", (7, 0, math.inf), 0),
            ("{t} 1e400 7", (7, 0, math.inf), 0),
            ("{t} 0.5", (0, 0, 0.5), 0),
            ("1551234567 0.5", (0, 1_551_234_567_000 - START_MS, 0.5), 0),
            ("{t} 0.5 7 iris abc123", (7, 0, 0.5), 0),
            ("{t}  0.5\t7\r", (7, 0, 0.5), 0),
            ("{t} what 7", None, 1),
            ("{t} 0.5 x", None, 1),
            ("{t} 0.5 nan", None, 1),
            ("{t} 0.5 9223372036854775808", None, 1),
            ("soon 0.5 7", None, 1),
            ("{t} 0.5 7 8", None, 1),
            ("{t}", None, 1),
        ],
    )
    def test_a_line_is_read_or_named_and_the_others_taken(
        self, root: Path, line: str, point: Any, damage: int
    ) -> None:
        path = root / "1" / A / "metrics/x"
        first = f"{START_MS} 1.0 1\n"
        path.write_text(f"{first}{line.format(t=START_MS)}\n{START_MS} 2.0 2\n")
        runs, report = show(root)
        rows = [(1, START_MS, "1.0"), (2, START_MS, "2.0")]
        if point is not None:
            rows.insert(1, (point[0], START_MS + point[1], repr(point[2])))
        assert runs[A].points["x"] == rows
        assert report.damage_count == damage
        assert all(one.offset == len(first) for one in report.damage)

    def test_lines_of_other_lengths_never_take_from_each_other(self, root: Path) -> None:
        lines = f"{START_MS} 0.5\n{START_MS} 0.25 1 x\n"  # six words in two lines
        (root / "1" / A / "metrics/x").write_text(lines)
        runs, report = show(root)
        assert runs[A].values("x") == [0.5]
        assert report.damage_count == 1

    def test_a_last_line_that_does_not_end_is_named_until_it_does(
        self, root: Path, store: Store
    ) -> None:
        path = root / "1" / A / "metrics/loss"
        whole = path.read_text()
        for line in (f"{START_MS} 0.5 1", f"{START_MS} 0.5 12\n"):
            path.write_text(whole + line)
            report = import_histories(store, FileStore(root), lambda done, total: None)
            assert report.exit_code == (0 if line.endswith("\n") else 8)
        assert sorted(store.metrics.arrays(A, "loss").steps) == [0, 1, 2, 3, 12]

    def test_a_file_without_a_point_is_named(self, root: Path) -> None:
        path = root / "1" / A / "metrics/x"
        path.write_bytes(b"")
        assert [one.file for one in show(root)[1].damage] == [str(path)]

    def test_damaged_at_every_byte_no_other_point_is_lost(self, root: Path) -> None:
        path = root / "1" / A / "metrics/loss"
        whole, expected = path.read_bytes(), show(root)[0][A].points["loss"]
        for place in range(len(whole)):
            flip(whole, path, place)
            found = show(root)[0][A].points["loss"]
            assert len(set(expected) - set(found)) <= 2, place
