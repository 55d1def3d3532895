"""Delivery on request: the work of `eventtrack flush`."""

from pathlib import Path

from eventtrack.errors import EventtrackError
from eventtrack.outbox.folder import outbox_folder, outbox_folders
from eventtrack.outbox.ledger import Ledger, RefusedCall
from eventtrack.outbox.outbox import Outbox
from eventtrack.rest import Address, TrackingServer, address_of
from eventtrack.views.records import Record

# Seconds: a week. The user who asks for a flush waits for it, and may interrupt at any moment.
_PATIENCE_S = 7 * 86_400.0


class FlushReport(Record):
    """The outcome for an outbox: counts of calls (an envelope each), and the error if any.

    `error` is None if all waiting calls have arrived or were refused.
    """

    url: str
    folder: str
    delivered: int
    waiting: int
    refused: list[RefusedCall]
    error: str | None


def flush_outbox(address: Address, *, retry: bool = False, forget: bool = False) -> FlushReport:
    """Deliver everything that waits for a server.

    Args:
        address: The server.
        retry: Send refused calls again.
        forget: Drop refused calls from the list, for good.
    """
    folder = outbox_folder(address.url)
    if not list(folder.glob("store-*")):
        return FlushReport(
            url=address.url, folder=str(folder), delivered=0, waiting=0, refused=[], error=None
        )
    outbox = Outbox(folder, TrackingServer(address))
    before = left = outbox.deliverer.waiting()
    problem: str | None = None
    try:
        outbox.deliverer.push(_PATIENCE_S)
        if retry:
            outbox.deliverer.retry_refused(_PATIENCE_S)
    except EventtrackError as error:
        problem = str(error)
    finally:
        if forget:
            outbox.ledger.forgive([call.number for call in outbox.ledger.refused()])
        left = outbox.deliverer.waiting()
        refused = outbox.ledger.refused()
        outbox.close(0)
    return FlushReport(
        url=address.url,
        folder=str(folder),
        delivered=max(0, before - left),
        waiting=left,
        refused=refused,
        error=problem,
    )


def waiting_servers(chosen_uri: str | None) -> list[Address]:
    """The servers for which this user has an outbox.

    Args:
        chosen_uri: The current tracking URI: its credentials are used for its own server.
    """
    chosen = address_of(chosen_uri) if chosen_uri else None
    addresses = []
    for folder in outbox_folders():
        url = _url_of(folder)
        if url is not None:
            addresses.append(
                chosen if chosen is not None and chosen.url == url else address_of(url)
            )
    return addresses


def _url_of(folder: Path) -> str | None:
    ledger = Ledger(folder / "ledger.db")
    try:
        return ledger.fact("url")
    finally:
        ledger.close()
