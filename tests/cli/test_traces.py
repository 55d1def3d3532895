"""`eventtrack traces`."""

import json
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import open_store
from eventtrack.views.traces.records import Assessment, Span
from tests.cli.harness import CommandLine

FIRST, SECOND = "tr-11" + "0" * 30, "tr-12" + "0" * 30


def span(span_id: str, parent: str | None, name: str, at: int, **fields: Any) -> Span:
    """A span of 40 milliseconds that starts at a millisecond."""
    start = (1_700_000_000_000 + at) * 1_000_000
    made: dict[str, Any] = {"kind": "TOOL", "status": "OK", **fields}
    return Span(
        trace_id=FIRST,
        span_id=span_id,
        parent_id=parent,
        name=name,
        start_time_ns=start,
        end_time_ns=start + 40_000_000,
        body=json.dumps({"name": name}).encode(),
        **made,
    )


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    """The command line on a store with two traces."""
    store = open_store(tmp_path / "store")
    inner = [
        span("2" * 16, "1" * 16, "search", 5, status="ERROR"),
        span("3" * 16, "2" * 16, "x", 6),
    ]
    store.traces.log_spans("0", [span("1" * 16, None, "answer", 0), *inner])
    for trace_id, state in ((FIRST, "OK"), (SECOND, "ERROR")):
        store.traces.record(
            trace_id,
            "0",
            request_time=1_700_000_000_000 + int(trace_id[4]),
            execution_duration=40,
            state=state,
            request_preview="why\x1b?",
            tags={"mlflow.traceName": f"name {state}"},
        )
    judgement = Assessment(
        assessment_id="", trace_id=FIRST, kind="feedback", name="good", value=True, source_id="ada"
    )
    store.traces.assessments.create(judgement)
    return CommandLine(tmp_path / "store")


def test_traces_are_listed_newest_first(run: CommandLine) -> None:
    lines = run("traces", "list").stdout.splitlines()
    assert lines[0].split() == ["trace", "name", "state", "began", "took", "spans", "request"]
    assert [line.split()[0] for line in lines[1:]] == [SECOND, FIRST]
    assert "\x1b" not in "".join(lines)
    assert [one["trace_id"] for one in run("traces", "list", "--json").json] == [SECOND, FIRST]


def test_traces_are_filtered(run: CommandLine) -> None:
    found = run("traces", "list", "span.name = 'search'", "--json").json
    assert [one["trace_id"] for one in found] == [FIRST]
    assert "No such traces" in run("traces", "list", "name = 'other'").stderr
    assert "attribute" in run("traces", "list", "nothing = 'x'", code=2).stderr


def test_a_trace_is_shown_as_a_tree(run: CommandLine) -> None:
    shown = run("traces", "show", "tr-11").stdout
    rows = [line for line in shown.splitlines() if "TOOL" in line]
    assert [row.split()[0] for row in rows] == ["answer", "search", "x"]
    assert rows[2].startswith("    ")
    assert "ada" in shown
    found = run("traces", "show", FIRST, "--json").json
    assert [one["name"] for one in found["spans"]] == ["answer", "search", "x"]
    assert found["assessments"][0]["name"] == "good"


def test_a_trace_is_named_by_what_begins_its_id_alone(run: CommandLine) -> None:
    assert "More than one trace" in run("traces", "show", "tr-1", code=2).stderr
    assert "No trace" in run("traces", "show", "tr-9", code=3).stderr


def test_the_log_says_what_was_recorded_in_a_line(run: CommandLine) -> None:
    lines = run("log").stdout.splitlines()
    assert any("3 spans: answer (18 B), search (18 B), x (13 B)" in line for line in lines)
    assert any("name ERROR ERROR in 40 ms" in line for line in lines)
