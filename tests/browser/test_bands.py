"""Groups of many runs are read some runs at a time, and the page merges what they come to."""

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.entities import Metric, Param
from tests.browser.visit import Visit
from tests.server.running import Running, running

# More than one request of the page reads.
RUNS = 1300
# Reads a group in three parts and at once; gives the rows of both.
BOTH = """async ([app, ids]) => {
    const { bands } = await import(new URL("lib/api.js", app));
    const { merged } = await import(new URL("lib/bands.js", app));
    const asked = { keys: ["loss"], x: "step", buckets: 400, quantiles: true };
    const read = async (some) => (await bands({ ...asked, groups: [some] })).bands[0];
    const whole = await read(ids);
    let parts = null;
    for (const some of [ids.slice(0, 100), ids.slice(100, 600), ids.slice(600)])
        parts = merged(parts, await read(some));
    return [whole, parts].map(({ runs, rows }) => [runs, rows.map((row) => [...row])]);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with many short runs of one group."""
    with running(tmp_path_factory.mktemp("bands") / "store") as found:
        client = MlflowClient(str(found.store))
        drawn = random.Random(7)
        with client.store.batch():
            for place in range(RUNS):
                run = client.store.runs.create("0", start_time=1000 + place)
                loss = [Metric("loss", drawn.gauss(place % 2, 1), 1000, step) for step in (0, 1)]
                client.store.runs.log_batch(run.info.run_id, loss, [Param("kind", "a")])
        client.store.flush()
        yield found


def test_parts_of_a_group_are_merged_into_the_whole(server: Running, visit: Visit) -> None:
    visit.open(f"{server.url}/#/help")
    ids = [run.info.run_id for run in MlflowClient(str(server.store)).search_runs(["0"])][:1000]
    app = visit.page.locator("script[type=module]").get_attribute("src")
    whole, parts = visit.page.evaluate(BOTH, [f"{server.url}{app}", ids])
    assert whole[0] == parts[0] == 1000
    for one, other in zip(whole[1][:5], parts[1][:5], strict=True):
        assert one == pytest.approx(other)
    # Quantiles are about the same: in values that have a deviation of 1.1.
    for one, other in zip(whole[1][5:], parts[1][5:], strict=True):
        assert one == pytest.approx(other, abs=0.1)


def test_a_curve_of_a_group_is_of_all_its_runs(server: Running, visit: Visit) -> None:
    """It was of the first 1,000."""
    visit.open(f"{server.url}/#/experiments/0?group=params.kind")
    curve = visit.page.get_by_role("img", name=f"loss of a ({RUNS})")
    expect(curve).to_be_visible()
    expect(visit.page.get_by_text("Curves are")).to_have_count(0)


def test_quartiles_of_merged_parts_are_called_approximate(server: Running, visit: Visit) -> None:
    visit.open(f"{server.url}/#/experiments/0?group=params.kind&spread=quartiles")
    expect(visit.page.get_by_text("≈ quartiles")).to_be_visible()
    visit.open(f"{server.url}/#/experiments/0?group=params.kind&spread=std")
    expect(visit.page.get_by_role("img", name=f"loss of a ({RUNS})")).to_be_visible()
    expect(visit.page.get_by_text("≈ quartiles")).to_have_count(0)
