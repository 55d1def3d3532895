"""Out to a server and in from one: MLflow's own, and ours."""

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack.cli.commands.export import all_runs
from eventtrack.rest import TrackingServer, address_of
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlflow_export import EXPORT_ID_TAG, Export
from eventtrack.transfer.mlflow_server import ServerStore
from eventtrack.transfer.report import Report
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    Metric,
    Run,
    RunStatus,
    ViewType,
)
from tests.compat.theirs import mlflow_server
from tests.server.running import running
from tests.transfer.theirs import START_MS, contents, points_of, runs_of

POINTS = 2500


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's own server, of this process alone: an import takes everything that is there."""
    pytest.importorskip("mlflow")
    with mlflow_server(tmp_path_factory.mktemp("transfer")) as url:
        yield url


@pytest.fixture(scope="module")
def our_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of ours."""
    with running(tmp_path_factory.mktemp("served") / "store") as found:
        yield found.url


@pytest.fixture(params=["mlflow", "ours"])
def url(request: pytest.FixtureRequest) -> str:
    """Either server."""
    found: str = request.getfixturevalue(
        f"{request.param}_url" if request.param == "mlflow" else "our_url"
    )
    return found


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Store]:
    """A store with a parent, a child with much in it, and a deleted run; named by the test."""
    store = Store(tmp_path / "ours")
    experiment = store.experiments.create(f"flowers of {tmp_path.name}", tags={"team": "a"})
    parent = store.runs.create(experiment, run_name="parent", start_time=START_MS).info.run_id
    # Started before its parent, as clocks of several machines have it.
    tags = {"mlflow.parentRunId": parent, "long": "x" * 5000}
    child = store.runs.create(
        experiment, run_name="child", start_time=START_MS - 5, tags=tags, user_id="ada"
    ).info.run_id
    store.runs.log_params(child, {f"p{n}": f"{n}" for n in range(150)})
    points = [
        Metric(key="loss", value=1 / (n + 1), timestamp=START_MS + n, step=n) for n in range(POINTS)
    ]
    odd = (float("nan"), float("inf"), float("-inf"), -0.0)
    points += [Metric(key="odd", value=v, timestamp=START_MS, step=n) for n, v in enumerate(odd)]
    store.runs.log_batch(child, metrics=points)
    dataset = Dataset(name="iris", digest="abc", source_type="local", source="{}")
    used = DatasetInput(dataset=dataset, tags=[InputTag(key="mlflow.data.context", value="eval")])
    store.runs.log_inputs(child, [used])
    store.artifacts.log_bytes(child, b"weights" * 1000, "model/deep/weights.bin")
    store.artifacts.log_bytes(child, b"", "empty ü.txt")
    store.runs.update(child, status=RunStatus.FAILED, end_time=START_MS + 99)
    lost = store.runs.create(experiment, run_name="lost", start_time=START_MS).info.run_id
    store.runs.update(lost, status=RunStatus.FINISHED, end_time=START_MS + 1)
    store.runs.delete(lost)
    yield store
    store.close()


def bring(store: Store, url: str) -> Report:
    """Export everything."""
    server = TrackingServer(address_of(url))
    experiments = store.experiments.search(ViewType.ALL)

    def runs_of_experiment(experiment: Experiment) -> Iterator[Run]:
        return all_runs(store, [experiment.experiment_id], "", ViewType.ALL)

    report = Export(store, server).run(experiments, runs_of_experiment, lambda done, total: None)
    server.close()
    return report


def by_name(runs: list[Any], experiment_ids: set[str]) -> dict[str, Any]:
    """Runs of some experiments by their names."""
    return {run.info.run_name: run for run in runs if run.info.experiment_id in experiment_ids}


def test_a_server_gets_everything_once_and_gives_it_back(
    ours: Store, url: str, store: Store, tmp_path: Path
) -> None:
    report = bring(ours, url)
    assert report.exit_code == 0, report
    assert (report.taken.runs, report.taken.points, report.taken.files) == (3, POINTS + 4, 2)
    assert bring(ours, url).taken.total() == 0

    taken = import_histories(store, ServerStore(url), lambda done, total: None)
    assert taken.exit_code == 0, taken
    again = import_histories(store, ServerStore(url), lambda done, total: None)
    assert again.taken.total() == 0
    name = f"flowers of {tmp_path.name}"
    there = store.experiments.get_by_name(name)
    assert there is not None
    assert there.tags == {"team": "a"}
    found = by_name(runs_of(store), {there.experiment_id})
    expected = {run.info.run_name: run for run in runs_of(ours)}
    assert set(found) == set(expected) == {"parent", "child", "lost"}
    for run_name, run in expected.items():
        other = found[run_name]
        for field in ("status", "start_time", "end_time", "user_id", "lifecycle_stage"):
            assert getattr(other.info, field) == getattr(run.info, field), (run_name, field)
        assert other.data.params == run.data.params
        assert other.data.tags[EXPORT_ID_TAG] == run.info.run_id
        assert other.inputs == run.inputs
        for key in run.data.metrics:
            assert stored(store, other.info.run_id, key) == stored(ours, run.info.run_id, key)
        mine = ours.artifacts.download(run.info.run_id, "", tmp_path / "mine" / run_name)
        copy = store.artifacts.download(other.info.run_id, "", tmp_path / "copy" / run_name)
        assert contents(mine) == contents(copy)
    parent = found["child"].data.tags["mlflow.parentRunId"]
    assert parent == found["parent"].info.run_id
    assert found["child"].data.tags["long"] == "x" * 5000


def stored(store: Store, run_id: str, key: str) -> list[tuple[int, int, str]]:
    """A history as a server of MLflow's keeps it: infinities as the greatest numbers, one zero."""
    changed = {"inf": repr(1.7976931348623157e308), "-inf": repr(-1.7976931348623157e308)}
    changed["-0.0"] = "0.0"
    points = points_of(store.metrics.history(run_id, key))
    return sorted((time, step, changed.get(value, value)) for time, step, value in points)


