"""Partial sync: one experiment whole, of all else the headers; and the rest whenever one likes."""

from pathlib import Path

import pytest

from eventtrack.errors import NotFoundError
from eventtrack.store import Store
from eventtrack.sync import Selection, StoreRemote, Ways, clone, synchronize
from eventtrack.views.records import Metric
from tests.sync.machines import envelopes, machine, record_run, sync

POINTS = 5


def runs_of(store: Store, experiment: str, count: int) -> list[str]:
    """Runs in an experiment, with points and a file each."""
    found = store.experiments.get_by_name(experiment)
    identifier = found.experiment_id if found else store.experiments.create(experiment)
    made = [store.runs.create(identifier, run_name=f"{experiment}-{n}") for n in range(count)]
    for run in made:
        store.runs.log_params(run.info.run_id, {"a": "b"})
        store.artifacts.log_bytes(run.info.run_id, run.info.run_id.encode(), "id.txt")
    return [run.info.run_id for run in made]


@pytest.fixture
def wanted(one: Store) -> list[str]:
    """Runs of the experiment that is wanted; there is another one."""
    runs_of(one, "other", 2)
    return runs_of(one, "wanted", 2)


def payloads(store: Store) -> int:
    """How many envelopes have theirs."""
    return sum(bool(one.payload) for one in store.replication.log.read(0, 10**6))


def test_only_what_is_wanted_comes_and_the_rest_can_come_later(
    one: Store, wanted: list[str], stick: Path, tmp_path: Path
) -> None:
    sync(one, stick)
    ways = Ways(wanted=Selection(experiments=["wanted"]))
    twin, report = clone(str(stick), tmp_path / "twin", ways)
    assert report.pulled.artifacts == len(wanted)
    assert [twin.runs.get(run_id).data.params for run_id in wanted] == [{"a": "b"}] * 2
    assert twin.stats().runs == len(wanted)
    assert twin.replication.heads() == one.replication.heads()
    assert 0 < payloads(twin) < len(envelopes(one))
    assert twin.maintenance.check().ok
    # What comes later is chosen as before.
    runs_of(one, "other", 1)
    more = runs_of(one, "wanted", 1)
    sync(one, stick)
    synchronize(twin)
    assert twin.stats().runs == len(wanted) + 1
    assert twin.runs.get(more[0]).data.params == {"a": "b"}
    assert not synchronize(twin).changed
    # And in the end all of it.
    synchronize(twin, None, Ways(wanted=Selection()))
    assert twin.maintenance.digest() == one.maintenance.digest()
    assert envelopes(twin) == envelopes(one)
    assert twin.maintenance.check().ok
    twin.close()


def test_more_can_be_wanted_later(one: Store, two: Store, wanted: list[str], stick: Path) -> None:
    sync(one, stick)
    synchronize(two, str(stick), Ways(push=False, wanted=Selection(experiments=["other"])))
    with pytest.raises(NotFoundError):
        two.runs.get(wanted[0])
    one_run = Selection(experiments=["other"], runs=[wanted[0]])
    synchronize(two, str(stick), Ways(push=False, wanted=one_run))
    assert two.runs.get(wanted[0]).data.params == {"a": "b"}
    with pytest.raises(NotFoundError):
        two.runs.get(wanted[1])
    assert two.maintenance.verify()[0]


def test_who_has_a_part_does_not_hide_the_rest_from_others(
    one: Store, two: Store, three: Store, wanted: list[str], stick: Path, tmp_path: Path
) -> None:
    sync(one, stick)
    synchronize(two, str(stick), Ways(wanted=Selection(experiments=["wanted"])))
    second = record_run(two, "of the second")
    sync(two, tmp_path / "further")
    sync(three, tmp_path / "further")
    assert three.runs.get(second).info.run_name == "of the second"
    sync(three, stick)
    sync(one, stick)
    assert payloads(three) == len(envelopes(three))
    assert envelopes(three).items() >= envelopes(one).items()


