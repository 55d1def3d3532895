"""Parquet files of runs for the pages: their first rows, and refusals that help."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.client import MlflowClient
from tests.server.running import Running, running

pyarrow = pytest.importorskip("pyarrow")
ROWS = "/api/eventtrack/1/rows"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server of an empty store."""
    with running(tmp_path / "store") as served:
        yield served


def test_the_first_rows_of_a_file_or_a_medium_are_read(server: Running, tmp_path: Path) -> None:
    from pyarrow import parquet

    client = MlflowClient(str(server.store))
    run_id, other_id = (client.create_run("0").info.run_id for _ in range(2))
    file = tmp_path / "table.parquet"
    table = pyarrow.table({"n": range(20_000), "f": [float("nan")] * 20_000, "t": ["x"] * 20_000})
    parquet.write_table(table, file, row_group_size=6000)
    client.log_artifact(run_id, str(file))
    client.log_media(run_id, "table", file)
    [medium] = client.get_series(run_id, "table")
    for asked in ({"path": "table.parquet"}, {"sha256": medium.sha256}):
        answer = server.client.get(ROWS, params={"run_id": run_id, **asked}).json()
        assert (answer["columns"], answer["total"]) == (["n", "f", "t"], 20_000)
        assert (len(answer["rows"]), answer["rows"][9999]) == (10_000, [9999, "NaN", "x"])
    foreign = {"run_id": other_id, "sha256": medium.sha256}
    assert server.client.get(ROWS, params=foreign).status_code == 404
    (tmp_path / "broken.parquet").write_bytes(file.read_bytes()[:-200] + b"PAR1" * 50)
    client.log_artifact(run_id, str(tmp_path / "broken.parquet"))
    refused = server.client.get(ROWS, params={"run_id": run_id, "path": "broken.parquet"})
    assert (refused.status_code, "no Parquet" in refused.json()["message"]) == (400, True)
    for sha256 in ("", "zz", "../x"):
        status = server.client.get(ROWS, params={"run_id": run_id, "sha256": sha256}).status_code
        assert status == 404
