"""An environment that is closed, before or beside what others ask it."""

import threading
from pathlib import Path

import pytest

from eventtrack.errors import StoreClosedError
from eventtrack.log.environment import Environment

TABLES = ("one",)


def test_a_question_beside_a_close_is_answered_or_refused(tmp_path: Path) -> None:
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        environment = Environment(folder, TABLES)
        problems: list[Exception] = []
        started = threading.Event()

        def ask(
            environment: Environment = environment,
            problems: list[Exception] = problems,
            started: threading.Event = started,
        ) -> None:
            try:
                while True:
                    environment.info()
                    environment.oldest_reader()
                    started.set()
            except Exception as error:
                problems.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        started.wait()
        environment.close()
        thread.join()
        assert [type(problem) for problem in problems] == [StoreClosedError]


@pytest.mark.parametrize("act", ["info", "oldest_reader", "sync", "grow", "renew"])
def test_a_closed_environment_refuses_each_act(tmp_path: Path, act: str) -> None:
    environment = Environment(tmp_path, TABLES)
    environment.close()
    with pytest.raises(StoreClosedError):
        getattr(environment, act)()
