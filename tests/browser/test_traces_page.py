"""Traces in the pages: the list with its filters, sessions, and the tree of one trace."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from eventtrack.store import Store
from eventtrack.views.traces.records import Assessment, Span
from tests.browser.visit import Visit
from tests.server.running import Running, running

MS = 1_000_000
T0 = 1_700_000_000_000
HOSTILE = "<img src=x onerror=document.title='broken'>"


def span(trace: str, number: int, parent: int | None, **fields: Any) -> Span:
    """A span of a second that begins `number` seconds after the first."""
    attributes = {key: json.dumps(value) for key, value in fields.pop("attributes", {}).items()}
    start = (T0 + number * 1000) * MS
    made: dict[str, Any] = {
        "name": f"step {number}",
        "kind": "TOOL",
        "status": "OK",
        "start_time_ns": start,
        "end_time_ns": start + 1000 * MS,
        "body": json.dumps(
            {
                "name": f"step {number}",
                "attributes": attributes,
                "events": fields.pop("events", []),
            }
        ).encode(),
        **fields,
    }
    parent_id = None if parent is None else f"{parent:016x}"
    return Span(trace_id=trace, span_id=f"{number:016x}", parent_id=parent_id, **made)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store of 53 traces, of which the first fails in its third span."""
    path: Path = tmp_path_factory.mktemp("traces") / "store"
    with closing(Store(path)) as store:
        raised = {"exception.type": "ValueError", "exception.message": HOSTILE}
        store.traces.log_spans(
            "0",
            [
                span("tr-bad", 0, None, about_trace={"session": "s-1", "request_preview": "why?"}),
                span("tr-bad", 1, 0, attributes={"mlflow.spanInputs": {"q": HOSTILE}}),
                span(
                    "tr-bad",
                    2,
                    1,
                    status="ERROR",
                    events=[{"name": "exception", "attributes": raised}],
                ),
            ],
        )
        store.traces.record("tr-bad", "0", request_time=T0, execution_duration=7, state="ERROR")
        store.traces.assessments.create(
            Assessment(assessment_id="", trace_id="tr-bad", kind="feedback", name="fair", value=3)
        )
        for number in range(52):
            trace = f"tr-{number}"
            store.traces.log_spans("0", [span(trace, 10 + number, None)])
    with running(path) as served:
        yield served


def test_traces_are_listed_by_page_filter_and_session(server: Running, visit: Visit) -> None:
    page = visit.page
    visit.open(f"{server.url}/#/traces")
    rows = page.get_by_role("region", name="Traces").locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Errors").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("fair: 3")
    page.set_viewport_size({"width": 390, "height": 844})
    # On a phone a row is a paragraph: all of it is in sight, and it is not tall.
    expect(rows.get_by_text("fair: 3")).to_be_in_viewport(ratio=1)
    box = rows.bounding_box()
    assert box is not None
    assert box["height"] < 100
    page.set_viewport_size({"width": 1600, "height": 1000})
    field = page.get_by_role("combobox", name="Words, or a filter")
    field.fill("step 12")
    field.press("Enter")
    expect(rows).to_have_count(1)
    visit.expected.append("400 GET /api/eventtrack/1/traces")
    field.fill("trace.nonsense = 1")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("nonsense")
    page.get_by_role("link", name="Sessions").click()
    page.get_by_role("link", name="s-1").click()
    expect(rows).to_have_count(1)
    rows.get_by_role("link", name="why?").click()
    expect(page).to_have_url(re.compile("#/traces/tr-bad"))


def test_a_trace_is_a_tree_over_time_that_arrows_walk(server: Running, visit: Visit) -> None:
    page = visit.page
    visit.open(f"{server.url}/#/traces/tr-bad")
    spans = page.get_by_role("treeitem")
    expect(spans).to_have_count(3)
    spans.nth(0).focus()
    page.keyboard.press("ArrowDown")
    body = page.get_by_role("region", name="The chosen span")
    expect(body).to_contain_text(HOSTILE)
    page.keyboard.press("ArrowDown")
    expect(body).to_contain_text(f"ValueError: {HOSTILE}")
    bars = page.locator(".spans .track i")
    lefts = [bars.nth(at).evaluate("bar => bar.getBoundingClientRect().left") for at in range(3)]
    assert lefts == sorted(set(lefts))
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(spans).to_have_count(2)
    assert "broken" not in page.title()
    expect(page.get_by_role("cell", name="fair feedback")).to_be_visible()
