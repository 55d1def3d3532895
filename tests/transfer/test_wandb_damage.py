"""Damaged and missing files of Weights & Biases."""

from pathlib import Path

from tests.transfer.reading import flip
from tests.transfer.wandb_records import (
    FIRST,
    SECOND,
    START,
    begin,
    end,
    field,
    only,
    row,
    show,
    write,
)


class TestDamage:
    """Damaged and missing files."""

    def test_at_every_byte_nothing_is_wrong_and_nothing_is_lost_in_silence(
        self, tmp_path: Path
    ) -> None:
        rows = [row(n, START + n, a=n) for n in range(6)]
        path = write(tmp_path / FIRST, begin(config={"lr": 1}), *rows, end(0, 9))
        whole = path.read_bytes()
        expected = only(tmp_path)
        for place in range(len(whole)):
            flip(whole, path, place)
            runs, report = show(tmp_path)
            assert report.exit_code == 8, place
            assert report.damage_count == 1, place
            for run in runs.values():
                assert set(run.points.get("a", [])) <= set(expected.points["a"]), place
                assert len(run.points["a"]) >= 5, place

    def test_cut_at_every_byte_it_gives_what_it_has(self, tmp_path: Path) -> None:
        path = write(tmp_path / FIRST, begin(), *(row(n, START + n, a=n) for n in range(4)))
        whole, most = path.read_bytes(), 0
        for size in range(len(whole)):
            path.write_bytes(whole[:size])
            runs, _ = show(tmp_path)
            found = len(runs["abc"].points.get("a", [])) if runs else 0
            assert most <= found <= 4
            most = found
        assert most == 3

    def test_a_message_that_is_nested_without_end_ends_nothing(self, tmp_path: Path) -> None:
        deep = "[" * 100_000
        odd = field(2, field(1, field(1, "x") + field(16, deep)))
        wrong = [odd, field(2, b"\xff"), field(17, b"\x0a\x7f"), field(18, b"\x15"), b"\xff\xff"]
        write(tmp_path / FIRST, begin(), *wrong, row(1, START + 1.0, a=1))
        runs, report = show(tmp_path)
        assert runs["abc"].values("a") == [1]
        assert report.damage_count >= 3

    def test_a_folder_of_a_run_without_its_file_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / FIRST, begin())
        (tmp_path / SECOND / "files").mkdir(parents=True)
        report = show(tmp_path)[1]
        assert report.unreadable == [(str(tmp_path / SECOND), "no .wandb file is in it")]

    def test_an_empty_file_is_damage_and_no_run(self, tmp_path: Path) -> None:
        write(tmp_path / FIRST, begin(), row(0, START + 1.0, a=1))
        path = tmp_path / "run-20240101_110000-x" / "run-x.wandb"
        path.parent.mkdir()
        path.write_bytes(b"")
        runs, report = show(tmp_path)
        assert set(runs) == {"abc"}
        assert [one.file for one in report.damage] == [str(path)]