def test_series_go_to_our_server_and_are_counted_for_mlflows(ours: Store, url: str) -> None:
    [child] = [run for run in runs_of(ours) if run.info.run_name == "child"]
    run_id = child.info.run_id
    ours.items.sink(run_id).texts("log", ["same", "same"], timestamps=START_MS)
    ours.items.log_medium(run_id, "cat", b"PNG", "image/png", caption="a cat", timestamp=START_MS)
    report = bring(ours, url)
    server = TrackingServer(address_of(url))
    if not server.takes_series():
        assert report.not_taken == {"items of text, histograms and media": 3}
        return
    assert report.taken.items == 3
    ours.items.sink(run_id).text("log", "same", timestamp=START_MS)
    assert bring(ours, url).taken.items == 1
    assert bring(ours, url).taken.total() == 0
    for key in ("log", "cat"):
        page = server.items(run_id, key, None, 0)
        assert list(page.items) == list(ours.items.read(run_id, key))


def test_what_is_new_here_is_added_there(ours: Store, url: str) -> None:
    bring(ours, url)
    [child] = [run for run in runs_of(ours) if run.info.run_name == "child"]
    run_id = child.info.run_id
    ours.runs.log_batch(
        run_id, metrics=[Metric(key="loss", value=0.1, timestamp=START_MS, step=-1)]
    )
    ours.runs.set_tags(run_id, {"late": "1"})
    ours.runs.update(run_id, name="renamed", status=RunStatus.FINISHED)
    ours.artifacts.log_bytes(run_id, b"more", "more.txt")
    [lost] = [run for run in runs_of(ours) if run.info.run_name == "lost"]
    ours.runs.restore(lost.info.run_id)
    taken = bring(ours, url).taken
    assert (taken.points, taken.files, taken.runs, taken.params) == (1, 1, 0, 0)
    assert taken.updates == 2
    assert bring(ours, url).taken.total() == 0


def test_an_export_that_stopped_goes_on(
    ours: Store, our_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, calls = TrackingServer.log_batch, iter(range(100))

    def stop(*arguments: Any, **named: Any) -> None:
        if next(calls) == 3:
            raise KeyboardInterrupt
        send(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(TrackingServer, "log_batch", stop)
        with pytest.raises(KeyboardInterrupt):
            bring(ours, our_url)
    report = bring(ours, our_url)
    assert report.taken.runs == 0
    assert report.taken.points > 0
    assert bring(ours, our_url).taken.total() == 0


def test_an_export_holds_one_run_at_a_time(ours: Store, our_url: str) -> None:
    """Both sides' runs were in memory at once, 10 KB each."""

    class Watched(Run, weakref=True):
        """A run that can be watched until nobody holds it."""

    held: list[int] = []
    given: list[weakref.ref[Run]] = []

    def runs_of_experiment(experiment: Experiment) -> Iterator[Run]:
        for info in [run.info for run in runs_of(ours)]:
            if info.experiment_id == experiment.experiment_id:
                run = Watched(**dict(ours.runs.get(info.run_id)))
                given.append(weakref.ref(run))
                yield run
                del run
                held.append(sum(other() is not None for other in given))

    server = TrackingServer(address_of(our_url))
    experiments = ours.experiments.search(ViewType.ALL)
    Export(ours, server).run(experiments, runs_of_experiment, lambda done, total: None)
    server.close()
    assert len(held) == 2 * 3
    assert max(held) <= 2
