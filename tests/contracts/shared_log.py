"""The promises of every shared log; `tests/sharedlog/test_contract.py` names the engines.

An engine supplies `logs`: the same new, empty log as two servers see it.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec
import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import ConflictError, InvalidValueError, NotFoundError, StoreClosedError
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.types import TagsSet
from eventtrack.ids import SeededIds
from eventtrack.log.blocks import Block
from eventtrack.log.memory import MemoryLog
from eventtrack.sharedlog.protocol import Announcement, BlockReader, Entry, SharedLog
from tests.sharedlog.engines import until

NOW_MS = 1_700_000_000_000
RUN = "run/" + "1" * 32
Logs = tuple[SharedLog, SharedLog]


class Writer:
    """A feed that is cut into blocks; the same seed gives the same replica, as a clone has."""

    def __init__(self, seed: str) -> None:
        self.log = MemoryLog(clock=ManualClock(NOW_MS), ids=SeededIds(seed))
        self._size = 0

    def block(self, count: int = 2, text: str = "x") -> Block:
        """The next envelopes of the feed."""
        drafts = [Draft.of(RUN, TagsSet({"tag": f"{text} {self._size + n}"})) for n in range(count)]
        self.log.transact(lambda txn: [txn.append(draft, b"s" * 16) for draft in drafts])
        return self.again(self._size, count)

    def again(self, first: int, count: int) -> Block:
        """A part of the feed, cut anew."""
        replica = self.log.replica
        envelopes = self.log.read_feed(replica, first, count)
        self._size = max(self._size, first + count)
        return Block.make(replica, first, self.log.frontier(replica, first), envelopes)


def everything(log: BlockReader, after: int = 0, limit: int = 3) -> list[Entry]:
    """Every entry up to the end, page by page."""
    entries: list[Entry] = []
    end = log.end()
    while after < end:
        page = log.read(after, limit)
        assert page.through >= after
        entries += page.entries
        after = page.through
    return entries


def bytes_of(entries: Sequence[Entry]) -> list[bytes]:
    """The blocks of entries."""
    return [entry.data for entry in entries]


def _announce_themselves(log: SharedLog, names: set[str]) -> bool:
    return {each.name for each in log.announced()} == names


class SharedLogContract:
    """The promises of every shared log."""

    def test_a_new_log_is_empty(self, logs: Logs) -> None:
        assert everything(logs[0]) == []
        assert logs[0].tail(Writer("ada").log.replica) is None
        assert logs[0].description == logs[1].description
        assert logs[0].description.format == 1

    def test_two_servers_read_the_same_blocks_in_the_same_order(self, logs: Logs) -> None:
        ada, ben = Writer("ada"), Writer("ben")
        blocks = [ada.block(), ben.block(), ada.block(3), ben.block(1), ada.block()]
        lasts = {ada.log.replica: 0, ben.log.replica: 0}
        for number, block in enumerate(blocks):
            replica = block.header.replica
            lasts[replica] = logs[number % 2].append(block, last=lasts[replica])
        first, second = (everything(log) for log in logs)
        assert first == second
        assert bytes_of(first) == [block.data for block in blocks]
        places = [entry.place for entry in first]
        assert places == sorted(set(places))
        assert places[0] > 0

    def test_reading_goes_on_from_any_place(self, logs: Logs) -> None:
        ada, last = Writer("ada"), 0
        for _ in range(7):
            last = logs[0].append(ada.block(1), last=last)
        entries = everything(logs[1])
        for number, entry in enumerate(entries):
            assert everything(logs[1], entry.place) == entries[number + 1 :]

    def test_an_append_returns_the_place_of_its_block(self, logs: Logs) -> None:
        ada, last = Writer("ada"), 0
        places = [last := logs[0].append(ada.block(), last=last) for _ in range(3)]
        assert [entry.place for entry in everything(logs[1])] == places

    def test_the_tail_of_a_replica_is_its_last_block(self, logs: Logs) -> None:
        ada, ben = Writer("ada"), Writer("ben")
        place = logs[0].append(ada.block(), last=0)
        decided = ada.block()
        last = logs[0].append(decided, last=place, seen=place, decides=True)
        logs[1].append(ben.block(), last=0)
        everything(logs[1])
        assert logs[1].tail(ada.log.replica) == Entry(last, decided.data)
        facts = ada.block()
        last = logs[0].append(facts, last=last)
        assert logs[0].tail(ada.log.replica) == Entry(last, facts.data)

    def test_the_end_lies_behind_all_that_was_appended(self, logs: Logs) -> None:
        ada, ben = Writer("ada"), Writer("ben")
        mine, theirs = 0, 0
        for _ in range(3):
            mine = logs[0].append(ada.block(), last=mine)
            assert logs[1].end() >= mine
            theirs = logs[1].append(ben.block(), last=theirs, seen=mine, decides=True)
            assert logs[0].end() >= theirs

    def test_no_block_stands_at_a_place_that_is_known_as_empty(self, logs: Logs) -> None:
        ada, last = Writer("ada"), 0
        for number in range(6):
            logs[number % 2].end()
            last = logs[number % 2].append(ada.block(), last=last)
        places = {entry.place for entry in everything(logs[0])}
        for log in logs:
            assert not any(map(log.is_empty, places))
            assert not log.is_empty(log.end() + 1)

    def test_of_two_decisions_behind_one_place_one_holds(self, logs: Logs) -> None:
        ada, ben = Writer("ada").block(), Writer("ben").block()
        place = logs[0].append(ada, last=0, seen=0, decides=True)
        with pytest.raises(ConflictError):
            logs[1].append(ben, last=0, seen=0, decides=True)
        assert bytes_of(everything(logs[1])) == [ada.data]
        logs[1].append(ben, last=0, seen=place, decides=True)
        assert bytes_of(everything(logs[0])) == [ada.data, ben.data]

    def test_facts_of_others_are_in_nobodys_way(self, logs: Logs) -> None:
        ada, ben, eve = Writer("ada"), Writer("ben"), Writer("eve")
        facts = ada.block()
        logs[0].append(facts, last=0)
        decided = ben.block()
        logs[1].append(decided, last=0, seen=0, decides=True)
        more = eve.block()
        logs[0].append(more, last=0)
        assert bytes_of(everything(logs[1])) == [facts.data, decided.data, more.data]

    def test_facts_of_ones_own_do_not_stand_for_the_decisions_of_others(self, logs: Logs) -> None:
        ada, ben = Writer("ada"), Writer("ben")
        decided = ben.block()
        logs[1].append(decided, last=0, seen=0, decides=True)
        facts = ada.block()
        last = logs[0].append(facts, last=0)
        with pytest.raises(ConflictError):
            logs[0].append(ada.block(), last=last, seen=0, decides=True)
        assert bytes_of(everything(logs[1])) == [decided.data, facts.data]

    def test_facts_can_be_appended_on_condition_that_nobody_decided(self, logs: Logs) -> None:
        ada, ben, eve = Writer("ada"), Writer("ben"), Writer("eve")
        first, other = ada.block(), eve.block()
        last = logs[0].append(first, last=0, seen=0)
        logs[1].append(other, last=0, seen=0)
        second = ada.block()
        last = logs[0].append(second, last=last, seen=0)
        decided = ben.block()
        place = logs[1].append(decided, last=0, seen=0, decides=True)
        third = ada.block()
        with pytest.raises(ConflictError):
            logs[0].append(third, last=last, seen=last)
        logs[0].append(third, last=last, seen=place)
        blocks = [first, other, second, decided, third]
        assert bytes_of(everything(logs[1])) == [block.data for block in blocks]

    def test_a_block_may_decide_for_others_whatever_they_did(self, logs: Logs) -> None:
        ada, ben, eve = Writer("ada"), Writer("ben").block(), Writer("eve")
        first = logs[0].append(ada.block(), last=0, seen=0, decides=True)
        last = logs[0].append(ada.block(), last=first, decides=True)
        place = logs[1].append(ben, last=0, decides=True)
        for decides in (False, True):
            with pytest.raises(ConflictError):
                logs[0].append(eve.block(), last=0, seen=last, decides=decides)
            eve = Writer("eve")
        logs[0].append(eve.block(), last=0, seen=place)

    @pytest.mark.parametrize("seen", [None, 0])
    def test_a_feed_that_went_on_elsewhere_refuses_the_append(
        self, logs: Logs, seen: int | None
    ) -> None:
        ada, clone = Writer("ada"), Writer("ada")
        shared = ada.block()
        assert clone.block().data == shared.data
        decides = seen is not None
        last = logs[0].append(shared, last=0, seen=seen, decides=decides)
        here = ada.block(text="here")
        logs[0].append(here, last=last, seen=last if decides else None, decides=decides)
        with pytest.raises(ConflictError):
            logs[1].append(clone.block(text="there"), last=last, seen=None)
        assert bytes_of(everything(logs[1])) == [shared.data, here.data]
        with pytest.raises(ConflictError):
            logs[1].append(clone.again(2, 2), last=last, seen=logs[1].end())
        with pytest.raises(ConflictError):
            logs[1].append(clone.again(2, 2), last=last, seen=logs[1].end(), decides=True)
        assert bytes_of(everything(logs[1])) == [shared.data, here.data]

    @pytest.mark.parametrize("decides", [False, True])
    @pytest.mark.parametrize("asks", [False, True])
    def test_an_append_that_is_repeated_is_there_once(
        self, logs: Logs, decides: bool, asks: bool
    ) -> None:
        ada, ben = Writer("ada"), Writer("ben")
        before = logs[0].append(ben.block(), last=0)
        block, seen = ada.block(), before if asks else None
        place = logs[0].append(block, last=0, seen=seen, decides=decides)
        assert logs[0].append(block, last=0, seen=seen, decides=decides) == place
        assert logs[1].append(block, last=0, seen=seen, decides=decides) == place
        later = logs[0].append(ben.block(), last=before, seen=place, decides=True)
        assert logs[1].append(block, last=0, seen=seen, decides=decides) == place
        assert [entry.place for entry in everything(logs[1])] == [before, place, later]

    def test_a_block_above_the_limit_is_refused_and_nothing_is_appended(self, logs: Logs) -> None:
        block = Writer("ada").block()
        large = Block(block.header, block.envelopes, bytes(logs[0].block_bytes_max + 1))
        with pytest.raises(InvalidValueError, match="takes at most"):
            logs[0].append(large, last=0)
        assert everything(logs[0]) == []

    def test_a_replaced_block_stands_at_its_place(self, logs: Logs) -> None:
        ada, last = Writer("ada"), 0
        blocks = [ada.block(), ada.block(), ada.block()]
        places = [last := logs[0].append(block, last=last) for block in blocks]
        erased = blocks[1].without(lambda envelope: envelope.header.index == 2)
        logs[1].replace(places[1], erased)
        changed = [blocks[0].data, erased.data, blocks[2].data]
        for log in logs:
            entries = everything(log)
            assert [entry.place for entry in entries] == places
            assert bytes_of(entries) == changed
        logs[0].replace(places[2], blocks[2].without(lambda envelope: True))
        after = logs[1].append(ada.block(), last=places[2])
        assert [entry.place for entry in everything(logs[1])] == [*places, after]
        assert Envelope(Block.decode(everything(logs[1])[2].data).envelopes[0]).payload == b""

    def test_a_place_may_be_emptied_and_filled_again(self, logs: Logs) -> None:
        ada, ben = Writer("ada"), Writer("ben")
        blocks = [ada.block(), ben.block(), ada.block()]
        places = [logs[0].append(blocks[0], last=0), logs[0].append(blocks[1], last=0)]
        places.append(logs[0].append(blocks[2], last=places[0]))
        logs[0].replace(places[1], None)
        assert bytes_of(everything(logs[1])) == [blocks[0].data, blocks[2].data]
        logs[1].replace(places[1], blocks[1])
        assert everything(logs[0]) == [
            Entry(place, block.data) for place, block in zip(places, blocks, strict=True)
        ]

    def test_nothing_can_be_put_behind_the_end(self, logs: Logs) -> None:
        with pytest.raises(NotFoundError):
            logs[0].replace(logs[0].end() + 1000, Writer("ada").block())
        assert everything(logs[0]) == []

    def test_who_waits_is_woken_by_news(self, logs: Logs) -> None:
        end = logs[0].end()
        logs[0].wait(end, 0.01)
        woken = threading.Event()

        def wait() -> None:
            while not logs[0].read(end).entries:
                logs[0].wait(end, 5)
            woken.set()

        thread = threading.Thread(target=wait)
        thread.start()
        logs[1].append(Writer("ada").block(), last=0)
        assert woken.wait(60)
        thread.join()

    def test_writers_at_once_lose_nothing_and_keep_the_order_of_each_feed(self, logs: Logs) -> None:
        def write(number: int) -> list[bytes]:
            writer, log, last = Writer(f"writer {number}"), logs[number % 2], 0
            blocks = [writer.block() for _ in range(5)]
            for block in blocks:
                last = log.append(block, last=last)
            return [block.data for block in blocks]

        with ThreadPoolExecutor(6) as pool:
            feeds = list(pool.map(write, range(6)))
        appended = bytes_of(everything(logs[0]))
        assert len(appended) == 30
        for feed in feeds:
            assert [data for data in appended if data in feed] == feed

    def test_racing_decisions_are_made_one_after_the_other(self, logs: Logs) -> None:
        def decide(number: int) -> list[tuple[int, int]]:
            writer, log, last, seen = Writer(f"server {number}"), logs[number % 2], 0, 0
            held = []
            for _ in range(4):
                block = writer.block()
                while True:
                    while (page := log.read(seen)).through > seen:
                        seen = page.through
                    try:
                        last = log.append(block, last=last, seen=seen, decides=True)
                    except ConflictError:
                        continue
                    held.append((seen, last))
                    break
            return held

        with ThreadPoolExecutor(3) as pool:
            spans = sorted(span for held in pool.map(decide, range(3)) for span in held)
        places = [entry.place for entry in everything(logs[0])]
        assert [place for _, place in spans] == places
        # Nobody decided without knowing the decision before.
        assert all(seen >= before for (seen, _), before in zip(spans[1:], places, strict=False))

    def test_a_server_is_known_by_its_last_announcement(self, logs: Logs) -> None:
        assert logs[1].announced() == []
        for place in (3, 7):
            logs[0].announce(Announcement("ada:/cache", place, NOW_MS))
        # In JetStream a question may come before the nodes know that somebody listens.
        until(lambda: logs[1].announced() == [Announcement("ada:/cache", 7, NOW_MS)])
        writer = Announcement("ben:/store", 1, NOW_MS, feed="0" * 32, unpublished=5)
        logs[1].announce(writer)
        for log in logs:
            names = {"ada:/cache", writer.name}
            until(partial(_announce_themselves, log, names))
            assert writer in log.announced()
        assert everything(logs[0]) == []

    def test_another_key_for_tokens_is_seen_at_once(self, logs: Logs) -> None:
        before = logs[1].describe()
        assert before == logs[1].description
        logs[0].append(Writer("ada").block(), last=0)
        for key in ("1" * 64, "2" * 64):
            logs[0].change_key(key)
            assert logs[1].describe() == msgspec.structs.replace(before, access_key=key)
        assert len(everything(logs[1])) == 1

    def test_a_closed_log_refuses(self, logs: Logs) -> None:
        logs[0].close()
        logs[0].close()
        with pytest.raises(StoreClosedError):
            logs[0].read(0)
        with pytest.raises(StoreClosedError):
            logs[0].append(Writer("ada").block(), last=0)
        assert everything(logs[1]) == []
