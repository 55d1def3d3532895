"""Text, histograms and media over the steps of the active run.

Arguments are those of `EventtrackClient`'s calls of the same names (`client/items.py`). Each call
starts a run if none is active; `run_id` names another run.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from eventtrack.fluent.media import File
from eventtrack.fluent.runs import target


def log_text_line(
    line: str,
    key: str = "log",
    step: int | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
) -> None:
    """Log one line of a text series; `log_text` logs a file.

    When the call returns, the line survives the death of this process.
    """
    client, target_id = target(run_id)
    client.store.items.sink(target_id).text(key, line, step, timestamp)


def log_histogram(
    key: str,
    values: Iterable[float] | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    *,
    edges: Sequence[float] | None = None,
    counts: Sequence[float] | None = None,
) -> None:
    """Log a histogram of values, or one that is counted already."""
    client, target_id = target(run_id)
    client.log_histogram(target_id, key, values, step, timestamp, edges=edges, counts=counts)


def log_media(
    key: str,
    file: File,
    step: int | None = None,
    caption: str | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    *,
    media_type: str | None = None,
) -> None:
    """Log any file as a step of a series: a video, a point cloud, a molecule."""
    client, target_id = target(run_id)
    client.log_media(target_id, key, file, step, caption, timestamp, media_type=media_type)


def log_audio(
    key: str,
    audio: Any,
    step: int | None = None,
    caption: str | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    *,
    sample_rate: int | None = None,
) -> None:
    """Log a sound: a path, bytes of a WAV file, or samples between -1 and 1 with their rate."""
    client, target_id = target(run_id)
    client.log_audio(target_id, key, audio, step, caption, timestamp, sample_rate=sample_rate)


def log_video(
    key: str,
    video: File,
    step: int | None = None,
    caption: str | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    *,
    media_type: str = "video/mp4",
) -> None:
    """Log a video: a path, or bytes of the given media type."""
    client, target_id = target(run_id)
    client.log_video(target_id, key, video, step, caption, timestamp, media_type=media_type)


def log_html(
    key: str,
    html: str | os.PathLike[str],
    step: int | None = None,
    caption: str | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
) -> None:
    """Log a page: its HTML as a text, or a path object."""
    client, target_id = target(run_id)
    client.log_html(target_id, key, html, step, caption, timestamp)
