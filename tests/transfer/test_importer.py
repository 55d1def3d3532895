"""What holds for every source, tried with one that raises, repeats and grows at will."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import CorruptionError, DiskFullError, NotFoundError, RemoteUnavailableError
from eventtrack.projections.points import Points
from eventtrack.store import Store
from eventtrack.store.intake import IncomingExperiment, IncomingFile, IncomingRun
from eventtrack.transfer.importer import import_histories, opened
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import NO_TIME, Series, Source, SourceRun
from eventtrack.views.records import Dataset, DatasetInput
from tests.transfer.theirs import START_MS, runs_of

Make = Callable[[], SourceRun]


class Made(Source):
    """A source of runs that are made when it is their turn."""

    kind = "made"

    def __init__(self, *makes: Make) -> None:
        super().__init__("here")
        self._makes = makes

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """One."""
        return {"1": IncomingExperiment("flowers")}

    def count(self) -> int:
        """As many as are made."""
        return len(self._makes)

    def runs(self) -> Iterator[SourceRun]:
        """Each as it is made."""
        return self.each(self._makes, lambda make: make(), lambda make: make.__name__)


def run(name: str, series: Series = (), **facts: Any) -> Make:
    """A run of a name."""

    def make() -> SourceRun:
        incoming = {"experiment_id": "1", "name": name, "start_ms": START_MS, **facts}
        files = incoming.pop("files", ())
        return SourceRun(name, IncomingRun(incoming.pop("run_id", name), **incoming), series, files)

    return make


def points(*rows: tuple[int, int, float]) -> Points:
    """A series of rows (step, time, value)."""
    made = Points()
    for step, time_ms, value in rows:
        made.steps.append(step)
        made.timestamps.append(time_ms)
        made.values.append(value)
    return made


def take(store: Store, *makes: Make) -> Report:
    """Import runs."""
    return import_histories(store, Made(*makes), lambda done, total: None)


def names(store: Store) -> set[str]:
    """The names of all runs."""
    return {found.info.run_name for found in runs_of(store)}


def odd() -> SourceRun:
    """A run that cannot be read."""
    raise LookupError("not here")


@pytest.mark.parametrize(
    "facts",
    [
        {"status": "SLEEPING"},
        {"end_ms": 2**70},
        {"start_ms": "yesterday"},
        {"user": 3},
        {"models_written": [("m", 2**64)]},
    ],
)
def test_a_run_that_cannot_be_recorded_spares_the_others(
    store: Store, facts: dict[str, Any]
) -> None:
    report = take(store, run("one"), run("odd", **facts), run("two"))
    assert names(store) == {"one", "two"}
    [damage] = report.damage
    assert (damage.place, report.exit_code) == ("run odd", 8)


def test_a_run_that_cannot_be_read_spares_the_others(store: Store) -> None:
    report = take(store, run("one"), odd, run("two"))
    assert names(store) == {"one", "two"}
    assert [(one.file, one.problem) for one in report.damage] == [("odd", "LookupError: not here")]


def test_an_odd_series_or_file_spares_the_rest_of_its_run(store: Store, tmp_path: Path) -> None:
    def series() -> Series:
        yield "loss", points((0, START_MS, 0.5))
        raise ValueError("no number")

    files = [IncomingFile("gone.txt", tmp_path / "gone.txt"), IncomingFile("a.txt", b"a")]
    report = take(store, run("one", series(), files=files, params={"lr": "1"}))
    [found] = runs_of(store)
    assert (found.data.metrics, found.data.params) == ({"loss": 0.5}, {"lr": "1"})
    assert [entry.path for entry in store.artifacts.entries("one")] == ["a.txt"]
    assert report.damage[0].place == "metrics of run one"
    assert "gone.txt" in report.unreadable[0][0]


def test_odd_ids_datasets_and_experiments_are_told(store: Store) -> None:
    dataset = Dataset(name="d" * 600, digest="1", source_type="local", source="x")
    report = take(
        store,
        run("one", run_id="../one", datasets=[DatasetInput(dataset=dataset, tags=[])]),
        run("two", experiment_id="7"),
    )
    assert names(store) == {"one", "two"}
    assert "../one" in report.renamed
    assert "dataset" in report.unreadable[0][0]
    assert "experiment 7" in report.damage[0].problem
    assert store.experiments.get_by_name("7") is not None


@pytest.mark.parametrize("error", [DiskFullError("full"), RemoteUnavailableError("gone")])
def test_a_full_disk_and_a_server_that_is_gone_end_an_import(
    store: Store, error: Exception
) -> None:
    def series() -> Series:
        yield "loss", points((0, START_MS, 0.5))
        raise error

    with pytest.raises(type(error)):
        take(store, run("one", series()), run("two"))


def test_a_source_without_runs_is_no_success(store: Store) -> None:
    report = take(store)
    assert (report.exit_code, report.unreadable_count) == (3, 1)


def test_a_run_that_is_there_twice_is_told_and_settles(store: Store) -> None:
    first = run("one", [("loss", points((0, START_MS, 0.5)))], params={"lr": "1"})
    second = run("two", [("loss", points((1, START_MS, 0.4)))], run_id="one", params={"lr": "2"})
    report = take(store, first, second)
    [found] = runs_of(store)
    assert (found.info.run_name, found.data.params) == ("one", {"lr": "1"})
    assert list(store.metrics.arrays("one", "loss").steps) == [0, 1]
    assert (report.damage[0].place, report.kept) == ("run two", [])
    head = store.events.head()
    take(store, first, second)
    assert store.events.head() == head


def test_params_follow_the_source_until_somebody_decides_here(tmp_path: Path) -> None:
    importing = Store(tmp_path / "store", source="import")
    take(importing, run("one", params={"lr": "1", "depth": "3"}))
    report = take(importing, run("one", params={"lr": "2", "depth": "3"}))
    assert (report.taken.params, report.kept) == (1, [])
    assert importing.runs.get("one").data.params == {"lr": "2", "depth": "3"}
    importing.close()
    by_hand = Store(tmp_path / "store")
    by_hand.runs.log_params("one", {"mine": "1"})
    by_hand.close()
    importing = Store(tmp_path / "store", source="import")
    report = take(importing, run("one", params={"lr": "2", "mine": "2"}))
    assert (report.taken.total(), report.kept) == (0, ["run/one param.mine"])
    importing.close()


def test_points_without_a_time_have_that_of_the_start_that_is_recorded(store: Store) -> None:
    series = [("loss", points((0, NO_TIME, 0.5), (1, START_MS + 5, 0.4)))]
    for later_ms in (0, 1000):
        report = take(store, run("one", series, start_ms=START_MS + later_ms))
        assert report.exit_code == 0
        assert list(store.metrics.arrays("one", "loss").timestamps) == [START_MS, START_MS + 5]


def test_short_series_of_a_run_are_recorded_together(store: Store) -> None:
    """A table of 100,000 columns became as many envelopes."""
    short = [
        (f"m{place}", points((0, START_MS, place), (1, START_MS, -place))) for place in range(50)
    ]
    long = points(*((step, START_MS, step) for step in range(4_090)))
    source = Made(run("a", [*short, ("long", long)]), run("b", short))
    report = import_histories(store, source, lambda done, total: None)
    assert report.taken.points == 2 * 100 + 4_090
    events = list(store.events.read(types=["run.metrics_logged"]))
    assert [len(event.body["keys"]) for event in events] == [100, 4_090, 100]
    for found in runs_of(store):
        for key, series in short:
            arrays = store.metrics.arrays(found.info.run_id, key)
            assert (arrays.values, arrays.steps) == (series.values, series.steps)
    again = Made(run("a", [*short, ("m", points((0, START_MS, 0)))]), run("b", short))
    assert import_histories(store, again, lambda done, total: None).taken.total() == 1


def test_times_before_1970_are_told_with_their_place(store: Store) -> None:
    report = take(store, run("one", [("loss", points((0, -5, 0.5)))]))
    assert list(report.not_taken_places.values()) == ["metric loss of run one"]
    assert report.exit_code == 3


def test_a_long_name_is_kept_whole_in_a_file(store: Store) -> None:
    assert take(store, run("n" * 300, run_id="one")).exit_code == 0
    assert len(store.runs.get("one").info.run_name) == 250
    with store.artifacts.open("one", "imported/long-values.json") as file:
        assert b"n" * 300 in file.read()


def test_a_source_that_cannot_be_opened_is_refused_in_words() -> None:
    def broken() -> Source:
        raise KeyError("x")

    def missing() -> Source:
        raise NotFoundError("no such file")

    with pytest.raises(CorruptionError, match="KeyError"):
        opened(broken)
    with pytest.raises(NotFoundError, match="no such file"):
        opened(missing)
