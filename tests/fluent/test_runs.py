"""Starting, ending, nesting and resuming runs."""

import threading
from types import ModuleType

import pytest

from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError


def test_a_run_is_active_until_it_is_ended(mlflow: ModuleType) -> None:
    assert mlflow.active_run() is None
    run = mlflow.start_run()
    assert mlflow.active_run() is run
    assert run.info.status == "RUNNING"
    mlflow.end_run()
    assert mlflow.active_run() is None
    ended = mlflow.get_run(run.info.run_id)
    assert ended.info.status == "FINISHED"
    assert ended.info.end_time >= ended.info.start_time


def test_leaving_the_block_ends_the_run(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        assert mlflow.active_run() is run
    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_through_the_block_fails_the_run_and_is_not_swallowed(
    mlflow: ModuleType, error: type[BaseException]
) -> None:
    with pytest.raises(error), mlflow.start_run() as run:
        raise error
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"
    assert mlflow.active_run() is None


def test_a_run_ended_within_its_block_stays_as_it_was_ended(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.end_run("KILLED")
    assert mlflow.get_run(run.info.run_id).info.status == "KILLED"


def test_leaving_the_block_ends_what_was_left_open_within_it(mlflow: ModuleType) -> None:
    with mlflow.start_run() as parent:
        child = mlflow.start_run(nested=True)
    assert mlflow.active_run() is None
    assert mlflow.get_run(child.info.run_id).info.status == "FINISHED"
    assert mlflow.get_run(parent.info.run_id).info.status == "FINISHED"


def test_ending_without_a_run_does_nothing(mlflow: ModuleType) -> None:
    mlflow.end_run()
    assert mlflow.active_run() is None


def test_an_unknown_status_is_refused_and_the_run_stays_active(mlflow: ModuleType) -> None:
    run = mlflow.start_run()
    with pytest.raises(InvalidValueError, match="run status"):
        mlflow.end_run("DONE")
    assert mlflow.active_run() is run


def test_a_second_run_needs_nested(mlflow: ModuleType) -> None:
    run = mlflow.start_run()
    with pytest.raises(
        mlflow.MlflowException, match=f"Run with UUID {run.info.run_id} is already active"
    ):
        mlflow.start_run()
    assert mlflow.active_run() is run


def test_nested_runs_know_their_parent(mlflow: ModuleType) -> None:
    with mlflow.start_run(run_name="parent") as parent:
        with mlflow.start_run(run_name="child", nested=True) as child:
            with mlflow.start_run(run_name="grandchild", nested=True) as grandchild:
                assert mlflow.active_run() is grandchild
            assert mlflow.active_run() is child
        assert mlflow.active_run() is parent
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert mlflow.get_parent_run(grandchild.info.run_id).info.run_name == "child"
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert mlflow.get_parent_run(parent.info.run_id) is None


def test_nested_without_an_active_run_is_a_run_at_the_top(mlflow: ModuleType) -> None:
    with mlflow.start_run(nested=True) as run:
        assert "mlflow.parentRunId" not in run.data.tags


def test_a_parent_may_be_named_that_is_not_active(mlflow: ModuleType) -> None:
    with mlflow.start_run() as parent:
        pass
    with mlflow.start_run(parent_run_id=parent.info.run_id) as child:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_named_parent_must_be_the_active_run_if_there_is_one(mlflow: ModuleType) -> None:
    with mlflow.start_run() as other:
        pass
    with mlflow.start_run(), pytest.raises(InvalidStateError, match="does not match"):
        mlflow.start_run(parent_run_id=other.info.run_id, nested=True)


def test_a_parent_must_exist_and_be_active(mlflow: ModuleType) -> None:
    with pytest.raises(NotFoundError):
        mlflow.start_run(parent_run_id="0" * 32)
    with mlflow.start_run() as parent:
        pass
    mlflow.delete_run(parent.info.run_id)
    with pytest.raises(InvalidValueError, match="deleted state"):
        mlflow.start_run(parent_run_id=parent.info.run_id)
    assert mlflow.active_run() is None


def test_a_run_has_the_name_tags_and_description_it_was_given(mlflow: ModuleType) -> None:
    with mlflow.start_run(
        run_name="first", tags={"team": "vision", "round": 3}, description="a note"
    ) as run:
        pass
    assert run.info.run_name == "first"
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert tags["mlflow.runName"] == "first"
    assert tags["team"] == "vision"
    assert tags["round"] == "3"
    assert tags["mlflow.note.content"] == "a note"


def test_a_run_without_a_name_gets_one(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        assert run.info.run_name
        assert run.data.tags["mlflow.runName"] == run.info.run_name


def test_a_run_says_who_started_it_and_with_what(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    with mlflow.start_run() as run:
        assert run.data.tags["mlflow.user"] == "ada"
        assert run.info.user_id == "ada"
        assert run.data.tags["mlflow.source.type"] == "LOCAL"
        assert run.data.tags["mlflow.source.name"]


def test_the_callers_tags_win_over_those_of_the_program(mlflow: ModuleType) -> None:
    with mlflow.start_run(tags={"mlflow.source.name": "notebook"}) as run:
        assert run.data.tags["mlflow.source.name"] == "notebook"


def test_the_callers_tags_are_not_changed(mlflow: ModuleType) -> None:
    tags = {"team": "vision"}
    with mlflow.start_run(tags=tags, description="a note"):
        assert tags == {"team": "vision"}


def test_a_note_may_be_given_once(mlflow: ModuleType) -> None:
    with pytest.raises(InvalidValueError, match="Description is already set"):
        mlflow.start_run(tags={"mlflow.note.content": "one"}, description="two")
    assert mlflow.search_runs(output_format="list") == []


@pytest.mark.parametrize("tags", ["a=b", ["a"], 3])
def test_tags_that_are_no_mapping_are_refused(mlflow: ModuleType, tags: object) -> None:
    with pytest.raises(InvalidValueError, match="Invalid tags"):
        mlflow.start_run(tags=tags)
    assert mlflow.search_runs(output_format="list") == []


@pytest.mark.parametrize("experiment_id", [["0"], 1.5])
def test_an_experiment_id_is_a_text_or_an_integer(
    mlflow: ModuleType, experiment_id: object
) -> None:
    with pytest.raises(InvalidValueError, match="Invalid experiment id"):
        mlflow.start_run(experiment_id=experiment_id)


def test_a_run_goes_to_the_experiment_it_names(mlflow: ModuleType) -> None:
    experiment_id = mlflow.create_experiment("named")
    with mlflow.start_run(experiment_id=int(experiment_id)) as run:
        assert run.info.experiment_id == experiment_id


def test_a_run_in_an_unknown_experiment_is_refused(mlflow: ModuleType) -> None:
    with pytest.raises(NotFoundError):
        mlflow.start_run(experiment_id="999")
    assert mlflow.active_run() is None


def test_resuming_goes_on_with_the_same_run(mlflow: ModuleType) -> None:
    with mlflow.start_run(run_name="long") as first:
        mlflow.log_param("lr", 0.1)
    with mlflow.start_run(run_id=first.info.run_id, tags={"resumed": True}) as second:
        assert second.info.run_id == first.info.run_id
        assert second.info.status == "RUNNING"
        assert second.data.params == {"lr": "0.1"}
        mlflow.log_metric("loss", 0.5)
    run = mlflow.get_run(first.info.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "long"
    assert run.data.tags["resumed"] == "True"
    assert run.data.metrics == {"loss": 0.5}


def test_resuming_with_a_name_renames(mlflow: ModuleType) -> None:
    with mlflow.start_run(run_name="old") as first:
        pass
    with mlflow.start_run(run_id=first.info.run_id, run_name="new", description="a note"):
        pass
    run = mlflow.get_run(first.info.run_id)
    assert run.info.run_name == "new"
    assert run.data.tags["mlflow.runName"] == "new"
    assert run.data.tags["mlflow.note.content"] == "a note"


def test_a_run_that_is_unknown_or_deleted_is_not_resumed(mlflow: ModuleType) -> None:
    with pytest.raises(NotFoundError):
        mlflow.start_run(run_id="0" * 32)
    with mlflow.start_run() as run:
        pass
    mlflow.delete_run(run.info.run_id)
    with pytest.raises(InvalidValueError, match="deleted state"):
        mlflow.start_run(run_id=run.info.run_id)
    assert mlflow.active_run() is None


def test_a_run_of_another_experiment_than_the_chosen_is_not_resumed(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        pass
    mlflow.set_experiment("other")
    with pytest.raises(InvalidValueError, match="does not match"):
        mlflow.start_run(run_id=run.info.run_id)


def test_a_run_that_is_open_is_not_started_again(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run, pytest.raises(InvalidStateError, match="already active"):
        mlflow.start_run(run_id=run.info.run_id, nested=True)


def test_the_run_id_variable_is_taken_once(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mlflow.start_run() as first:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", first.info.run_id)
    with mlflow.start_run() as resumed:
        assert resumed.info.run_id == first.info.run_id
    with mlflow.start_run() as new:
        assert new.info.run_id != first.info.run_id


def test_the_last_active_run_is_the_one_ended_last_as_it_is_now(mlflow: ModuleType) -> None:
    assert mlflow.last_active_run() is None
    with mlflow.start_run() as run:
        assert mlflow.last_active_run() is run
        mlflow.log_metric("loss", 1.0)
    last = mlflow.last_active_run()
    assert last.info.run_id == run.info.run_id
    assert last.data.metrics == {"loss": 1.0}


def test_a_thread_sees_only_its_own_runs(mlflow: ModuleType) -> None:
    seen = []

    def work() -> None:
        seen.append(mlflow.active_run())
        seen.append(mlflow.last_active_run())
        with mlflow.start_run() as run:
            mlflow.log_metric("loss", 2.0)
            seen.append(run)

    with mlflow.start_run() as outer:
        mlflow.log_metric("loss", 1.0)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert mlflow.active_run() is outer
    assert seen[:2] == [None, None]
    inner = seen[2]
    assert inner is not None
    assert "mlflow.parentRunId" not in inner.data.tags
    assert mlflow.get_run(inner.info.run_id).data.metrics == {"loss": 2.0}
    assert mlflow.get_run(outer.info.run_id).data.metrics == {"loss": 1.0}


def test_threads_may_work_below_one_parent(mlflow: ModuleType) -> None:
    with mlflow.start_run() as parent:

        def work(number: int) -> None:
            with mlflow.start_run(parent_run_id=parent.info.run_id, run_name=f"child {number}"):
                mlflow.log_param("number", number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    children = mlflow.search_runs(
        filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", output_format="list"
    )
    assert sorted(run.data.params["number"] for run in children) == ["0", "1", "2", "3"]


def test_a_run_stays_in_the_store_it_was_started_in(
    mlflow: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with mlflow.start_run() as run:
        mlflow.set_tracking_uri(tmp_path_factory.mktemp("other") / "store")
        mlflow.log_param("lr", 0.1)
        mlflow.log_metric("loss", 1.0)
        mlflow.log_metric("loss", 0.5, step=1, run_id=run.info.run_id)
        assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
    assert mlflow.search_runs(output_format="list") == []


def test_a_run_deleted_meanwhile_does_not_stand_in_the_way(mlflow: ModuleType) -> None:
    run = mlflow.start_run()
    mlflow.delete_run(run.info.run_id)
    with pytest.raises(InvalidValueError, match="must be in the 'active' state"):
        mlflow.end_run()
    assert mlflow.active_run() is None
    with mlflow.start_run():
        pass


def test_runs_are_deleted_and_restored(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        pass
    mlflow.delete_run(run.info.run_id)
    assert mlflow.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    assert mlflow.search_runs(output_format="list") == []
    mlflow.restore_run(run.info.run_id)
    assert len(mlflow.search_runs(output_format="list")) == 1


@pytest.mark.parametrize("call", ["get_run", "get_parent_run", "delete_run", "restore_run"])
def test_an_unknown_run_is_an_error(mlflow: ModuleType, call: str) -> None:
    with pytest.raises(NotFoundError, match=r"Run with id=.* not found"):
        getattr(mlflow, call)("0" * 32)
