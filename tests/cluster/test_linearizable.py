"""Sixteen clients over three servers hear what one server could have answered."""

import time
from pathlib import Path

import pytest

from eventtrack.sharedlog.making import make_shared_log
from tests.cluster.storm import Storm

SECONDS = 2


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["postgresql", "nats"])
def test_clients_that_race_hear_one_server(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    make_shared_log(url).close()
    storm = Storm(tmp_path, url, seed=1)
    killed: list[str] = []

    def trouble(storm: Storm) -> None:
        time.sleep(SECONDS / 4)
        if not killed:
            killed.append("ben")
            storm.kill("ben")

    storm.run(SECONDS, trouble)
    assert len(storm.history) > 50, storm.summary()
    storm.check()
