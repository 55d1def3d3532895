"""Curves are smoothed in the page or, where there are more points than it has, by the server."""

import math
from array import array
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.web.smoothing import KINDS, smoothed
from tests.browser.visit import Visit
from tests.server.running import Running, running

POINTS = 6000
# Calls the page's own function for many curves at once.
SMOOTHED = """async ([curves, app]) => {
    const { smoothed } = await import(new URL("lib/smooth.js", app));
    const read = (values) => Float64Array.from(values, (value) => value ?? NaN);
    const written = (values) => [...values].map((value) => (isNaN(value) ? null : value));
    return curves.map(([x, y, weight, kind]) =>
        written(smoothed(read(x), read(y), weight, kind)));
}"""
VALUES = st.one_of(st.floats(-1e6, 1e6), st.just(math.nan))
CURVE = st.tuples(
    st.lists(VALUES, min_size=1, max_size=200), st.floats(0.01, 0.99), st.sampled_from(KINDS)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with a long, jagged run."""
    with running(tmp_path_factory.mktemp("smoothing") / "store") as found:
        client = MlflowClient(str(found.store))
        run_id = client.create_run("0", run_name="jagged").info.run_id
        sink = client.store.metrics.sink(run_id)
        for step in range(POINTS):
            sink.log("loss", float(step % 2), step)
        client.store.flush()
        yield found


def null(values: Any) -> list[float | None]:
    """Numbers as JSON has them."""
    return [None if math.isnan(value) else value for value in values]


@given(data=st.data())
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_page_and_server_smooth_alike(server: Running, visit: Visit, data: st.DataObject) -> None:
    if server.url not in visit.page.url:
        visit.open(f"{server.url}/#/help")
    app = visit.page.locator("script[type=module]").get_attribute("src")
    curves = data.draw(st.lists(CURVE, min_size=1, max_size=30))
    asked, wanted = [], []
    for values, weight, kind in curves:
        x = array("d", (at * at for at in range(len(values))))
        y = array("d", values)
        asked.append([list(x), null(y), weight, kind])
        wanted.append(null(smoothed(x, y, weight, kind, 1200)[1]))
    found = visit.page.evaluate(SMOOTHED, [asked, f"{server.url}{app}"])
    for ours, theirs in zip(wanted, found, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_long_curve_is_smoothed_from_all_its_points(server: Running, visit: Visit) -> None:
    """Of every second point the drawn ones know the extremes alone: 0 and 1, here."""
    page = visit.page
    visit.open(f"{server.url}/#/experiments/0?smooth=0.99&kind=mean")
    area = page.locator(".chart .area")
    expect(area).to_be_visible()
    visit.settle()
    area.hover(position={"x": 120, "y": 60})
    value = page.locator(".tip .num").first
    assert float(value.inner_text()) == pytest.approx(0.5, abs=0.01)
