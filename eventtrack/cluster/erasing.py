"""Erasure in a shared log: payloads that redactions name are taken out of its blocks.

Servers obey a redaction when they read it. The engine still holds the bytes until an administrator
of the log runs this. It may be stopped, and run again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from eventtrack.events.envelope import Envelope
from eventtrack.events.redaction import is_lasting, redacted_by
from eventtrack.log.blocks import Block, read_header
from eventtrack.sharedlog.protocol import Entry, SharedLog

Progress = Callable[[str, int, int], None]
# By replica and index, the marks of the envelopes to erase; an empty mark means all.
_Ordered = dict[bytes, dict[int, set[bytes]]]


class Erased(NamedTuple):
    """Blocks that were written anew, and envelopes that lost their payloads."""

    blocks: int
    envelopes: int


def erase(log: SharedLog, progress: Progress | None = None) -> Erased:
    """Erase in the engine what redactions in the log order.

    Raises:
        RemoteDeniedError: These credentials may not replace blocks.
        CorruptionError: A block is damaged; `eventtrack cluster check` names them all.
    """
    ordered: _Ordered = defaultdict(lambda: defaultdict(set))
    for entry in _entries(log, "reading redactions", progress):
        for data in Block.decode(entry.data).envelopes:
            for replica, mark, index in redacted_by(Envelope(data)):
                ordered[replica][index].add(mark)
    if not ordered:
        return Erased(0, 0)
    blocks = envelopes = 0
    for entry in _entries(log, "erasing", progress):
        header = read_header(entry.data)[0]
        indexes = ordered.get(header.replica, {})
        if not any(header.first <= index < header.stop for index in indexes):
            continue
        block = Block.decode(entry.data)
        goes = partial(_goes, indexes=indexes)
        count = sum(goes(Envelope(data)) for data in block.envelopes)
        if count:
            log.replace(entry.place, block.without(goes))
            blocks, envelopes = blocks + 1, envelopes + count
    return Erased(blocks, envelopes)


def _goes(envelope: Envelope, indexes: dict[int, set[bytes]]) -> bool:
    """Whether an envelope has a payload that is to be erased. Records of redactions stay."""
    marks = indexes.get(envelope.header.index)
    if not marks or not envelope.payload or is_lasting(envelope):
        return False
    return b"" in marks or envelope.mark in marks


def _entries(log: SharedLog, label: str, progress: Progress | None) -> Iterator[Entry]:
    end, through = log.end(), 0
    while through < end:
        page = log.read(through)
        yield from page.entries
        if page.through == through:
            log.wait(through, 0.1)  # another node answers, which lags behind
        through = page.through
        if progress is not None:
            progress(label, through, end)
