"""Tells IPython how a run is shown as the last expression of a cell.

`import eventtrack` calls this in a notebook, so it imports nothing of ours: the card is imported
when the first run is shown.
"""

import importlib
import sys
from typing import Any

_SHOWING = "eventtrack.notebook.showing"


def register() -> None:
    """Show runs as cards in the shell that runs here; without one, do nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        formatter = shell.display_formatter.formatters["text/html"]
        formatter.for_type_by_name("eventtrack.views.records", "Run", _html)


def _html(run: Any) -> str:
    html: str = importlib.import_module(_SHOWING).html_of(run)
    return html
