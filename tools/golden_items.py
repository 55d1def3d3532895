"""Golden histories of text, histograms and media."""

from typing import Any

import msgspec

from eventtrack.events import items, types
from eventtrack.events.envelope import Draft, encode_groups

RUN = "run/" + "a1" * 16


def itemized() -> list[Draft]:
    """Text, a console, histograms and media of a run."""
    small = items.Histogram([-1.0, 0.0, 1.0], [3.0, 4.0])
    wide = items.Histogram([0.0, 0.5], [2.5])
    image = items.Medium("image/png", 3, bytes(range(32)), None, "a cat")
    cloud = items.Medium("application/octet-stream", 9, bytes(32), "scan.ply")
    return [
        Draft.of(RUN, types.RunStarted("12", "brisk-otter-417", "ada", 7, {}, "RUNNING")),
        Draft.of(
            RUN,
            items.TextLogged("console", ["epoch 1", "", "ä\n"], 0, [10, 10, 12], "stdout"),
            items.TextLogged("console", ["warning"], 0, 11, "stderr"),
            items.TextLogged("samples", ["once upon a time"], -(2**63), 2**63 - 1),
        ),
        Draft.of(RUN, items.HistogramsLogged("weights", [small, wide], [1, 2], 13)),
        Draft.of(RUN, items.MediaLogged("samples", [image, cloud], 3, [14, 15])),
        Draft.of(RUN, items.TextLogged("console", ["late"], 0, 9, "stdout")),
    ]


def even() -> list[Draft]:
    """Histograms of version 2: of even edges, which are two ends, and of all edges."""
    ends: list[Any] = [[-1.0, 1.0], [3, 4, 0, 500]]
    body = msgspec.msgpack.encode(["weights", [ends, [[0, 1, 10], [2.5, 7]]], [1, 2], 13])
    started = types.RunStarted("12", "brisk-otter-417", "ada", 7, {}, "RUNNING")
    groups = encode_groups([("run.histograms_logged", 2, [body])])
    return [Draft.of(RUN, started), Draft(RUN, groups, 1)]


def received() -> list[Draft]:
    """Items that came over a network, with the marks of their calls."""
    line = items.TextLogged("console", ["epoch 1"], 0, 10, "stdout")
    marks = items.CallsReceived([bytes(16), bytes(range(16))])
    started = types.RunStarted("12", "brisk-otter-417", "ada", 7, {}, "RUNNING")
    return [Draft.of(RUN, started), Draft.of(RUN, line, marks)]
