"""The repair of a shared log from copies: what an engine lost or altered stands there again.

A block that is missing or wrong is cut from a copy and proved against the blocks beside it: its
frontier is their root before it, its root their frontier behind it. So a copy cannot bring anything
in that was not there. Only what lies behind a feed's last block rests on the copy alone.
"""

from collections.abc import Sequence

import msgspec

from eventtrack.cluster.copies import Copy, Extract, LogCopy, extract
from eventtrack.limits import SHARED_BLOCK_BYTES_MAX, SHARED_BLOCK_ENVELOPES_MAX
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.checking import (
    DOUBLED,
    LOST,
    REORDERED,
    Chain,
    Fault,
    Hole,
    LogCheck,
    Progress,
)
from eventtrack.sharedlog.making import each_node
from eventtrack.sharedlog.news import takes_away
from eventtrack.sharedlog.protocol import BlockReader, SharedLog
from eventtrack.sync.protocol import FeedHead

# A repair uncovers further faults at most a few times: a hole in a feed hides what is behind it.
_ROUNDS_MAX = 8


class Repair(msgspec.Struct):
    """The result of a repair: the places that were written, and the faults left, by node."""

    mended: list[Fault] = msgspec.field(default_factory=list)
    left: list[tuple[str, Fault]] = msgspec.field(default_factory=list)
    appended: int = 0


def lacking(check: LogCheck, copy: Copy) -> list[Fault]:
    """The envelopes that a copy has and the log lacks at the end of its feeds, or has otherwise.

    Only feeds of which the log has a part, unless the copy is a cache of it.
    """
    faults = []
    for head in copy.source.heads():
        chains = [chain for chain in check.chains.get(head.replica, []) if chain.size]
        if not chains and not copy.is_cache:
            continue
        feed = head.replica.hex()
        if any(_covers(check, chain, head) for chain in chains):
            continue
        known = [chain for chain in chains if copy.source.known([_head_of(chain)])]
        if known or not chains:
            chain = max(known, key=lambda chain: chain.size, default=Chain(head.replica))
            what = f"they are in {copy.name}, and missing at the end of the log"
            faults.append(Fault(LOST, feed, chain.size, head.size, chain.last, what))
        else:
            what = f"{copy.name} has another history of this feed"
            faults.append(Fault("altered", feed, 0, head.size, chains[0].last, what))
    return faults


def repair(log: SharedLog, copies: Sequence[Copy], progress: Progress | None = None) -> Repair:
    """Restore a shared log from copies, and each node of its engine from the others.

    Raises:
        RemoteError: The engine or a copy cannot be reached. What was restored stays.
    """
    report = Repair()
    with each_node(log) as nodes:
        for name, node in nodes.items():
            others = [
                _copy_of_node(other, reader, progress)
                for other, reader in nodes.items()
                if other != name
            ]
            report.mended += _mend(log, node, [*others, *copies], progress)
        for copy in copies:
            report.appended += _append_tails(log, LogCheck(log), copy, progress)
        for name, node in nodes.items():
            report.left += [(name, fault) for fault in LogCheck(node).run(progress)]
    return report


def check_nodes(
    log: SharedLog, copies: Sequence[Copy], progress: Progress | None = None
) -> tuple[list[tuple[str, Fault]], int]:
    """The faults of each node of a log, by the node's name, and the number of whole blocks."""
    faults: list[tuple[str, Fault]] = []
    blocks = 0
    with each_node(log) as nodes:
        for name, node in nodes.items():
            check = LogCheck(node)
            faults += [(name, fault) for fault in check.run(progress)]
            blocks = max(blocks, len(check.taken))
            for copy in copies:
                faults += [(name, fault) for fault in lacking(check, copy)]
    return faults, blocks


def _copy_of_node(name: str, node: BlockReader, progress: Progress | None) -> Copy:
    check = LogCheck(node)
    check.run(progress)
    return Copy(f"node {name}", LogCopy(check), is_cache=True)


def _mend(
    log: SharedLog, node: BlockReader, copies: Sequence[Copy], progress: Progress | None
) -> list[Fault]:
    """Restore what one node shows wrong; returns the places that were written."""
    mended: list[Fault] = []
    for _ in range(_ROUNDS_MAX):
        check = LogCheck(node)
        if not check.run(progress):
            break
        news = _Round(log, check, copies).run()
        mended += news
        if not news:
            break
    return mended


