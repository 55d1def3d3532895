"""Segments that replace others: without erased payloads, or one for many (docs/wire.md, 4).

A replacement is made of this store's own envelopes, never of segments there, and is written before
the replaced segments are deleted. It has a larger span than each of them, or the same span with
more erased. So machines that replace at the same time cannot delete each other's replacements.
"""

import bisect
import warnings
from collections.abc import Iterator, Mapping, Sequence

from eventtrack.errors import (
    ChecksumError,
    EventtrackWarning,
    NotFoundError,
    RemoteDeniedError,
    StoreReadOnlyError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.limits import BLOCK_BYTES_MAX, BLOCK_ENVELOPES_MAX
from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.log.protocol import EventLog, Head
from eventtrack.sync.coverage import Chain, Segment, cover, erased_mark
from eventtrack.sync.known import KnownFeeds
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.segments import SegmentRemote, lacking, name_of

# This many segments of one class at the end of a feed become one; classes are bounded by bytes.
# Each envelope is written anew at most a few times, and only few small segments ever remain.
_MERGED_MIN = 8
_CLASS_BYTES = (32 * 2**10, 256 * 2**10, 2 * 2**20)


def replace_segments(remote: SegmentRemote, log: EventLog, own: Mapping[bytes, Head]) -> None:
    """Erase redacted payloads in the remote, and merge small segments of feeds that grew.

    Feeds, and ends of feeds, that this store does not hold whole are left to other stores.
    """
    unfilled, erased = log.unfilled(), log.erased() > 0
    grown, remote.grown = remote.grown, set()
    try:
        here = KnownFeeds(log, own)
        for chain in remote.feeds():
            feed, size = _feed_of(remote, chain, here)
            size = min(size, unfilled.get(feed, size))
            known = [segment for segment in remote.segments(chain) if segment.stop <= size]
            for group in _groups(known, chain.first, merge=chain in grown):
                if erased or len(group) > 1:
                    _replace(remote, log, feed, group)
    except (RemoteDeniedError, StoreReadOnlyError) as error:
        warnings.warn(
            f"{remote.space.place} could not be cleaned up: what was redacted may still be there, "
            f"and small objects pile up: {error}",
            EventtrackWarning,
            stacklevel=2,
        )


def _feed_of(remote: SegmentRemote, chain: Chain, here: KnownFeeds) -> tuple[bytes, int]:
    """The feed here that matches a chain, and the size of it that is here."""
    if here.feeds(chain.replica) == [chain.replica] and not chain.branch:
        return chain.replica, here.heads[chain.replica].size
    for segment in sorted(remote.segments(chain), key=_stop_of, reverse=True):
        feed = here.find(FeedHead(chain.replica, segment.stop, segment.root))
        if feed is not None:
            return feed, segment.stop
    return chain.replica, 0


def _stop_of(segment: Segment) -> int:
    return segment.stop


def _groups(segments: Sequence[Segment], first: int, *, merge: bool) -> Iterator[list[Segment]]:
    """Groups of segments, each to become one segment, with the segments that lie within it."""
    chain = [*cover(segments, first)]
    parts = [*(_merged(chain) if merge else ([segment] for segment in chain))]
    taken = {segment.name for segment in chain}
    firsts = [part[0].first for part in parts]
    for segment in (segment for segment in segments if segment.name not in taken):
        place = bisect.bisect_right(firsts, segment.first) - 1
        if place >= 0 and segment.stop <= parts[place][len(parts[place]) - 1].stop:
            parts[place].insert(0, segment)
        else:
            yield [segment]
    yield from parts


def _merged(chain: Sequence[Segment]) -> Iterator[list[Segment]]:
    """The segments of a feed one by one; many small segments at its end form one group."""
    start = stop = len(chain)
    for place in range(len(_CLASS_BYTES)):
        first = len(chain)
        while first and _class(chain[first - 1]) <= place:
            first -= 1
        if sum(_class(segment) == place for segment in chain[first:]) >= _MERGED_MIN:
            start = stop = first
            size = envelopes = 0
            for segment in chain[first:]:
                size, envelopes = size + segment.size, envelopes + segment.envelopes
                if size > BLOCK_BYTES_MAX or envelopes > BLOCK_ENVELOPES_MAX:
                    break
                stop += 1
            break
    yield from ([segment] for segment in chain[:start])
    if start < stop:
        yield [*chain[start:stop]]
    yield from ([segment] for segment in chain[stop:])


def _class(segment: Segment) -> int:
    """Among which segments one is counted: greater numbers are larger, the last one is full."""
    if segment.envelopes > BLOCK_ENVELOPES_MAX // 2:
        return len(_CLASS_BYTES)
    return bisect.bisect_right(_CLASS_BYTES, segment.size)


def _replace(remote: SegmentRemote, log: EventLog, feed: bytes, group: Sequence[Segment]) -> None:
    chain = group[0].chain
    first, stop = min(segment.first for segment in group), max(segment.stop for segment in group)
    gone = set(log.erased_in(feed, first, stop))
    if len(group) == 1 and _is_clean(group[0], gone):
        return
    if any(merkle.root(log.frontier(feed, segment.stop)) != segment.root for segment in group):
        return  # another history: it is left alone here, and reported elsewhere
    try:
        for segment in group:
            if not _is_clean(segment, gone):
                # Another store knows of more redactions: payloads erased there stay erased.
                gone.update(lacking(remote.load(segment)) if segment.erased != "" else ())
    except NotFoundError:
        return  # another machine is replacing it
    if len(group) == 1 and _is_clean(group[0], gone):
        return
    try:
        block = _block_of(log, feed, first, stop, gone)
    except ChecksumError:
        return  # damaged here: other stores that hold it whole may replace it
    name = name_of(block, chain)
    if remote.keep(block, chain) or any(segment.name == name for segment in remote.segments(chain)):
        remote.drop([segment for segment in group if segment.name != name])


def _is_clean(segment: Segment, gone: set[int]) -> bool:
    """Whether a segment lacks just the payloads that are gone, as far as its name tells."""
    within = [index for index in gone if segment.first <= index < segment.stop]
    return not within if segment.erased is None else segment.erased == erased_mark(within)


def _block_of(log: EventLog, feed: bytes, first: int, stop: int, gone: set[int]) -> Block:
    """A part of a feed as one block, without the payloads that are gone."""
    envelopes: list[Envelope] = []
    while first + len(envelopes) < stop:
        place = first + len(envelopes)
        envelopes += log.read_feed(feed, place, stop - place)
    for envelope in envelopes:
        envelope.verify()
    kept = [
        Envelope(envelope.without_payload) if envelope.header.index in gone else envelope
        for envelope in envelopes
    ]
    replica = kept[0].header.replica
    return Block.make(replica, first, log.frontier(feed, first), kept)
