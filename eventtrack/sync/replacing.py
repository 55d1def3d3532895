"""Segments that stand in for others: without what was erased, or one for many (docs/wire.md, 4).

They are made of what this store holds, never of what lies there, and made before the others are
deleted. One that stands in for another has a larger span, or the same and more erased: so machines
that do this at once cannot each delete what another one relies on.
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
from eventtrack.log.protocol import EventLog, Head
from eventtrack.sync.blocks import Block
from eventtrack.sync.coverage import Chain, Segment, cover, erased_mark
from eventtrack.sync.known import KnownFeeds
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.segments import SegmentRemote, lacking, name_of

# So many segments of one class at the end of a feed become one; the classes are bounded by bytes.
# Each envelope is written anew a few times at most, and few small ones are ever left.
_MERGED_MIN = 8
_CLASS_BYTES = (32 * 2**10, 256 * 2**10, 2 * 2**20)


def replace_segments(remote: SegmentRemote, log: EventLog, own: Mapping[bytes, Head]) -> None:
    """Erase there what redactions ordered to go, and merge small segments of feeds that grew.

    Feeds, and ends of feeds, that are not here whole are left to others.
    """
    unfilled, erased = log.unfilled(), log.erased() > 0
    grown, remote.grown = remote.grown, set()
    try:
        here = KnownFeeds(log, own)
        for chain in remote.feeds():
            feed, size = _feed_of(remote, chain, here)
            size = min(size, unfilled.get(feed, size))
            known = [one for one in remote.segments(chain) if one.stop <= size]
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
    """The feed here that a chain is, and how much of that is here."""
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
    """Which segments are to become one each, with those that lie within them."""
    chain = [*cover(segments, first)]
    parts = [*(_merged(chain) if merge else ([one] for one in chain))]
    taken = {one.name for one in chain}
    firsts = [part[0].first for part in parts]
    for one in (one for one in segments if one.name not in taken):
        place = bisect.bisect_right(firsts, one.first) - 1
        if place >= 0 and one.stop <= parts[place][len(parts[place]) - 1].stop:
            parts[place].insert(0, one)
        else:
            yield [one]
    yield from parts


def _merged(chain: Sequence[Segment]) -> Iterator[list[Segment]]:
    """The segments of a feed one by one, but for small ones at its end if there are many."""
    start = stop = len(chain)
    for place in range(len(_CLASS_BYTES)):
        first = len(chain)
        while first and _class(chain[first - 1]) <= place:
            first -= 1
        if sum(_class(one) == place for one in chain[first:]) >= _MERGED_MIN:
            start = stop = first
            size = envelopes = 0
            for one in chain[first:]:
                size, envelopes = size + one.size, envelopes + one.envelopes
                if size > BLOCK_BYTES_MAX or envelopes > BLOCK_ENVELOPES_MAX:
                    break
                stop += 1
            break
    yield from ([one] for one in chain[:start])
    if start < stop:
        yield [*chain[start:stop]]
    yield from ([one] for one in chain[stop:])


def _class(segment: Segment) -> int:
    """Among which segments one is counted: greater numbers are larger, the last one is full."""
    if segment.envelopes > BLOCK_ENVELOPES_MAX // 2:
        return len(_CLASS_BYTES)
    return bisect.bisect_right(_CLASS_BYTES, segment.size)


def _replace(remote: SegmentRemote, log: EventLog, feed: bytes, group: Sequence[Segment]) -> None:
    chain = group[0].chain
    first, stop = min(one.first for one in group), max(one.stop for one in group)
    gone = set(log.erased_in(feed, first, stop))
    if len(group) == 1 and _is_clean(group[0], gone):
        return
    if any(merkle.root(log.frontier(feed, one.stop)) != one.root for one in group):
        return  # another history: it is told of elsewhere, and nothing of it is touched
    try:
        for one in group:
            if not _is_clean(one, gone):
                # Somebody knows of other orders: what is gone there stays gone.
                gone.update(lacking(remote.load(one)) if one.erased != "" else ())
    except NotFoundError:
        return  # somebody else is at it
    if len(group) == 1 and _is_clean(group[0], gone):
        return
    try:
        block = _block_of(log, feed, first, stop, gone)
    except ChecksumError:
        return  # damaged here: others that hold it whole may do it
    name = name_of(block, chain)
    if remote.keep(block, chain) or any(one.name == name for one in remote.segments(chain)):
        remote.drop([one for one in group if one.name != name])


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
    for one in envelopes:
        one.verify()
    kept = [Envelope(one.without_payload) if one.header.index in gone else one for one in envelopes]
    replica = kept[0].header.replica
    return Block.make(replica, first, log.frontier(feed, first), kept)
