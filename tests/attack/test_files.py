"""Files of a store that are missing, empty, cut or full of zeros: an error that says what to do."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest

from eventtrack.errors import CorruptionError, EventtrackError, StoreMissingError
from eventtrack.limits import OPEN_PAGES_MAX
from eventtrack.log import structure
from eventtrack.log.structure import find_damage
from eventtrack.store import open_store
from tests.attack import damaged
from tests.attack.damaged import PAGE_BYTES, SAME, TOLD, copied, eventtrack, in_child, told_or


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("damaged") / "store"
    damaged.make_store(path, runs=12, points=30)
    return path


@pytest.mark.parametrize("size", [None, 0, 1, PAGE_BYTES, 2 * PAGE_BYTES, 5 * PAGE_BYTES])
def test_a_log_that_is_missing_empty_or_cut_is_an_error_and_never_a_new_store(
    store: Path, size: int | None
) -> None:
    with copied(store) as copy:
        file = copy / "log" / "data.mdb"
        file.unlink() if size is None else os.truncate(file, size)
        before = file.read_bytes() if size is not None else None
        with pytest.raises(CorruptionError, match=r"missing|empty|cut") as caught:
            open_store(copy)
        assert "salvage" in caught.value.hint
        assert (file.read_bytes() if file.exists() else None) == before
        checked = eventtrack("--store", str(copy), "check")
        assert checked.returncode == 8
        assert "log/data.mdb" in checked.stdout
        listed = eventtrack("--store", str(copy), "runs", "list")
        assert (listed.returncode, listed.stdout) == (8, "")


def test_a_page_of_zeros_anywhere_is_named_and_kills_no_command(store: Path) -> None:
    with copied(store) as copy:
        file = copy / "log" / "data.mdb"
        good = file.read_bytes()
        numbers = range(len(good) // PAGE_BYTES)
        found = 0
        for number in numbers[:: max(1, len(numbers) // 6)]:
            place = number * PAGE_BYTES
            zeros = good[:place] + bytes(PAGE_BYTES) + good[place + PAGE_BYTES :]
            file.write_bytes(zeros)
            checked = eventtrack("--store", str(copy), "check")
            assert checked.returncode in (0, 8), (number, checked.stderr)
            found += checked.returncode == 8
            shown = eventtrack("--store", str(copy), "stats")
            assert shown.returncode in (0, 8), (number, shown.stderr)
            if shown.returncode:
                assert "hint: " in shown.stderr
        assert found


def test_a_page_behind_those_that_an_opening_examines_ends_a_command_with_an_error(
    tmp_path: Path,
) -> None:
    """LMDB aborts on it; the command went on in a child, and its parent says what that means."""
    path = tmp_path / "store"
    damaged.make_store(path, runs=260, points=1)
    file = path / "log" / "data.mdb"
    good = file.read_bytes()
    # The last leaves of the table of events: few openings would get there.
    for page in range(len(good) // PAGE_BYTES - 1, len(good) // PAGE_BYTES - 40, -1):
        place = page * PAGE_BYTES
        file.write_bytes(good[:place] + bytes(PAGE_BYTES) + good[place + PAGE_BYTES :])
        if not find_damage(file, OPEN_PAGES_MAX) and find_damage(file):
            break
    else:
        pytest.fail("an opening examines all of them")
    for words in (("log", "--limit", "100000"), ("replay", "--verify"), ("check",)):
        ended = eventtrack("--store", str(path), *words)
        # `log` goes on behind an envelope that it cannot read, and shows that it is damaged.
        is_shown = words[0] == "log" and " damaged " in ended.stdout
        assert ended.returncode == 8 or is_shown, ended.stderr
        assert "Traceback" not in ended.stderr


def test_damaged_views_are_folded_anew_without_a_word(store: Path) -> None:
    with copied(store) as copy:
        said = damaged.what_it_says(copy)
        [file] = copy.glob("views/*/data.mdb")
        good = file.read_bytes()
        for data in (b"", good[:-PAGE_BYTES], good[: 2 * PAGE_BYTES].ljust(len(good), b"\0")):
            for found in copy.glob("views/*/data.mdb"):
                found.write_bytes(data)
            assert in_child(lambda: damaged.what_it_says(copy) != said) == 0


def test_a_store_whose_format_file_is_gone_says_how_to_write_it(store: Path) -> None:
    with copied(store) as copy:
        said = damaged.what_it_says(copy)
        (copy / "FORMAT").unlink()
        for create in (True, False):
            with pytest.raises(CorruptionError, match="FORMAT file is missing") as caught:
                open_store(copy, create=create)
        assert not (copy / "FORMAT").exists()
        assert f"echo 2 > {copy / 'FORMAT'}" in caught.value.hint
        (copy / "FORMAT").write_text("2\n")
        assert damaged.what_it_says(copy) == said


def test_a_store_that_was_begun_and_holds_nothing_is_made_again(tmp_path: Path) -> None:
    """As a process leaves it that dies before FORMAT is written."""
    damaged.make_store(tmp_path / "store", runs=0)
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "store", whole)
    begun = tmp_path / "begun"
    (begun / "log").mkdir(parents=True)
    with pytest.raises(StoreMissingError):
        open_store(begun, create=False)
    open_store(begun).close()
    assert (begun / "FORMAT").exists()


@pytest.mark.parametrize("text", [b"", b"0\n", b"\xb1\n", b"-1", "²".encode(), b"1 1"])
def test_a_damaged_format_file_is_an_error(store: Path, text: bytes) -> None:
    with copied(store) as copy:
        (copy / "FORMAT").write_bytes(text)
        with pytest.raises(EventtrackError) as caught:
            open_store(copy)
        assert caught.value.hint


@contextmanager
def open_elsewhere(path: Path) -> Iterator[None]:
    """A block in which another process has a store open: alone, LMDB forgets its dead readers."""
    done_read, done_write = os.pipe()
    opened_read, opened_write = os.pipe()
    holder = os.fork()
    if not holder:
        try:
            store = open_store(path)
            store.runs.search(["0"])
            os.write(opened_write, b".")
            os.read(done_read, 1)
        finally:
            os._exit(0)
    os.read(opened_read, 1)
    yield
    os.write(done_write, b".")
    os.waitpid(holder, 0)
    for descriptor in (done_read, done_write, opened_read, opened_write):
        os.close(descriptor)


def after_a_death(path: Path) -> int:
    """What an opening says behind a process that died while it read."""

    def die_reading() -> None:
        with open_store(path)._engine.log.environment.read():
            os._exit(0)

    in_child(die_reading)
    return in_child(lambda: told_or(lambda: bool(open_store(path))))


def zero_a_page(file: Path) -> None:
    """Damage a page that few openings would get to."""
    good = file.read_bytes()
    for page in range(len(good) // PAGE_BYTES - 1, 1, -1):
        with file.open("r+b") as damage:
            os.pwrite(damage.fileno(), bytes(PAGE_BYTES), page * PAGE_BYTES)
            if not find_damage(file, OPEN_PAGES_MAX) and find_damage(file):
                return
            os.pwrite(damage.fileno(), good[page * PAGE_BYTES :][:PAGE_BYTES], page * PAGE_BYTES)
    pytest.fail("an opening examines all of them")


def test_a_process_that_died_while_it_read_makes_the_next_one_examine_every_page(
    tmp_path: Path,
) -> None:
    """Killed by a signal of its own making, perhaps: by a page that nobody had looked at yet."""
    path = tmp_path / "store"
    damaged.make_store(path, runs=260, points=1)
    with open_elsewhere(path):
        assert after_a_death(path) == SAME
        zero_a_page(path / "log" / "data.mdb")
        assert in_child(lambda: told_or(lambda: bool(open_store(path)))) == SAME
        assert after_a_death(path) == TOLD


def test_every_page_of_a_large_store_is_examined_when_a_second_process_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody killed the first, most probably: nobody waits for seconds because of that."""
    monkeypatch.setattr(structure, "DEATH_PAGES_MAX", OPEN_PAGES_MAX)
    path = tmp_path / "store"
    damaged.make_store(path, runs=260, points=1)
    mark = path / "log" / structure.DEATH_MARK
    with open_elsewhere(path):
        assert (after_a_death(path), mark.exists()) == (SAME, True)
        assert (after_a_death(path), mark.exists()) == (SAME, False)
        zero_a_page(path / "log" / "data.mdb")
        assert (after_a_death(path), mark.exists()) == (SAME, True)
        assert (after_a_death(path), mark.exists()) == (TOLD, True)


def test_an_opening_examines_few_pages_also_where_one_has_a_long_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = lmdb.open(str(tmp_path), map_size=2**25)
    with environment.begin(write=True) as transaction:
        transaction.put(b"-", bytes(2 * OPEN_PAGES_MAX * PAGE_BYTES))
        for key in range(10_000):
            transaction.put(b"%05d" % key, bytes(1_000))
    environment.close()
    read: list[int] = []
    pread = os.pread

    def counted(descriptor: int, size: int, place: int) -> bytes:
        read.append(place)
        return pread(descriptor, size, place)

    monkeypatch.setattr(os, "pread", counted)
    assert find_damage(tmp_path / "data.mdb", OPEN_PAGES_MAX) == []
    few, read[:] = len(read), []
    assert find_damage(tmp_path / "data.mdb") == []
    assert few < 2 * OPEN_PAGES_MAX < len(read)