class _Round:
    """The repair of the faults that one check of the log showed."""

    def __init__(self, log: SharedLog, check: LogCheck, copies: Sequence[Copy]) -> None:
        self._log = log
        self._check = check
        self._copies = copies
        self._mended: list[Fault] = []

    def run(self) -> list[Fault]:
        for place in self._check.doubled:
            self._log.replace(place, None)
            self._note(place, DOUBLED)
        for chain in self._check.reordered:
            self._sort(chain)
        for replica, strays in self._check.altered.items():
            self._rewrite(replica, [place for stray in strays for _, place in stray.blocks])
        filled = [self._fill(hole) for hole in self._check.holes]
        if all(filled) and not self._mended:
            self._empty_damaged()
        return self._mended

    def _sort(self, chain: Chain) -> None:
        """Put the blocks of a feed into the order of their indexes."""
        places = [place for _, place in chain.blocks]
        moved = [
            (place, self._check.load(other))
            for place, other in zip(sorted(places), places, strict=True)
            if place != other
        ]
        for place, block in moved:
            self._log.replace(place, block)
            self._note(place, REORDERED)

    def _rewrite(self, replica: bytes, others: list[int]) -> None:
        """Restore a feed whose blocks continue another history than they should."""
        for chain in self._check.chains[replica]:
            for copy in self._copies:
                number = self._shared(chain, copy)
                bounds = [first for first, _ in chain.blocks[number:]]
                if not bounds:  # the chain is right, so the blocks beside it are wrong
                    for place in others:
                        self._log.replace(place, None)
                        self._note(place, "altered")
                    return
                root = self._check.known_root(chain, bounds[0])
                if root is None:
                    continue
                wanted = extract(copy, FeedHead(replica, bounds[0], root), chain.size)
                if wanted is not None:
                    self._put(wanted, chain, number)
                    return

    def _put(self, wanted: Extract, chain: Chain, number: int) -> None:
        stops = [first for first, _ in chain.blocks[number + 1 :]] + [chain.size]
        for (first, place), stop in zip(chain.blocks[number:], stops, strict=True):
            self._log.replace(place, wanted.block(first, stop))
            self._note(place, "altered")

    def _shared(self, chain: Chain, copy: Copy) -> int:
        """The number of blocks at the beginning of a chain that a copy has too."""
        for number in range(len(chain.blocks), 0, -1):
            size = chain.blocks[number][0] if number < len(chain.blocks) else chain.size
            root = self._check.known_root(chain, size)
            if root is not None and copy.source.known([FeedHead(chain.replica, size, root)]):
                return number
        return 0

    def _fill(self, hole: Hole) -> bool:
        """Put the missing envelopes of a feed into the places between its blocks."""
        head = FeedHead(hole.replica, hole.first, hole.root)
        for copy in self._copies:
            wanted = extract(copy, head, hole.stop)
            if wanted is None:
                continue
            block = wanted.block(hole.first, hole.stop)
            if block.header.root != hole.after:
                continue
            free = [
                place
                for place in range(hole.behind + 1, hole.before)
                if place not in self._check.taken
            ]
            parts = list(block.parts(SHARED_BLOCK_ENVELOPES_MAX, SHARED_BLOCK_BYTES_MAX))
            if len(parts) > len(free):
                parts = list(block.parts(block.header.count, self._log.block_bytes_max // 2))
            if len(parts) > len(free):
                continue
            for place, part in zip(free, parts, strict=False):
                self._log.replace(place, part)
                self._check.taken.add(place)
                self._note(place, LOST, part)
            return True
        return False

    def _empty_damaged(self) -> None:
        """Empty the damaged places whose envelopes are elsewhere in the log, or in a copy."""
        for place, header in self._check.damaged.items():
            if header is None:
                is_known = any(copy.is_cache for copy in self._copies)
            else:
                is_known = any(
                    header.stop <= chain.size
                    for chain in self._check.chains.get(header.replica, [])
                ) or any(
                    head.replica == header.replica and head.size >= header.stop
                    for copy in self._copies
                    for head in copy.source.heads()
                )
            if is_known:
                self._log.replace(place, None)
                self._note(place, "damaged")

    def _note(self, place: int, kind: str, block: Block | None = None) -> None:
        feed, first, stop = "", 0, 0
        if block is not None:
            header = block.header
            feed, first, stop = header.replica.hex(), header.first, header.stop
        self._mended.append(Fault(kind, feed, first, stop, place, "it was restored"))


def _append_tails(log: SharedLog, check: LogCheck, copy: Copy, progress: Progress | None) -> int:
    """Append what a copy has behind the ends of the log's feeds; returns the envelopes."""
    check.run(progress)
    appended = 0
    for fault in lacking(check, copy):
        if fault.kind != LOST:
            continue
        replica = bytes.fromhex(fault.feed)
        chains = [
            chain for chain in check.chains.get(replica, []) if chain.size == fault.first
        ] or [Chain(replica)]
        chain = chains[0]
        wanted = extract(copy, _head_of(chain), None)
        if wanted is None or wanted.stop <= chain.size:
            continue
        last = max([other.last for other in check.chains.get(replica, [])], default=0)
        whole = wanted.block(chain.size, wanted.stop)
        for part in whole.parts(SHARED_BLOCK_ENVELOPES_MAX, SHARED_BLOCK_BYTES_MAX):
            last = log.append(part, last=last, decides=takes_away(part))
            appended += part.header.count
    return appended


def _covers(check: LogCheck, chain: Chain, head: FeedHead) -> bool:
    return head.size <= chain.size and check.known_root(chain, head.size) == head.root


def _head_of(chain: Chain) -> FeedHead:
    return FeedHead(chain.replica, chain.size, chain.root)
