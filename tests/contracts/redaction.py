"""What every event log promises of payloads that are to be erased."""

import pytest

from eventtrack.events.envelope import CODEC_ZSTD, Draft, Envelope
from eventtrack.events.reading import events_of
from eventtrack.events.types import PayloadsRedacted
from eventtrack.log.protocol import EventLog, LogTransaction
from tests.contracts.event_log import NOW_MS, RUN, SESSION, append, foreign_feed, point, receive


class RedactionContract:
    """A backend subclasses this and supplies `log`."""

    def test_a_redaction_takes_payloads_out_and_leaves_every_proof(self, log: EventLog) -> None:
        foreign = foreign_feed(2)
        append(log, point(0), point(1))
        receive(log, *foreign)
        before = log.heads()
        names = [(log.replica, 1), (Envelope(foreign[0]).header.replica, 0)]
        order = PayloadsRedacted(names, [], "a name was logged", NOW_MS)
        append(log, Draft.of(RUN, order))
        assert log.erased() == 2
        found = log.read(0, 10)
        assert [bool(one.payload) for one in found] == [True, False, False, True, True]
        assert events_of(found[1]) == []
        found[1].verify()
        heads = log.heads()
        assert heads[names[1][0]] == before[names[1][0]]
        assert heads[log.replica].size == before[log.replica].size + 1

    def test_what_arrives_after_its_redaction_loses_its_payload(self, log: EventLog) -> None:
        foreign = foreign_feed(2)
        replica = Envelope(foreign[0]).header.replica
        append(log, Draft.of(RUN, PayloadsRedacted([(replica, 1)], [], "no", NOW_MS)))
        receive(log, *foreign)
        assert [bool(one.payload) for one in log.read_feed(replica, 0, 10)] == [True, False]
        assert log.read_feed(replica, 1, 1)[0].leaf_hash == Envelope(foreign[1]).leaf_hash

    def test_the_record_of_a_redaction_is_never_redacted(self, log: EventLog) -> None:
        append(log, point(0), Draft.of(RUN, PayloadsRedacted([(log.replica, 0)], [], "no", NOW_MS)))
        append(log, Draft.of(RUN, PayloadsRedacted([(log.replica, 1)], [], "hide", NOW_MS)))
        assert [bool(one.payload) for one in log.read(0, 10)] == [False, True, True]

    def test_a_redaction_is_obeyed_when_its_body_is_compressed(self, log: EventLog) -> None:
        append(log, point(0))
        reason = " ".join(f"{place * place % 997} words why" for place in range(60))
        append(log, Draft.of(RUN, PayloadsRedacted([(log.replica, 0)], [], reason, NOW_MS)))
        [_, order] = log.read(0, 10)
        assert (order.header.codec, b"payloads.redacted" in order.data) == (CODEC_ZSTD, False)
        assert [bool(one.payload) for one in log.read(0, 10)] == [False, True]

    def test_a_redaction_that_was_not_committed_took_nothing(self, log: EventLog) -> None:
        append(log, point(0))

        def fail(txn: LogTransaction) -> None:
            txn.append(
                Draft.of(RUN, PayloadsRedacted([(log.replica, 0)], [], "no", NOW_MS)), SESSION
            )
            raise RuntimeError

        with pytest.raises(RuntimeError):
            log.transact(fail)
        assert log.erased() == 0
        assert log.read(0, 1)[0].payload
