"""The figures of docs/security.md are those of the program."""

import pytest

from eventtrack import limits
from eventtrack.rest import artifacts, connection
from eventtrack.server import application, threads, visits
from eventtrack.spaces import bucket, space
from eventtrack.sync import bundle, http, ssh
from eventtrack.transfer import yaml_file
from eventtrack.views.filters import regular
from eventtrack.views.filters import trees as filters
from tests.tidy.tree import ROOT

PAGE = (ROOT / "eventtrack" / "docs" / "security.md").read_text(encoding="utf-8")
MIB = 2**20


@pytest.mark.parametrize(
    "said",
    [
        f"silent for {connection.READ_TIMEOUT_S:.0f} s (REST) or {http.READ_TIMEOUT_S:.0f} s",
        f"| {connection.ANSWER_BYTES_MAX // MIB} MiB; {limits.FRAME_BYTES_MAX // MIB} MiB |",
        f"| a segment in a folder or bucket | {space.OBJECT_BYTES_MAX // MIB} MiB |",
        f"| {space.LISTED_MAX:,} objects; {artifacts.LISTED_MAX:,} |",
        f"| {bucket.ANSWER_S / 60:.0f} minutes |",
        f"| {bundle.PARTS_MAX:,} parts |",
        f"| {yaml_file.META_BYTES_MAX // MIB} MiB, without aliases |",
        f"| a request in JSON | {application.BODY_BYTES_MAX // MIB} MiB, also unpacked |",
        f"| a filter | {limits.FILTER_LENGTH_MAX // MIB} MiB, {filters.FILTER_DEPTH_MAX} paren",
        f"{limits.FILTER_COMPARISONS_MAX:,} comparisons, {limits.FILTER_LIST_MAX:,} values",
        f"{limits.FILTER_PATTERN_LENGTH_MAX:,} characters, {limits.FILTER_PATTERN_PERCENTS_MAX} of",
        f"`RLIKE` {regular.WITHIN_S} s for each text",
        f"| {limits.ORDER_FIELDS_MAX} fields |",
    ],
)
def test_a_bound_is_as_it_is_said(said: str) -> None:
    assert said in PAGE


def test_bounds_that_are_said_in_words_hold() -> None:
    assert "within 15 seconds" in " ".join(PAGE.split())
    assert 2 * visits.RECHECK_S < 15
    assert "the server's eight reading threads" in PAGE
    assert threads.READERS == 8
    assert ssh.SILENCE_S == http.READ_TIMEOUT_S
