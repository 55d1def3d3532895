"""A run as a piece of HTML: its state, its curves, its params. No script, no server, no file."""

from html import escape
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

from eventtrack.fluent.client import EventtrackClient
from eventtrack.views.records import Run

# Curves and params of one card; the pages show all.
CURVES_MAX = 12
PARAMS_MAX = 40
# Points of one curve, about one for each pixel.
POINTS_MAX = 300
_WIDTH, _HEIGHT = 260, 120

_STYLE = (
    "font: 13px system-ui, sans-serif; display: flex; flex-wrap: wrap; gap: 12px; margin: 8px 0"
)


class Curve(NamedTuple):
    """The points of one metric that are drawn, and its newest value."""

    key: str
    points: list[tuple[int, float]]
    last: float


def card(client: EventtrackClient, run_id: str) -> str:
    """The HTML of a run as it is now.

    Raises:
        NotFoundError: There is no such run.
    """
    run = client.get_run(run_id)
    keys = sorted(run.data.metrics)
    shown = [_curve(client, run, key) for key in keys[:CURVES_MAX]]
    more = f"<p>and {len(keys) - CURVES_MAX} more metrics</p>" if len(keys) > CURVES_MAX else ""
    curves = "".join(f"<figure style='margin: 0'>{_drawn(curve)}</figure>" for curve in shown)
    return f"<div>{_head(run)}<div style='{_STYLE}'>{curves}</div>{more}{_params(run)}</div>"


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most about `POINTS_MAX` points, with the lowest and the highest of each stretch."""
    if len(points) <= POINTS_MAX:
        return points
    size = -(-len(points) // (POINTS_MAX // 2))
    kept = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        ends = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def _curve(client: EventtrackClient, run: Run, key: str) -> Curve:
    history = client.store.metrics.arrays(run.info.run_id, key)
    points = sorted(zip(history.steps, history.values, strict=True))
    finite = [point for point in points if isfinite(point[1])]
    return Curve(key, thinned(finite), run.data.metrics[key])


def _head(run: Run) -> str:
    info = run.info
    name = escape(info.run_name or info.run_id)
    return f"<p><b>{name}</b> · {escape(info.status)} · <code>{escape(info.run_id)}</code></p>"


def _drawn(curve: Curve) -> str:
    """One curve as SVG; a single point is a dot."""
    title = f"{escape(curve.key)}: {curve.last:.6g}"
    caption = f"<figcaption>{title}</figcaption>"
    if not curve.points:
        return caption
    steps = [step for step, _ in curve.points]
    values = [value for _, value in curve.points]
    left, right, low, high = min(steps), max(steps), min(values), max(values)
    across, up = (right - left) or 1, (high - low) or 1
    places = [
        (
            4 + (step - left) / across * (_WIDTH - 8),
            _HEIGHT - 4 - (value / up - low / up) * (_HEIGHT - 8),
        )
        for step, value in curve.points
    ]
    lines = "".join(
        f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" for (x, y), (to_x, to_y) in pairwise(places)
    )
    x, y = places[-1]
    return (
        f"{caption}<svg width='{_WIDTH}' height='{_HEIGHT}' role='img' aria-label='{title}'>"
        f"<path d='{lines}' fill='none' stroke='#2f6fde' stroke-width='1.5'/>"
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.5' fill='#2f6fde'/>"
        f"</svg><div style='opacity: .7'>{low:.4g} to {high:.4g}, step {left} to {right}</div>"
    )


def _params(run: Run) -> str:
    params = sorted(run.data.params.items())
    if not params:
        return ""
    rows = "".join(
        f"<tr><th style='text-align: left'>{escape(key)}</th>"
        f"<td style='text-align: left'>{escape(value)}</td></tr>"
        for key, value in params[:PARAMS_MAX]
    )
    return f"<details><summary>{len(params)} params</summary><table>{rows}</table></details>"
