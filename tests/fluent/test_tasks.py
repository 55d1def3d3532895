"""Every task of asyncio and every thread has its own stack of runs; none ends another's."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import pytest

from tests.fluent.conftest import Script


def status(mlflow: ModuleType, run_id: str) -> str:
    return str(mlflow.get_run(run_id).info.status)


def test_tasks_that_overlap_log_to_their_own_runs(mlflow: ModuleType) -> None:
    meeting = asyncio.Barrier(5)

    async def work(number: int) -> str:
        with mlflow.start_run(run_name=f"task {number}") as run:
            await meeting.wait()
            mlflow.log_param("number", number)
            mlflow.log_metric("loss", number)
            await meeting.wait()
            assert mlflow.active_run() is run
        return str(run.info.run_id)

    async def main() -> list[str]:
        return list(await asyncio.gather(*map(work, range(5))))

    for number, run_id in enumerate(asyncio.run(main())):
        run = mlflow.get_run(run_id)
        assert (run.info.run_name, run.info.status) == (f"task {number}", "FINISHED")
        assert run.data.params == {"number": str(number)}
        assert run.data.metrics == {"loss": number}


def test_a_task_logs_to_the_run_that_it_was_created_in(mlflow: ModuleType) -> None:
    async def log(number: int) -> None:
        await asyncio.sleep(0)
        mlflow.log_metric("loss", number, step=number)
        mlflow.log_param(f"param {number}", number)

    async def main() -> str:
        with mlflow.start_run() as run:
            await asyncio.gather(*map(log, range(3)))
        return str(run.info.run_id)

    run_id = asyncio.run(main())
    client = mlflow.MlflowClient()
    assert [one.step for one in client.get_metric_history(run_id, "loss")] == [0, 1, 2]
    assert len(mlflow.get_run(run_id).data.params) == 3
    assert len(mlflow.search_runs(output_format="list")) == 1


def test_a_nested_run_of_a_task_is_below_the_run_that_it_was_created_in(
    mlflow: ModuleType,
) -> None:
    async def work(number: int) -> str:
        with mlflow.start_run(nested=True) as below:
            await asyncio.sleep(0)
            with mlflow.start_run(nested=True) as deeper:
                await asyncio.sleep(0)
                assert deeper.data.tags["mlflow.parentRunId"] == below.info.run_id
            assert mlflow.active_run() is below
        return str(below.data.tags["mlflow.parentRunId"])

    async def main() -> None:
        with mlflow.start_run() as parent:
            assert set(await asyncio.gather(*map(work, range(3)))) == {parent.info.run_id}
            assert mlflow.active_run() is parent

    asyncio.run(main())


def test_a_task_does_not_end_the_run_that_it_was_created_in(
    mlflow: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    async def end() -> None:
        mlflow.end_run()

    async def end_one_more() -> None:
        mlflow.start_run()
        mlflow.end_run()
        mlflow.end_run("FAILED")

    async def main() -> str:
        with mlflow.start_run() as run:
            await asyncio.gather(end(), end_one_more(), asyncio.to_thread(mlflow.end_run))
            assert status(mlflow, run.info.run_id) == "RUNNING"
            mlflow.log_param("after", 1)
        return str(run.info.run_id)

    run = mlflow.get_run(asyncio.run(main()))
    assert (run.info.status, run.data.params) == ("FINISHED", {"after": "1"})
    assert f"run {run.info.run_id} goes on" in caplog.text


def test_a_task_sees_no_run_any_more_once_it_has_ended(mlflow: ModuleType) -> None:
    ended = asyncio.Event()

    async def look() -> object:
        await ended.wait()
        return mlflow.active_run()

    async def main() -> object:
        with mlflow.start_run():
            looking = asyncio.create_task(look())
            await asyncio.sleep(0)
        ended.set()
        return await looking

    assert asyncio.run(main()) is None


def test_what_is_started_in_a_task_is_not_seen_outside(mlflow: ModuleType) -> None:
    async def begin() -> None:
        mlflow.start_run()

    async def main() -> None:
        await asyncio.create_task(begin())
        assert mlflow.active_run() is None

    asyncio.run(main())
    assert mlflow.active_run() is None
    assert mlflow.last_active_run() is None


def test_the_run_that_a_task_ended_is_the_last_of_its_thread(mlflow: ModuleType) -> None:
    async def main() -> str:
        with mlflow.start_run() as run:
            return str(run.info.run_id)

    run_id = asyncio.run(main())
    assert mlflow.last_active_run().info.run_id == run_id


def test_an_exception_in_a_task_fails_its_run_alone(mlflow: ModuleType) -> None:
    async def work(number: int) -> None:
        with mlflow.start_run(run_name=str(number)):
            await asyncio.sleep(0)
            assert number != 1

    async def main() -> None:
        await asyncio.gather(*map(work, range(3)), return_exceptions=True)

    asyncio.run(main())
    found = {run.info.run_name: run.info.status for run in mlflow.search_runs(output_format="list")}
    assert found == {"0": "FINISHED", "1": "FAILED", "2": "FINISHED"}


def test_a_cancelled_task_fails_its_run(mlflow: ModuleType) -> None:
    async def wait() -> None:
        with mlflow.start_run():
            await asyncio.Event().wait()

    async def main() -> None:
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    assert [run.info.status for run in mlflow.search_runs(output_format="list")] == ["FAILED"]


def test_a_thread_for_a_task_has_the_tasks_run(mlflow: ModuleType) -> None:
    def train() -> str:
        mlflow.log_param("below", False)
        with mlflow.start_run() as own:
            mlflow.log_param("below", True)
        return str(own.info.run_id)

    async def main() -> tuple[str, str]:
        with mlflow.start_run() as run:
            own = await asyncio.to_thread(train)
            assert mlflow.active_run() is run
        return run.info.run_id, own

    shared, own = map(mlflow.get_run, asyncio.run(main()))
    assert (shared.data.params, own.data.params) == ({"below": "False"}, {"below": "True"})
    assert (shared.info.status, own.info.status) == ("FINISHED", "FINISHED")


def test_a_thread_of_an_executor_sees_its_own_runs_alone(mlflow: ModuleType) -> None:
    meeting = threading.Barrier(3)

    def work(number: int) -> str:
        assert mlflow.active_run() is None
        with mlflow.start_run() as run:
            meeting.wait(10)
            mlflow.log_param("number", number)
            meeting.wait(10)
        return str(run.info.run_id)

    with mlflow.start_run() as above, ThreadPoolExecutor(3) as executor:
        below = list(executor.map(work, range(3)))
        assert mlflow.active_run() is above
    assert [mlflow.get_run(run_id).data.params["number"] for run_id in below] == list("012")
    assert {status(mlflow, run_id) for run_id in below} == {"FINISHED"}


def test_a_copied_context_takes_its_run_to_a_thread(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run, ThreadPoolExecutor(1) as executor:
        executor.submit(contextvars.copy_context().run, mlflow.log_param, "lr", 1).result()
        executor.submit(contextvars.copy_context().run, mlflow.end_run).result()
        assert status(mlflow, run.info.run_id) == "RUNNING"
    assert mlflow.get_run(run.info.run_id).data.params == {"lr": "1"}


def test_a_run_of_an_async_generator_ends_also_where_another_task_closes_it(
    mlflow: ModuleType,
) -> None:
    async def epochs() -> AsyncGenerator[str, None]:
        with mlflow.start_run() as run:
            while True:
                yield str(run.info.run_id)

    async def main() -> tuple[str, str]:
        async def break_off() -> str:
            async for run_id in epochs():
                return run_id
            raise AssertionError

        broken_off = await asyncio.create_task(break_off())
        other = epochs()
        closed = await anext(other)
        await asyncio.create_task(other.aclose())
        return broken_off, closed

    for run_id in asyncio.run(main()):
        assert status(mlflow, run_id) == "FAILED"


def test_a_run_ends_in_another_context_than_it_began_in(mlflow: ModuleType) -> None:
    open_run = contextlib.ExitStack()
    run = contextvars.copy_context().run(lambda: open_run.enter_context(mlflow.start_run()))
    assert mlflow.active_run() is None
    open_run.close()
    assert status(mlflow, run.info.run_id) == "FINISHED"


def test_generators_that_take_turns_end_their_own_runs(mlflow: ModuleType) -> None:
    def train(name: str) -> Generator[str, None, None]:
        with mlflow.start_run(run_name=name, nested=True) as run:
            yield run.info.run_id
            yield run.info.run_id

    first, second = train("first"), train("second")
    run_ids = [next(first), next(second)]
    second.close()
    assert [status(mlflow, run_id) for run_id in run_ids] == ["RUNNING", "FAILED"]
    first.close()
    assert mlflow.active_run() is None


def test_runs_that_tasks_leave_open_are_ended_with_the_program(
    script: Script, mlflow: ModuleType
) -> None:
    done = script("""
        import asyncio
        import eventtrack as mlflow

        async def work(number):
            mlflow.start_run(run_name=str(number))
            mlflow.log_metric("loss", number)

        async def main():
            await asyncio.gather(*map(work, range(3)))

        asyncio.run(main())
    """)
    assert done.returncode == 0, done.stderr
    found = mlflow.search_runs(output_format="list")
    assert sorted((run.info.run_name, run.info.status) for run in found) == [
        (str(number), "FINISHED") for number in range(3)
    ]


def test_the_run_of_a_program_goes_on_in_the_tasks_of_its_loop(mlflow: ModuleType) -> None:
    async def main() -> None:
        mlflow.log_param("lr", 0.1)

    with mlflow.start_run() as run:
        asyncio.run(main())
    assert mlflow.get_run(run.info.run_id).data.params == {"lr": "0.1"}
