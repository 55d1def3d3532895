"""The law of every importer: all that a source has is in the store with its value, or is reported.

A format subclasses `ImportContract`, writes a small source of several runs, and says by other means
than the importer what is in it. The contract then damages every byte of every file in turn.
"""

import itertools
import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.transfer.importer import LONG_VALUES_FILE, import_histories
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import Source
from eventtrack.views.records import Run, ViewType

ORIGIN_TAGS = ("eventtrack.import.source", "eventtrack.import.id", "mlflow.runName")
# Bytes put where they may do harm: ends of cells, of lines, of texts; digits; no UTF-8.
_INSERTED = b'0,"\n\xff}\x00 -'
_FAST_DAMAGES = 60
_SLOW_DAMAGES = 200
# Thousands of stores are made: in memory, where that is, since nothing is asked of their disk.
_MEMORY = Path("/dev/shm")

# What a run has: ("point", name, step, time, value), ("param", name, text), ("tag", name, text).
Fact = tuple[Any, ...]
Facts = dict[str, set[Fact]]  # by the run's name


@dataclass(frozen=True)
class Damage:
    """One byte of one file, changed."""

    file: str
    kind: str  # flip, delete, insert, cut
    place: int

    def of(self, data: bytes) -> bytes:
        """The bytes with the damage."""
        before, after = data[: self.place], data[self.place + 1 :]
        if self.kind == "flip":
            return before + bytes([data[self.place] ^ 1 << self.place * 5 % 8]) + after
        if self.kind == "delete":
            return before + after
        if self.kind == "insert":
            new = _INSERTED[self.place % len(_INSERTED)]
            return before + bytes([new]) + data[self.place :]
        return before


