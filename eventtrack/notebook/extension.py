"""`%load_ext eventtrack`: adds `%eventtrack`, which shows the pages inline where a server runs."""

from html import escape
from pathlib import Path
from typing import Any

from eventtrack.fluent.location import current_place, get_tracking_uri
from eventtrack.server.presence import present

_HEIGHT_PIXELS = 640


def load_ipython_extension(shell: Any) -> None:
    """Add `%eventtrack`; IPython calls this."""
    shell.register_magic_function(pages, "line", "eventtrack")


def pages(line: str = "") -> Any:
    """The pages of the current store inline, if a server of it runs: for `%eventtrack`.

    Args:
        line: A run's id, to show that run; else the runs are shown.
    """
    from IPython.display import HTML, IFrame

    url = _url_of_server()
    if url is None:
        return HTML(
            f"<p>No server of {escape(get_tracking_uri())} runs on this machine: start "
            "<code>eventtrack ui</code> in a terminal. <code>eventtrack.display(run)</code> needs "
            "none.</p>"
        )
    path = f"/#/runs/{line.strip()}" if line.strip() else ""
    return IFrame(f"{url.rstrip('/')}{path}", width="100%", height=_HEIGHT_PIXELS)


def _url_of_server() -> str | None:
    place = current_place()
    if isinstance(place, Path):
        return next((server.url for server in present(place) if server.pages == "eventtrack"), None)
    return place.url
