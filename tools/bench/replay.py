"""Replay: folding a log anew, against only decoding it; digests, rebuilds."""

import time

import msgspec
from _harness import Report, Samples, measure
from _work import store_of_one_series, store_of_runs, store_of_training

from eventtrack.events.compression import decompress
from eventtrack.events.envelope import CODEC_ZSTD, Envelope
from eventtrack.events.registry import REGISTRY
from eventtrack.store import Moment, Store
from eventtrack.views.moments import folded

RUNS = 2_000
POINTS = 500_000
TRAINING_RUNS, TRAINING_STEPS = 50, 1_000


def decode(envelopes: list[bytes]) -> int:
    """Only decode: header, groups, every event into its struct. Returns the number of events."""
    count = 0
    for data in envelopes:
        envelope = Envelope(data)
        for group in envelope.groups():
            entry = REGISTRY.find(group.type)
            assert entry is not None
            events = entry.decode_many(group.version, group.bodies)
            assert events is not None
            count += len(events)
    return count


def plain_decode(envelopes: list[bytes]) -> None:
    """The least that msgspec can do: header and body into plain values, nothing kept."""
    unpack = msgspec.msgpack.Decoder().decode
    for data in envelopes:
        stop = 2 + int.from_bytes(data[:2], "big")
        view = memoryview(data)
        codec = unpack(view[2:stop])[8]
        body = view[stop + 16 :]
        unpack(decompress(body) if codec == CODEC_ZSTD else body)


def read_log(store: Store) -> list[bytes]:
    """Every envelope's bytes, as the log holds them."""
    log = store._engine.log  # noqa: SLF001 - what is measured lies below the store
    found: list[bytes] = []
    while batch := log.read(len(found), 4096):
        found.extend(envelope.data for envelope in batch)
    return found


def replay(report: Report, name: str, store: Store) -> None:
    """One log: folded into a new folder, and only decoded, in turns."""
    envelopes = read_log(store)
    events = decode(envelopes)
    rounds = max(3, report.rounds // 2)
    decoded = measure(lambda: decode(envelopes), rounds)
    limit = report.limit(f"decoding {name}", decoded.scaled(1e3), "ms")
    plain = measure(lambda: plain_decode(envelopes), rounds)
    report.limit(f"decoding {name} to plain values", plain.scaled(1e3), "ms")
    log, head = store._engine.log, Moment(position=store.events.head())  # noqa: SLF001 - see above

    def fold() -> None:
        with folded(log, head):
            pass

    anew = measure(fold, rounds)
    title = f"{name}: {len(envelopes):,} envelopes, {events:,} events"
    report.figure(f"replay of {title}", anew.scaled(1e3), "ms", limit=limit, ratio_goal=3)
    rate = Samples([events / taken for taken in anew.values])
    report.figure(f"the same as a rate, {name}", rate, "events/s")
    began = time.perf_counter()
    live = store.maintenance.rebuild()
    report.note(f"{name}: rebuild with its digest took {time.perf_counter() - began:.2f} s")
    digested = measure(store.maintenance.digest, rounds).scaled(1e3)
    report.figure(f"digest, {name}", digested, "ms")
    equal, *digests = store.maintenance.verify()
    assert equal
    assert digests == [live, live]


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    with report.folder() as folder:
        store, _ = store_of_one_series(folder, POINTS)
        replay(report, f"a series of {POINTS:,} points", store)
        store.close()
        store = store_of_training(folder, TRAINING_RUNS, TRAINING_STEPS)
        replay(report, f"{TRAINING_RUNS} trainings of 5 x {TRAINING_STEPS:,} points", store)
        store.close()
        store, _ = store_of_runs(folder, RUNS)
        replay(report, f"{RUNS:,} runs of 10 params, 5 tags, 5 x 10 points", store)
        store.close()
    report.finish()


if __name__ == "__main__":
    main()
