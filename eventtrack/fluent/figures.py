"""Figures of matplotlib and plotly as the bytes of a file."""

import io
import sys
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from eventtrack.errors import InvalidValueError

_PLOTLY_PICTURES = ("png", "jpeg", "webp", "svg", "pdf")


def figure_bytes(figure: Any, artifact_file: str, options: Mapping[str, Any]) -> bytes:
    """The figure in the format that the file's name asks for.

    Neither library is imported here: the maker of a figure has imported its library already.

    Raises:
        InvalidValueError: The figure is of neither library, or its library cannot write the format.
    """
    suffix = PurePosixPath(artifact_file).suffix.removeprefix(".").lower()
    if is_drawn(figure):
        buffer = io.BytesIO()
        try:
            figure.savefig(buffer, **{"format": suffix or "png", **options})
        except ValueError as error:
            raise InvalidValueError(f"cannot draw the figure {artifact_file}: {error}") from error
        return buffer.getvalue()
    if _is_a(figure, "plotly.graph_objects", "Figure"):
        return _plotly_bytes(figure, suffix, dict(options))
    raise InvalidValueError(
        f"Unsupported figure object type: '{type(figure)}'",
        hint="pass a matplotlib.figure.Figure or a plotly.graph_objects.Figure",
    )


def is_drawn(figure: Any) -> bool:
    """Whether a figure is one of matplotlib, which draws images; plotly writes pages."""
    return _is_a(figure, "matplotlib.figure", "Figure")


def _is_a(value: object, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def _plotly_bytes(figure: Any, suffix: str, options: dict[str, Any]) -> bytes:
    if suffix == "html":
        options.pop("auto_open", None)
        page: str = figure.to_html(**{"include_plotlyjs": "cdn", **options})
        return page.encode()
    if suffix in _PLOTLY_PICTURES:
        picture: bytes = figure.to_image(format=suffix, **options)
        return picture
    raise InvalidValueError(
        f"Unsupported file extension for plotly figure: '.{suffix}'",
        hint=f"name the file .html or one of .{', .'.join(_PLOTLY_PICTURES)}",
    )
