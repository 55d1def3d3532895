"""Cards of runs: HTML without a script, right for any run."""

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import eventtrack
from eventtrack.errors import NotFoundError
from eventtrack.notebook import cards


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> None:
    """A new store."""
    eventtrack.set_tracking_uri(tmp_path / "store")


def shown(run_id: str | None = None) -> ET.Element:
    """The card of a run, which is well-formed XML too."""
    card = eventtrack.display(run_id)
    assert card is not None
    return ET.fromstring(card._repr_html_())


def text_of(card: ET.Element) -> str:
    """All the words of a card."""
    return " ".join("".join(card.itertext()).split())


def test_a_card_has_state_curves_and_params() -> None:
    with eventtrack.start_run(run_name="small") as run:
        eventtrack.log_params({"lr": 0.5, "width": 3})
        for step in range(5):
            eventtrack.log_metrics({"loss": 1 / (step + 1), "acc": step}, step=step)
        assert "RUNNING" in text_of(shown(run.info.run_id))
    card = shown()
    for words in ("small · FINISHED", "loss: 0.2", "acc: 4", "2 params", "lr", "width"):
        assert words in text_of(card)
    drawn = {each.attrib["aria-label"]: each for each in card.iter("svg")}
    path = drawn["loss: 0.2"].find("path")
    assert path is not None
    assert path.attrib["d"].count("L") == 4
    assert not list(card.iter("script"))


def test_names_of_people_are_no_html() -> None:
    with eventtrack.start_run(run_name="<script>alert(1)</script>"):
        eventtrack.log_param("p", "<b>'\"&")
    card = shown()
    assert not list(card.iter("script"))
    assert "<script>alert(1)</script>" in text_of(card)


def test_a_run_of_odd_numbers_or_of_none_has_a_card() -> None:
    with eventtrack.start_run():
        eventtrack.log_metric("nan", math.nan)
        eventtrack.log_metric("one", 1.0)
        for value in (math.inf, 1e308, -1e308, 0.0):
            eventtrack.log_metric("wide", value)
    labels = [each.attrib["aria-label"] for each in shown().iter("svg")]
    assert labels == ["one: 1", "wide: inf"]
    with eventtrack.start_run():
        pass
    assert not list(shown().iter("svg"))


def test_many_points_and_metrics_are_bounded_and_keep_their_extremes() -> None:
    points = [(step, float(step % 7)) for step in range(10_000)]
    points[5_000] = (5_000, 99.0)
    kept = cards.thinned(points)
    assert len(kept) <= cards.POINTS_MAX
    assert (5_000, 99.0) in kept
    assert kept == sorted(kept)
    with eventtrack.start_run():
        eventtrack.log_metrics({f"m{number}": 1.0 for number in range(20)})
    card = shown()
    assert len(list(card.iter("svg"))) == cards.CURVES_MAX
    assert "and 8 more metrics" in text_of(card)


def test_a_run_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotFoundError, match="no run to show"):
        eventtrack.display()
    with pytest.raises(NotFoundError):
        eventtrack.display("0" * 32)
