"""Hands cards of runs to the notebook: once, or again and again while the run is open.

IPython is there in a notebook, and only there it is asked for.
"""

import sys
import threading
from typing import Any

from eventtrack.errors import EventtrackError, NotFoundError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.runs import client_of, last_active_run
from eventtrack.notebook.cards import card
from eventtrack.views.records import Run, RunStatus


class RunCard:
    """A run that shows itself where objects are shown as HTML, as it is at that moment."""

    def __init__(self, client: EventtrackClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id

    @property
    def is_open(self) -> bool:
        """Whether the run may still change."""
        return self._client.get_run(self.run_id).info.status == RunStatus.RUNNING

    def _repr_html_(self) -> str:
        return card(self._client, self.run_id)


def display(run: Run | str | None = None, *, refresh: float | None = 2.0) -> RunCard | None:
    """Show a run in a notebook: its state, its curves and its params.

    While the run is open, a thread shows it anew, until it has ended. No server is needed.

    Args:
        run: The run or its id; None means the active run, or else the last one.
        refresh: Seconds between two looks at an open run; None shows it once.

    Returns:
        Outside of a notebook the card, for whoever shows objects as HTML; in one None.

    Raises:
        NotFoundError: There is no such run.
    """
    shown = _card_of(run)
    shown._repr_html_()  # a run that is not there is the caller's error, not the thread's
    if _shell() is None:
        return shown
    from IPython import display as ipython

    handle = ipython.display(shown, display_id=True)
    if refresh is not None and shown.is_open:
        arguments = (handle, shown, refresh, threading.Event())
        threading.Thread(
            target=_follow, args=arguments, name="eventtrack-display", daemon=True
        ).start()
    return None


def html_of(run: Run) -> str:
    """The card of a run of the current store, or of an open run: for a run as last expression."""
    run_id = run.info.run_id
    return card(client_of(run_id), run_id)


def _card_of(run: Run | str | None) -> RunCard:
    if run is None:
        run = last_active_run()
        if run is None:
            raise NotFoundError(
                "there is no run to show: none was started here",
                hint="pass a run or its id: eventtrack.display(run_id)",
            )
    run_id = run if isinstance(run, str) else run.info.run_id
    return RunCard(client_of(run_id), run_id)


def _follow(handle: Any, shown: RunCard, refresh: float, stop: threading.Event) -> None:
    """Show a run anew whenever it has changed, until it has ended."""
    before = ""
    is_open = True
    while is_open and not stop.wait(refresh):
        try:
            is_open = shown.is_open
            now = shown._repr_html_()
        except EventtrackError:  # the store was closed or moved: the last card stays
            return
        if now != before:
            handle.update(shown)
            before = now


def _shell() -> Any:
    """The shell of the notebook; None outside of one."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()