class ImportContract:
    """A format subclasses this and supplies `write`, `source` and `facts`."""

    # Whether checksums cover each byte: then damage is reported, or changes nothing that is shown.
    checksums = False

    def write(self, folder: Path) -> None:
        """Write a source of at least two runs to an empty folder."""
        raise NotImplementedError

    def source(self, folder: Path) -> Source:
        """The importer's view of a folder that `write` filled."""
        raise NotImplementedError

    def facts(self, folder: Path) -> Facts | None:
        """What is in a folder, read by other means; None if these means cannot read it."""
        raise NotImplementedError

    def runs_in(self, file: Path) -> AbstractSet[str] | None:
        """The runs that damage of a file may touch, by name; None for any."""
        return None

    def grow(self, folder: Path) -> Iterator[None]:
        """Write the source to an empty folder in stages, each of them a source."""
        self.write(folder)
        yield

    def is_accounted(self, folder: Path, shown: Facts, store: Store) -> bool:
        """Whether a damaged source that was imported without a word is in the store as it is."""
        return self.facts(folder) == shown

    def test_all_of_a_source_is_in_the_store(self, tmp_path: Path) -> None:
        folder = self._written(tmp_path)
        with closing(Store(tmp_path / "store", source="import")) as store:
            report = self._take(store, folder)
            assert report.exit_code == 0, report
            assert shown(store) == self.facts(folder)

    def test_a_second_import_changes_nothing(self, tmp_path: Path) -> None:
        folder = self._written(tmp_path)
        with closing(Store(tmp_path / "store", source="import")) as store:
            self._take(store, folder)
            self._assert_settled(store, folder)

    def test_a_source_that_grows_ends_as_if_it_were_imported_once(self, tmp_path: Path) -> None:
        folder = tmp_path / "source"
        folder.mkdir()
        with closing(Store(tmp_path / "store", source="import")) as store:
            for _ in self.grow(folder):
                report = self._take(store, folder)
                assert (report.exit_code, report.kept) == (0, []), report
            assert shown(store) == self.facts(folder)
            self._assert_settled(store, folder)

    def test_an_import_that_was_stopped_goes_on(self, tmp_path: Path) -> None:
        folder = self._written(tmp_path)

        def stop(done: int, total: int) -> None:
            if done == 1:
                raise KeyboardInterrupt

        with closing(Store(tmp_path / "store", source="import")) as store:
            with pytest.raises(KeyboardInterrupt):
                import_histories(store, self.source(folder), stop)
            report = self._take(store, folder)
            assert (report.exit_code, report.kept) == (0, []), report
            assert shown(store) == self.facts(folder)
            self._assert_settled(store, folder)

    def test_damage_is_reported_and_spares_the_rest(self) -> None:
        self._assert_law(_FAST_DAMAGES)

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    def test_damage_of_any_byte_is_reported_and_spares_the_rest(self) -> None:
        self._assert_law(_SLOW_DAMAGES)

    def _assert_law(self, tries: int) -> None:
        memory = _MEMORY if _MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="eventtrack-law-", dir=memory) as name:
            place = Path(name)
            damages = list(self._damages(self._written(place)))
            whole = self.facts(place / "source")
            assert whole is not None
            assert len(whole) > 1
            assert len(damages) > _FAST_DAMAGES
            # An odd distance, so that all four kinds are among them.
            self._assert_none_is_silent(place, damages[:: len(damages) // tries | 1], whole)

    def _assert_none_is_silent(self, tmp_path: Path, damages: list[Damage], whole: Facts) -> None:
        wrong = []
        for number, damage in enumerate(damages):
            place = tmp_path / f"damaged-{number}"
            problem = self._problem(place, tmp_path / "source", damage, whole)
            if problem:
                wrong.append((damage, problem))
            shutil.rmtree(place)
        assert not wrong, "\n".join(f"{damage}: {problem}" for damage, problem in wrong[:20])

    def _problem(self, place: Path, original: Path, damage: Damage, whole: Facts) -> str:
        """What breaks the law when a file has this damage; empty if nothing does."""
        folder = place / "source"
        shutil.copytree(original, folder)
        file = folder / damage.file
        file.write_bytes(damage.of(file.read_bytes()))
        touched = self.runs_in(Path(damage.file))
        spared = {} if touched is None else {n: f for n, f in whole.items() if n not in touched}
        try:
            source = self.source(folder)
        except EventtrackError:
            return "the whole source was refused" if spared else ""
        except Exception as error:
            return f"{type(error).__name__} from the constructor: {error}"
        with closing(Store(place / "store", source="import")) as store:
            report = import_histories(store, source, _silent)
            found = shown(store)
            lost = [name for name, facts in spared.items() if found.get(name) != facts]
            if lost:
                return f"{lost} lost: {report}"
            if report.exit_code:
                return "" if _is_placed(report) else f"the report names no place: {report}"
            if self.checksums and damage.kind != "cut":
                return "" if found == whole else f"{found} without a word"
            if not self.is_accounted(folder, found, store):
                return f"{found} without a word"
            head = store.events.head()
            import_histories(store, self.source(folder), _silent)
            return "" if store.events.head() == head else "a second import changed something"

    def _damages(self, folder: Path) -> Iterator[Damage]:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder).as_posix()
            for place in range(file.stat().st_size):
                for kind in ("flip", "delete", "insert", "cut"):
                    yield Damage(name, kind, place)

    def _written(self, tmp_path: Path) -> Path:
        folder = tmp_path / "source"
        folder.mkdir()
        self.write(folder)
        return folder

    def _take(self, store: Store, folder: Path) -> Report:
        return import_histories(store, self.source(folder), _silent)

    def _assert_settled(self, store: Store, folder: Path) -> None:
        head = store.events.head()
        report = self._take(store, folder)
        assert (report.taken.total(), report.kept) == (0, [])
        assert store.events.head() == head


def shown(store: Store) -> Facts:
    """What a store shows of every run, by its name."""
    return {run.info.run_name: _facts_of(store, run) for run in _runs_of(store)}


def facts_of_runs(store: Store) -> list[set[Fact]]:
    """What a store shows of every run, also of those of one name."""
    return [_facts_of(store, run) for run in _runs_of(store)]


def _runs_of(store: Store) -> list[Run]:
    experiments = [one.experiment_id for one in store.experiments.search(view_type=ViewType.ALL)]
    return list(store.runs.search(experiments, view_type=ViewType.ALL, max_results=1000))


def _facts_of(store: Store, run: Run) -> set[Fact]:
    run_id, found = run.info.run_id, set[Fact]()
    for key in store.metrics.keys(run_id):
        for point in store.metrics.history(run_id, key):
            found.add(point_fact(key, point.step, point.timestamp, point.value))
    found |= {("param", key, text) for key, text in run.data.params.items()}
    found |= {("tag", k, text) for k, text in run.data.tags.items() if k not in ORIGIN_TAGS}
    for entry in store.artifacts.entries(run_id):
        if entry.path != LONG_VALUES_FILE:
            with store.artifacts.open(run_id, entry.path) as stream:
                found.add(("file", entry.path, stream.read()))
    return found


def point_fact(key: str, step: int, time_ms: int, value: float) -> Fact:
    """A point that equals another of the same bits, NaN too."""
    return ("point", key, step, time_ms, repr(value))


def numbers_of(facts: Facts) -> set[float]:
    """All values, steps and times (in milliseconds and in seconds) of points; no NaN."""
    found = set[float]()
    for fact in itertools.chain(*facts.values()):
        if fact[0] == "point":
            found |= {fact[2], fact[3], fact[3] / 1000, float(fact[4])}
    return {number for number in found if not math.isnan(number)}


def texts_of(facts: Facts) -> set[str]:
    """All names, and all texts of params, tags and files of texts."""
    found = set(facts)
    for fact in itertools.chain(*facts.values()):
        if fact[0] == "file" and fact[1].endswith(".json"):
            found |= _leaves(json.loads(fact[2]))
        found |= {part for part in fact[1:] if isinstance(part, str)}
    return found


def _leaves(value: Any) -> set[str]:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return set[str]().union(*map(_leaves, parts))
    return {str(value)}


def _is_placed(report: Report) -> bool:
    """Whether every kind of loss says where it is."""
    damaged = all(one.file for one in report.damage)
    unreadable = all(what and reason for what, reason in report.unreadable)
    return damaged and unreadable and set(report.not_taken_places) >= set(report.not_taken)


def _silent(done: int, total: int) -> None:
    """No progress is shown."""
