"""The scan of a damaged log's file: its envelopes, and the rows that help to order them."""

import msgspec

from eventtrack.errors import EventtrackError
from eventtrack.events.envelope import Envelope
from eventtrack.rescue.carving import envelopes_in, is_possible
from eventtrack.rescue.damaged import DamagedFile
from eventtrack.rescue.finds import Finds
from eventtrack.rescue.pages import Pages, Row
from eventtrack.rescue.report import SalvageReport
from eventtrack.rescue.trunks import Roots
from eventtrack.sync import Progress

_FEED_BYTES, _POSITION_BYTES = 16, 8
_BROKEN_SHOWN = 10


class _Head(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    size: int
    recorded: int
    frontier: list[bytes]


class _Branch(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    replica: bytes
    stem: bytes
    first: int


def scan_log(
    file: DamagedFile,
    finds: Finds,
    roots: Roots,
    report: SalvageReport,
    progress: Progress | None = None,
) -> None:
    """Note every envelope and every frontier of a feed on all pages of a log's file."""
    pages = Pages(file)
    for piece in envelopes_in(file):
        finds.add(
            piece.start,
            piece.envelope,
            is_whole=piece.is_whole,
            is_live=pages.is_live_overflow(piece.start),
            is_bare=False,
        )
        if progress is not None:
            progress("reading the damaged log", piece.start, file.size)
    for row in pages.rows():
        if len(row.key) == _POSITION_BYTES:
            _add_row(row, finds)
        elif len(row.key) == _FEED_BYTES:
            _add_root(row, roots)
    if not pages.is_whole:
        report.is_end_known = False
        report.note(_damage(pages, file))
    if file.unreadable:
        report.note(f"the disk did not give {file.unreadable:,} bytes of {file.path}")


def _add_row(row: Row, finds: Finds) -> None:
    """Note an envelope at its place in a table.

    The row tells two more facts: whether the envelope belongs to the newest state, and whether it
    had no payload before anything was damaged, because of a redaction or a partial sync.
    """
    try:
        envelope = Envelope(row.value)
        if not is_possible(envelope) or len(envelope.without_payload) > len(row.value):
            return
        envelope.verify()
        is_whole, is_bare = bool(envelope.payload), not envelope.payload
    except EventtrackError:
        return
    finds.add(row.place, envelope, is_whole=is_whole, is_live=row.is_live, is_bare=is_bare)


def _add_root(row: Row, roots: Roots) -> None:
    try:
        head = msgspec.msgpack.decode(row.value, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            msgspec.msgpack.decode(row.value, type=_Branch)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        roots.branches.add(row.key)
        return
    if 0 < head.size < 2**63:
        roots.add(row.key, head.size, head.frontier, is_live=row.is_live)


def _damage(pages: Pages, file: DamagedFile) -> str:
    if not file.size:
        return f"{file.path} is empty"
    if not pages.broken:
        return f"a meta page of {file.path} is damaged: its newest state may be gone"
    shown = ", ".join(str(number) for number in sorted(pages.broken)[:_BROKEN_SHOWN])
    more = len(pages.broken) - _BROKEN_SHOWN
    pages_of = f"{shown} and {more} more" if more > 0 else shown
    return f"pages of {file.path} are damaged, cut off or missing: {pages_of}"
