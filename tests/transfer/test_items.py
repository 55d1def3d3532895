"""Histograms and media of other trackers: what they become, and what is left out."""

import struct
from pathlib import Path
from typing import Any

import pytest

from eventtrack.events.items import Histogram, Text
from eventtrack.store.intake import IncomingItems, IncomingMedium
from eventtrack.transfer import summaries
from eventtrack.transfer.items import LoggedItems
from tests.transfer.made import field


@pytest.fixture
def items() -> LoggedItems:
    return LoggedItems()


def only(items: LoggedItems) -> IncomingItems:
    [series] = items.series()
    return series


def media(items: LoggedItems) -> list[tuple[str, str | None, bytes]]:
    """Type, caption and bytes of each medium."""
    found = []
    for series in items.series():
        for value in series.values:
            assert isinstance(value, IncomingMedium)
            assert isinstance(value.content, Path)
            found.append((value.media_type, value.caption, value.content.read_bytes()))
    return found


@pytest.mark.parametrize(
    "value",
    [
        {"_type": "histogram", "bins": [0, 1, 2], "values": [3, 4]},
        {
            "_type": "histogram",
            "packedBins": {"min": 0, "size": 1, "count": 2},
            "values": [3, 4],
        },
        {"_type": "trackio.histogram", "bins": [0.0, 1.0, 2.0], "values": [3.0, 4.0]},
    ],
    ids=["wandb", "packed", "trackio"],
)
def test_histograms_of_wandb_and_trackio(
    items: LoggedItems, tmp_path: Path, value: dict[str, Any]
) -> None:
    assert items.logged("h", 2, 7, value, tmp_path)
    series = only(items)
    assert (series.key, series.steps, series.timestamps) == ("h", [2], [7])
    assert series.values == [Histogram([0.0, 1.0, 2.0], [3.0, 4.0])]


@pytest.mark.parametrize(
    "value",
    [
        {"_type": "histogram", "bins": [0, 1], "values": [3, 4]},
        {"_type": "histogram", "bins": [0, "x", 2], "values": [3, 4]},
        {"_type": "histogram", "packedBins": {"min": 0, "size": 1, "count": 2e9}, "values": []},
        {"_type": "image-file", "path": "absent.png"},
        {"_type": "image-file", "path": "../secret.png"},
        {"_type": "image-file", "path": "/etc/hostname"},
        {"_type": "images/separated", "filenames": ["a.png", "../secret.png"]},
        {"_type": "table-file"},
        {"_type": "odd", "path": "a\0.png"},
    ],
    ids=str,
)
def test_what_makes_no_sense_or_leads_outside_is_left_out(
    items: LoggedItems, tmp_path: Path, value: dict[str, Any]
) -> None:
    (tmp_path / "secret.png").write_text("x")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.png").write_text("a")
    assert not items.logged("m", 0, 0, value, folder)
    assert list(items.series()) == []


def test_files_of_media_come_with_their_captions(items: LoggedItems, tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.wav", "d.html"):
        (tmp_path / name).write_text(name)
    values: list[dict[str, Any]] = [
        {"_type": "image-file", "path": "a.png", "caption": "first"},
        {"_type": "images/separated", "filenames": ["a.png", "b.png"], "captions": ["x", "y"]},
        {"_type": "audio", "audio": [{"_type": "audio-file", "path": "c.wav", "caption": "z"}]},
        {"_type": "html-file", "path": "d.html"},
        {"_type": "trackio.image", "file_path": "b.png", "caption": None},
    ]
    assert all(items.logged("m", 0, 0, value, tmp_path) for value in values)
    assert media(items) == [
        ("image/png", "first", b"a.png"),
        ("image/png", "x", b"a.png"),
        ("image/png", "y", b"b.png"),
        ("audio/x-wav", "z", b"c.wav"),
        ("text/html", None, b"d.html"),
        ("image/png", None, b"b.png"),
    ]


def test_images_and_sounds_of_tensorboard(items: LoggedItems) -> None:
    image, sound = b"\x89PNG image", b"RIFF sound"
    tensor = b"".join(field(8, part) for part in (b"1", b"1", image, image))
    old = {4: field(4, image)}
    assert summaries.take(items, "i", "", old, 1, 2)
    assert summaries.take(items, "i", "images", {8: tensor}, 1, 2)
    assert summaries.take(items, "a", "", {6: field(4, sound) + field(5, b"audio/wav")}, 1, 2)
    assert summaries.take(items, "a", "audio", {8: field(8, sound) + field(8, b"label")}, 1, 2)
    assert media(items) == [("image/png", None, image)] * 3 + [("audio/wav", None, sound)] * 2
    assert not summaries.take(items, "i", "images", {8: b""}, 1, 2)


def test_histograms_of_tensorboard_end_at_the_greatest_value(items: LoggedItems) -> None:
    limits, counts = struct.pack("<3d", 0, 1, 1.7e308), struct.pack("<3d", 0, 5, 6)
    message = b"\x09" + struct.pack("<d", -0.5) + b"\x11" + struct.pack("<d", 2)
    assert summaries.take(items, "h", "", {5: message + field(6, limits) + field(7, counts)}, 1, 2)
    assert only(items).values == [Histogram([-0.5, 0.0, 1.0, 2.0], [0.0, 5.0, 6.0])]


def test_a_restart_makes_later_items_void(items: LoggedItems) -> None:
    for step in range(4):
        items.text("log", step, step, str(step))
    assert items.drop_from(2) == 2
    assert only(items).values == [Text("0"), Text("1")]