def test_points_of_a_run_that_was_left_out_stay_out(one: Store, two: Store, stick: Path) -> None:
    [left] = runs_of(one, "other", 1)
    runs_of(one, "wanted", 1)
    sync(one, stick)
    ways = Ways(push=False, wanted=Selection(experiments=["wanted"]))
    synchronize(two, str(stick), ways)
    before = payloads(two)
    one.runs.log_params(left, {"later": "1"})
    sync(one, stick)
    synchronize(two, str(stick), ways)
    assert payloads(two) == before
    whole = machine(stick.with_name("whole"))
    sync(whole, stick)
    assert whole.runs.get(left).data.params == {"a": "b", "later": "1"}
    whole.close()


def test_a_run_that_moves_in_comes_whole(
    one: Store, two: Store, wanted: list[str], stick: Path
) -> None:
    other = one.experiments.get_by_name("other")
    target = one.experiments.get_by_name("wanted")
    assert other is not None
    assert target is not None
    [moving, *_] = [run.info.run_id for run in one.runs.search([other.experiment_id])]
    sync(one, stick)
    ways = Ways(push=False, wanted=Selection(experiments=["wanted"]))
    synchronize(two, str(stick), ways)
    with pytest.raises(NotFoundError):
        two.runs.get(moving)
    one.corrections.move([moving], target.experiment_id)
    one.runs.log_params(moving, {"later": "1"})
    sync(one, stick)
    synchronize(two, str(stick), ways)
    run = two.runs.get(moving)
    assert run.info.experiment_id == target.experiment_id
    assert run.data.params == {"a": "b", "later": "1"}
    with two.artifacts.open(moving, "id.txt") as file:
        assert file.read() == moving.encode()
    # A later session knows that the run is wanted, also when it has moved on.
    one.corrections.move([moving], other.experiment_id)
    one.runs.log_params(moving, {"last": "1"})
    sync(one, stick)
    synchronize(two, str(stick), ways)
    assert two.runs.get(moving).info.experiment_id == other.experiment_id
    assert two.runs.get(moving).data.params["last"] == "1"
    assert two.maintenance.verify()[0]


def test_the_runs_whose_points_count_for_a_chosen_run_come_with_it(
    one: Store, two: Store, wanted: list[str], stick: Path
) -> None:
    """Points and items, through forks of forks and merges, also those that come later."""
    first, second = wanted
    for run_id, step in ((first, 1), (second, 2)):
        one.runs.log_batch(run_id, [Metric("loss", 0.5, step, step)])
        one.items.sink(run_id).text("log", f"line {step}", step, step)
        one.items.log_medium(run_id, "cat", b"PNG", "image/png", step=step, timestamp=step)
    one.forks.merge(first, second)
    fork = one.forks.fork(one.forks.fork(first))
    one.runs.log_batch(fork, [Metric("loss", 0.5, 3, 3)])
    sync(one, stick)
    ways = Ways(push=False, wanted=Selection(runs=[fork]))
    synchronize(two, str(stick), ways)
    assert list(two.metrics.arrays(fork, "loss").steps) == [1, 2, 3]
    assert [item.step for item in two.items.read(fork, "log")] == [1, 2]
    assert [item.step for item in two.items.read(fork, "cat")] == [1, 2]
    assert two.runs.search([two.runs.get(fork).info.experiment_id])
    third = one.runs.create(one.runs.get(first).info.experiment_id).info.run_id
    one.forks.merge(fork, third)
    one.runs.log_batch(third, [Metric("loss", 0.5, 4, 4)])
    sync(one, stick)
    synchronize(two, str(stick), ways)
    one.runs.log_batch(third, [Metric("loss", 0.5, 5, 5)])
    sync(one, stick)
    synchronize(two, str(stick), ways)
    assert list(two.metrics.arrays(fork, "loss").steps) == [1, 2, 3, 4, 5]
    assert two.maintenance.verify()[0]


def test_a_server_gives_the_parent_of_a_fork_too(one: Store, two: Store, wanted: list[str]) -> None:
    one.runs.log_batch(wanted[0], [Metric("loss", 0.5, 1, 1)])
    one.items.sink(wanted[0]).text("log", "line", 1)
    fork = one.forks.fork(wanted[0])
    remote = StoreRemote(one)
    remote.choose(Selection(runs=[fork]))
    importer = StoreRemote(two)
    for block in remote.read([]):
        importer.append(block)
    importer.flush()
    assert list(two.metrics.arrays(fork, "loss").steps) == [1]
    assert len(two.items.read(fork, "log")) == 1
    with pytest.raises(NotFoundError):
        two.runs.get(wanted[1])
