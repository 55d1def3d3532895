"""One bit of a file is wrong: that is told, or nothing of what is shown depends on it.

Here some bits chosen by chance; `python tools/dev.py torture` goes on with others.
"""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from eventtrack.audit.auditor import Auditor
from eventtrack.errors import EventtrackError, EventtrackWarning
from eventtrack.log import files
from eventtrack.store import Store, open_store
from eventtrack.sync import Remotes, Ways, synchronize
from eventtrack.sync.selection import Selection, leaves_out
from eventtrack.tokens import Tokens
from eventtrack.views.given import read_note
from tests.attack import damaged
from tests.attack.damaged import OTHER, SAME, TOLD, copied, flip, in_child, some_bits, told_or

SEED = int(os.environ.get("TORTURE_SEED", "1"))
COUNT = int(os.environ.get("TORTURE_COUNT", "50"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flips") / "store"
    damaged.make_store(path)
    return path


def each_flip(
    store: Path, name: str, work: Callable[[Path], bool], count: int = COUNT
) -> dict[int, int]:
    """What became of `work` with each of some bits of a file flipped, by bit."""
    outcomes = {}
    for bit in some_bits(store / name, count, SEED):
        with copied(store) as copy:
            flip(copy / name, bit)
            outcomes[bit] = in_child(partial(told_or, partial(work, copy)))
    return outcomes


def position_of(copy: Path, run_id: str) -> int:
    """The last envelope of a run."""

    def work() -> int:
        opened = open_store(copy, create=False)
        position = opened.feeds.of_stream(f"run/{run_id}", newest=1)[-1].position
        opened.close()
        return position

    return in_child(work)


def wrong(outcomes: dict[int, int]) -> dict[int, int]:
    """Those that were neither told nor harmless: other answers, signals, Python's own errors."""
    return {bit: code for bit, code in outcomes.items() if code not in (SAME, TOLD)}


@pytest.mark.slow
def test_check_tells_of_a_bit_of_the_log_or_nothing_depends_on_it(store: Path) -> None:
    said = damaged.what_it_says(store)

    def work(copy: Path) -> bool:
        opened = open_store(copy, create=False)
        report = opened.maintenance.check()
        opened.close()
        if report.problems:
            raise EventtrackError(report.problems[0].what)
        shutil.rmtree(copy / "views")
        return damaged.what_it_says(copy) == said

    assert wrong(each_flip(store, "log/data.mdb", work)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("views", ["kept", "folded anew"])
def test_no_bit_of_the_log_kills_who_reads_it_or_makes_a_number_wrong(
    store: Path, views: str
) -> None:
    with copied(store) as copy:
        whole = damaged.numbers_shown(copy)
    assert len(whole) == 18

    def work(copy: Path) -> bool:
        if views == "folded anew":
            shutil.rmtree(copy / "views")
        shown = damaged.numbers_shown(copy)
        opened = open_store(copy, create=False)
        skipped = opened.maintenance.skipped()
        opened.close()
        # What a damaged envelope said is missing, and that envelope is named.
        return shown == whole or bool(skipped and shown < whole)

    assert wrong(each_flip(store, "log/data.mdb", work)) == {}


@pytest.mark.slow
def test_a_bit_of_the_views_is_folded_away_or_told_by_check(store: Path) -> None:
    said = damaged.what_it_says(store)
    [file] = store.glob("views/*/data.mdb")

    def work(copy: Path) -> bool:
        opened = open_store(copy, create=False)
        report = opened.maintenance.check()
        opened.close()
        if report.problems:
            raise EventtrackError(report.problems[0].what)
        return damaged.what_it_says(copy) == said

    assert wrong(each_flip(store, file.relative_to(store).as_posix(), work)) == {}


@pytest.mark.slow
def test_a_bit_of_a_folders_segment_is_told(store: Path, tmp_path: Path) -> None:
    whole = open_store(store)
    said = damaged.what_it_says(store)
    whole = open_store(store)
    synchronize(whole, str(tmp_path / "remote"))
    whole.close()
    [segment] = (tmp_path / "remote").glob("feeds/*/*.segment")

    def work(copy: Path) -> bool:
        target = Store(copy.parent / "target")
        synchronize(target, str(copy))
        target.close()
        return damaged.what_it_says(copy.parent / "target") == said

    name = segment.relative_to(tmp_path / "remote").as_posix()
    outcomes = each_flip(tmp_path / "remote", name, work, COUNT // 3)
    assert set(outcomes.values()) == {TOLD}


def test_a_bit_of_the_tokens_is_told_or_refuses_the_token(store: Path) -> None:
    with copied(store) as made:
        Tokens(made).create("ada", "read", expires_ms=4_000_000_000_000)
        [token] = Tokens(made).list()
        told = 0
        for bit in range(8 * (made / "tokens.json").stat().st_size):
            flip(made / "tokens.json", bit)
            try:
                assert Tokens(made).list() == [token], f"bit {bit}"
            except EventtrackError:
                told += 1
            flip(made / "tokens.json", bit)
        assert told


def test_a_bit_of_the_small_files_is_told_or_changes_nothing(store: Path, tmp_path: Path) -> None:
    with copied(store) as made:
        opened = open_store(made)
        opened.experiments.create("elsewhere", str(tmp_path / "files"))
        remotes = Remotes(opened.replication)
        added = remotes.add("lab", "ssh://lab/data/runs", Selection(runs=["a"]))
        for wanted in (None, Selection(runs=["a"])):
            synchronize(opened, str(tmp_path / "remote"), Ways(wanted=wanted))
        [location], [part] = made.glob("locations/*"), made.glob("remotes/*.wanted")
        reads: dict[Path, tuple[Callable[[], object], object]] = {
            made / "remotes" / "remotes.json": (remotes.list, [added]),
            location: (partial(read_note, location), str(tmp_path / "files")),
            part: (partial(leaves_out, opened.replication), True),
            made / "FORMAT": (partial(files.prepare, made, create=False), None),
        }
        for file, (work, whole) in reads.items():
            told = 0
            for bit in range(8 * file.stat().st_size):
                flip(file, bit)
                try:
                    assert work() == whole, f"bit {bit} of {file}"
                except EventtrackError:
                    told += 1
                flip(file, bit)
            assert told, file
        opened.close()


def test_small_files_of_before_are_read(store: Path, tmp_path: Path) -> None:
    with copied(store) as made:
        opened = open_store(made)
        experiment_id = opened.experiments.create("elsewhere", str(tmp_path / "files"))
        remotes = Remotes(opened.replication)
        added = remotes.add("lab", "ssh://lab/data/runs")
        [location] = made.glob("locations/*")
        location.write_text(str(tmp_path / "files"))
        (made / "remotes" / "remotes.json").write_bytes(msgspec.json.encode([added]))
        (made / "remotes" / "0123456789abcdef.wanted").write_bytes(b'{"experiments":[],"runs":[]}')
        assert remotes.list() == [added]
        assert read_note(location) == str(tmp_path / "files")
        assert leaves_out(opened.replication) is False
        assert opened.maintenance.check().ok
        location.write_text('["00", "/elsewhere"]\n')
        [problem] = opened.maintenance.check().problems
        assert problem.where == f"location {location.name}"
        with pytest.warns(EventtrackWarning, match="where files of an experiment lie"):
            assert opened.experiments.get(experiment_id).name == "elsewhere"
        opened.close()


def test_a_bit_of_a_key_is_told(store: Path) -> None:
    with copied(store) as made:
        opened = open_store(made)
        key = Auditor(opened).key()
        [file] = made.glob("keys/*.pem")
        told = 0
        for bit in some_bits(file, 200, SEED):
            flip(file, bit)
            try:
                assert Auditor(opened).key() == key
            except EventtrackError:
                told += 1
            flip(file, bit)
        assert told
        assert len(Auditor(opened).keys(opened.feeds.own)) == 1
        opened.close()


def test_a_wrong_stream_in_a_header_is_told_where_it_is_folded(store: Path) -> None:
    with copied(store) as copy:
        whole = damaged.numbers_shown(copy)
        [first, second, *_] = sorted({str(shown[0]) for shown in whole})

        def work() -> bool:
            return damaged.numbers_shown(copy) == whole

        damaged.damage_header(copy, position_of(copy, first), first.encode(), second.encode())
        # Views of before show what they did, unless their last envelope is the one that differs.
        assert in_child(partial(told_or, work)) in (SAME, TOLD)
        shutil.rmtree(copy / "views")
        for _ in range(2):
            assert in_child(partial(told_or, work)) == TOLD


def test_other_outcomes_would_be_seen() -> None:
    assert wrong({1: SAME, 2: TOLD, 3: OTHER, 4: -7}) == {3: OTHER, 4: -7}
