"""Damaged stores, and what a salvage of one must have taken: found by other means than its own."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from eventtrack.events.envelope import Envelope
from eventtrack.rescue import SalvageReport, salvage
from eventtrack.store import Store
from eventtrack.views.records import Metric
from tests.sync.machines import envelopes, machine, record_run

PAGE_BYTES = 4096
POINTS = 2000  # of the long metric


class Sample(NamedTuple):
    """A whole store, closed: its folder, its envelopes, and the digest of its views."""

    path: Path
    envelopes: list[Envelope]
    digest: str
    runs: list[str]

    @property
    def data(self) -> bytes:
        """The bytes of its log."""
        return (self.path / "log" / "data.mdb").read_bytes()


def sample(folder: Path) -> Sample:
    """Ten runs with params, tags and points, one of them with an envelope on overflow pages."""
    store = machine(folder)
    runs = [record_run(store, f"run-{number}") for number in range(6)]
    chance = random.Random(3)  # its values cannot be compressed to fewer pages
    rows = [
        Metric(key="long", value=chance.random(), timestamp=one, step=one) for one in range(POINTS)
    ]
    store.runs.log_batch(runs[-1], metrics=rows)
    runs += [record_run(store, f"run-{number}") for number in range(6, 10)]
    store.artifacts.log_bytes(runs[0], b"weights of the first", "model/weights.bin")
    store.artifacts.log_bytes(runs[1], b"weights of the second", "model/weights.bin")
    whole = [Envelope(data) for data in envelopes(store).values()]
    digest = store.maintenance.digest()
    store.close()
    return Sample(folder, whole, digest, runs)


def damaged(whole: Sample, folder: Path, data: bytes) -> Path:
    """A copy of a store with other bytes in its log."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole.path, folder)
    (folder / "log" / "data.mdb").write_bytes(data)
    return folder


@contextmanager
def salvaged(old: Path, new: Path, *remotes: Path) -> Iterator[tuple[Store, SalvageReport]]:
    """The store that a salvage makes, open."""
    shutil.rmtree(new, ignore_errors=True)
    report = salvage(old, new, [str(remote) for remote in remotes])
    store = Store(new, create=False)
    try:
        yield store, report
    finally:
        store.close()


def assert_all_that_survived(
    whole: Sample, data: bytes, store: Store, report: SalvageReport
) -> None:
    """What lies in the damaged bytes in one piece is in the store; nothing else is; gaps are told.

    An envelope is known again by its payload, which begins with random bytes.
    """
    own = store.replication.log.replica
    here = {
        one.header.payload_hash: one
        for one in store.replication.log.read(0, 10**6)
        if one.payload and one.header.replica != own
    }
    gone = []
    for written in whole.envelopes:
        found = here.pop(written.header.payload_hash, None)
        if written.data in data:
            assert found is not None, f"envelope {written.header.index} was not taken"
        if found is None:
            gone.append(written.header.index)
        else:
            assert found.payload == written.payload
            assert found.header.stream == written.header.stream
            assert found.header.recorded == written.header.recorded
            assert found.header.session == written.header.session
    assert not here, "what was never written is in the store"
    told = {index for gap in report.gaps for index in range(gap.first, gap.stop)}
    assert set(gone) <= told or not report.is_end_known
    assert not (gone and report.complete)
    assert store.maintenance.check().ok
