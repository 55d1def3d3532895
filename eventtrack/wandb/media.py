"""Wrappers that a program puts around values for W&B: images, sounds, tables and so on.

Each knows how to log itself: `log_to(client, run_id, key, step)`.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eventtrack.errors import UsageError
from eventtrack.fluent.client import EventtrackClient


class Media:
    """A value that is logged in its own way."""

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        raise NotImplementedError


class Image(Media):
    """An image: a path, an array or a tensor, an image of Pillow, or a figure of matplotlib.

    Args:
        data_or_path: The image; the channels of a tensor come first, those of an array last.
        mode: Accepted: the shape tells the mode.
        caption: A text for people.
        ignored: Boxes, masks and so on, which are not recorded.
    """

    def __init__(
        self, data_or_path: Any, mode: str | None = None, caption: str | None = None, **ignored: Any
    ) -> None:
        self.caption = caption
        self.image = _image(data_or_path)

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        client.log_image(run_id, self.image, key=key, step=step)


class Audio(Media):
    """A sound: a path, or samples between -1 and 1 with their rate a second."""

    def __init__(
        self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None
    ) -> None:
        self.data, self.sample_rate, self.caption = data_or_path, sample_rate, caption

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        client.log_audio(run_id, key, self.data, step, self.caption, sample_rate=self.sample_rate)


class Video(Media):
    """A video: a path, or the bytes of a file. Frames in an array have to be encoded before."""

    def __init__(
        self,
        data_or_path: Any,
        caption: str | None = None,
        fps: int | None = None,
        format: str | None = None,  # noqa: A002 - W&B's name
    ) -> None:
        if isinstance(data_or_path, io.BytesIO):
            data_or_path = data_or_path.getvalue()
        if not isinstance(data_or_path, str | os.PathLike | bytes):
            raise UsageError(
                "cannot log the frames of a video: there is no encoder here",
                hint="write the video to a file, and pass its path",
            )
        self.data, self.caption, self.format = data_or_path, caption, format or "mp4"

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        kind = f"video/{self.format}"
        client.log_video(run_id, key, self.data, step, self.caption, media_type=kind)


class Html(Media):
    """A page: its text, a path that ends in `.html`, or an open file."""

    def __init__(self, data: Any, inject: bool = True, data_is_not_path: bool = False) -> None:
        if hasattr(data, "read"):
            data = data.read()
        is_path = not data_is_not_path and str(data).endswith(".html") and Path(data).is_file()
        self.html = Path(data).read_text("utf-8") if is_path else str(data)

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        client.log_html(run_id, key, self.html, step)


class Object3D(Media):
    """A scene or a point cloud in a file."""

    def __init__(self, data_or_path: Any, caption: str | None = None, **ignored: Any) -> None:
        self.data, self.caption = data_or_path, caption

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        client.log_media(run_id, key, self.data, step, self.caption)


class Plotly(Media):
    """A figure of plotly, kept as a page."""

    def __init__(self, val: Any) -> None:
        self.html = val.to_html(include_plotlyjs="cdn")

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        client.log_html(run_id, key, self.html, step)


class Histogram(Media):
    """A histogram of values, or counts and edges as `numpy.histogram` gives them."""

    def __init__(
        self, sequence: Any = None, np_histogram: Any = None, num_bins: int | None = None
    ) -> None:
        self.values, self.counted = sequence, np_histogram

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Log it as a step of the series `key`."""
        if self.counted is None:
            client.log_histogram(run_id, key, self.values, step)
            return
        counts, edges = ([float(number) for number in part] for part in self.counted)
        client.log_histogram(run_id, key, step=step, edges=edges, counts=counts)


class Table(Media):
    """Rows of columns, kept as the file `tables/KEY-STEP.json` that `load_table` reads.

    Args:
        columns: The names of the columns.
        data: The rows.
        rows: The same, by its older name.
        dataframe: A data frame instead.
        ignored: Types of columns and so on, which follow from the values here.
    """

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        **ignored: Any,
    ) -> None:
        if hasattr(data, "columns"):
            dataframe, data = data, None
        if dataframe is not None:
            columns, data = list(dataframe.columns), dataframe.to_numpy().tolist()
        self.columns = list(columns) if columns is not None else ["Input", "Output", "Expected"]
        self.data = [list(row) for row in (data if data is not None else rows or ())]

    def add_data(self, *cells: Any) -> None:
        """Add a row.

        Raises:
            ValueError: It has another number of cells than there are columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"This table expects {len(self.columns)} columns, got {len(cells)}")
        self.data.append(list(cells))

    def add_column(self, name: str, data: Sequence[Any]) -> None:
        """Add a column to all rows."""
        if not self.data:
            self.data = [[] for _ in data]
        self.columns.append(name)
        for row, cell in zip(self.data, data, strict=True):
            row.append(cell)

    def get_column(self, name: str) -> list[Any]:
        """The cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.data]

    def log_to(self, client: EventtrackClient, run_id: str, key: str, step: int) -> None:
        """Keep it as a file that names the step."""
        rows = [[_cell(cell) for cell in row] for row in self.data]
        table = {"columns": [str(name) for name in self.columns], "data": rows}
        client.log_dict(run_id, table, f"tables/{key}-{step}.json")


def _cell(cell: Any) -> Any:
    """A cell of a table as JSON has it; media are named, for their bytes are no cells."""
    if isinstance(cell, Media):
        return f"<{type(cell).__name__}>"
    return cell.tolist() if hasattr(cell, "tolist") else cell


def _image(data: Any) -> Any:
    """The image as our `log_image` takes it."""
    if isinstance(data, Image):
        return data.image
    if isinstance(data, str | os.PathLike):
        import PIL.Image

        return PIL.Image.open(data)
    if hasattr(data, "savefig"):
        import PIL.Image

        buffer = io.BytesIO()
        data.savefig(buffer, format="png")
        return PIL.Image.open(buffer)
    if hasattr(data, "detach"):  # a tensor of torch, whose channels come first
        data = data.detach().cpu().numpy()
        if data.ndim == 3 and data.shape[0] in (1, 3, 4):
            data = data.transpose(1, 2, 0)
    if getattr(data, "dtype", None) is not None and data.dtype.kind == "f":
        low, high = float(data.min()), float(data.max())
        if low < 0 or high > 1:
            data = (data - low) / ((high - low) or 1)
    return data
