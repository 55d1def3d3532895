"""`%load_ext eventtrack`: adds `%eventtrack`, a link to the pages where a server runs.

Not a frame: the pages let no other page frame them, so that nobody clicks in them unknowingly.
"""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eventtrack.fluent.location import SharedLogUrl, current_place
from eventtrack.server.presence import present


def load_ipython_extension(shell: Any) -> None:
    """Add `%eventtrack`; IPython calls this."""
    shell.register_magic_function(pages, "line", "eventtrack")


def pages(line: str = "") -> Any:
    """A link to the pages of the current store, if a server of it runs: for `%eventtrack`.

    Args:
        line: A run's id, to lead to that run; else the link leads to the first page.
    """
    from IPython.display import HTML

    url = _url_of_server()
    if url is None:
        return HTML(
            "<p>No server of this store is known here: start <code>eventtrack ui</code> in a "
            "terminal. <code>eventtrack.display(run)</code> needs none.</p>"
        )
    run_id = line.strip()
    address = f"{url.rstrip('/')}/#/runs/{quote(run_id)}" if run_id else url
    words = f"Run {run_id}" if run_id else "The pages of this store"
    return HTML(
        f"<p><a href='{escape(address)}' target='_blank' rel='noopener'>{escape(words)}</a></p>"
    )


def _url_of_server() -> str | None:
    place = current_place()
    if isinstance(place, Path):
        return next((server.url for server in present(place) if server.pages == "eventtrack"), None)
    return None if isinstance(place, SharedLogUrl) else place.url
