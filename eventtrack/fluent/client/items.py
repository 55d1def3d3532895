"""The client's calls about text, histograms and media over the steps of a run."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from eventtrack.errors import InvalidValueError
from eventtrack.fluent.client.base import StoreCalls
from eventtrack.lazy import lazy

if TYPE_CHECKING:
    from eventtrack.fluent import media
else:
    media = lazy("eventtrack.fluent.media")


class ItemCalls(StoreCalls):
    """Logs and reads series that hold no numbers.

    Every `key` follows the rules for metrics. A `step` is any integer of 64 bits, None means 0. A
    `timestamp` is in milliseconds since 1970, None means now. A `caption` is a text for people.
    """

    def log_text_line(
        self,
        run_id: str,
        line: str,
        key: str = "log",
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one line of text, of at most a mebibyte.

        For many lines at once use `client.store.items.sink`.
        """
        self.store.items.sink(run_id).text(key, line, step, timestamp)

    def log_histogram(
        self,
        run_id: str,
        key: str,
        values: Iterable[float] | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        *,
        edges: Sequence[float] | None = None,
        counts: Sequence[float] | None = None,
    ) -> None:
        """Log a histogram of values, or one that is counted already.

        Args:
            run_id: The run, which must be active.
            key: The name of the series.
            values: Numbers, an array or a tensor; those that are not finite are left out.
            step: The step.
            timestamp: The time.
            edges: Ascending edges instead of values, one more than counts.
            counts: How many values lie between an edge and the next.
        """
        if values is not None and edges is None and counts is None:
            edges, counts = media.counted(values)
        if edges is None or counts is None:
            raise InvalidValueError(
                "a histogram needs values, or else edges and counts",
                hint="pass values=..., or edges=... and counts=...",
            )
        self.store.items.sink(run_id).histogram(key, edges, counts, step, timestamp)

    def log_media(
        self,
        run_id: str,
        key: str,
        file: "media.File",
        step: int | None = None,
        caption: str | None = None,
        timestamp: int | None = None,
        *,
        media_type: str | None = None,
    ) -> None:
        """Log any file as a step of a series: a video, a point cloud, a molecule.

        Args:
            run_id: The run, which must be active.
            key: The name of the series.
            file: A path, or bytes together with their media type.
            step: The step.
            caption: A text for people.
            timestamp: The time.
            media_type: For example `video/mp4`; by default the file's name tells it.
        """
        self._log(run_id, key, media.medium(file, media_type), step, caption, timestamp)

    def log_audio(
        self,
        run_id: str,
        key: str,
        audio: Any,
        step: int | None = None,
        caption: str | None = None,
        timestamp: int | None = None,
        *,
        sample_rate: int | None = None,
    ) -> None:
        """Log a sound: a path, bytes of a WAV file, or samples between -1 and 1 with their rate."""
        self._log(run_id, key, media.sound(audio, sample_rate), step, caption, timestamp)

    def log_video(
        self,
        run_id: str,
        key: str,
        video: "media.File",
        step: int | None = None,
        caption: str | None = None,
        timestamp: int | None = None,
        *,
        media_type: str = "video/mp4",
    ) -> None:
        """Log a video: a path, or bytes of the given media type."""
        given = media_type if isinstance(video, bytes) else None
        self._log(run_id, key, media.medium(video, given), step, caption, timestamp)

    def log_html(
        self,
        run_id: str,
        key: str,
        html: str | os.PathLike[str],
        step: int | None = None,
        caption: str | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log a page: its HTML as a text, or a path object. Pages show it without its scripts."""
        self._log(run_id, key, media.page(html), step, caption, timestamp)

    def get_series(
        self,
        run_id: str,
        key: str,
        kind: str | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Sequence[Any]:
        """The items of a series, in order of their times.

        They are `TextItem`, `HistogramItem` or `MediaItem` (`eventtrack/views/items.py`).

        Args:
            run_id: The run.
            key: The name of the series.
            kind: `text`, `histogram` or `media`; None where only one kind has that key.
            start: The first item, and `stop` the item behind the last, as in a slice: `start=-100`
                reads the last 100.

        Raises:
            NotFoundError: There is no such run, or it has no such series.
            InvalidValueError: Series of several kinds have that key.
        """
        return self.store.items.read(run_id, key, kind, start, stop)

    def _log(
        self,
        run_id: str,
        key: str,
        medium: "media.Medium",
        step: int | None,
        caption: str | None,
        timestamp: int | None,
    ) -> None:
        source, media_type, name = medium
        self.store.items.log_medium(
            run_id,
            key,
            source,
            media_type,
            name=name,
            caption=caption,
            step=step,
            timestamp=timestamp,
        )
