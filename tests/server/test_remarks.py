"""A search that had to look at every run says so to clients of MLflow's API, in a header."""

from pathlib import Path
from urllib.parse import unquote

from eventtrack.store import open_store
from tests.server.running import API, running

HEADER = "eventtrack-remark"
# The server takes six runs for many.
FEW = (
    "from eventtrack.views.search import runs; "
    "runs.SET_ROWS_MAX, runs.TRIED_MAX, runs.TRIED_AT_ONCE = 3, 2, 1"
)


def test_a_slow_filter_is_named_in_a_header(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for place in range(6):
        run = store.runs.create("0", run_name=f"sweep-{place}")
        store.runs.log_params(run.info.run_id, {"größe": f"{place}"})
    store.close()
    with running(tmp_path, first=FEW) as server:

        def remark(filter_string: str) -> str:
            body = {"experiment_ids": ["0"], "filter": filter_string}
            found = server.client.post(f"{API}runs/search", json=body)
            assert len(found.json()["runs"]) == 1
            return unquote(found.headers.get(HEADER, ""))

        assert remark("params.`größe` LIKE '%4'").startswith("The filter looked at größe of every")
        assert remark("run_name LIKE 'sweep-4%'") == ""
