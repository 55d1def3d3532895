"""Of a feed that two copies wrote to, both ends are proved; a witness vouches for one."""

from pathlib import Path

import pytest

from eventtrack.audit.auditor import Auditor
from eventtrack.audit.checkpoints import Checkpoint
from eventtrack.audit.proofs import parse_proofs
from eventtrack.errors import ConflictError
from eventtrack.store import Store
from tests.sync.machines import record_run, reopened, snapshot_of
from tests.sync.test_forks import meet


def test_proofs_and_signed_heads_of_both_ends_hold(one: Store, two: Store, tmp_path: Path) -> None:
    before = record_run(one, "before")
    auditor = Auditor(one)
    auditor.seal()
    again = reopened(snapshot_of(one, tmp_path / "again"), "again")
    here, there = record_run(one, "here"), record_run(again, "there")
    mine, theirs = auditor.seal(), Auditor(again).seal()
    meet(one, again)
    meet(two, one)
    keys = Auditor(two).keys(Checkpoint.of(mine).replica)
    for store in (one, again, two):
        assert Auditor(store).check_heads()[0] == 3
        for run_id, note in ((here, mine), (there, theirs), (before, None)):
            proofs = Auditor(store).prove(store.feeds.of_stream(f"run/{run_id}"))
            for proof in proofs:
                _, head = parse_proofs(str(proof))[0].verify(keys)
                assert note is None or head == Checkpoint.of(note)
    small, large = sorted((mine, theirs), key=lambda note: Checkpoint.of(note).size)
    with pytest.raises(ConflictError, match="two ends"):
        Auditor(two).consistency(small, large)
    again.close()


def test_a_witness_vouches_for_one_end_only(one: Store, two: Store, tmp_path: Path) -> None:
    record_run(one, "before")
    again = reopened(snapshot_of(one, tmp_path / "again"), "again")
    record_run(one, "here")
    replica = one.feeds.own
    mine = Auditor(one).seal()
    meet(two, one)
    assert Checkpoint.of(Auditor(two).witness(replica)) == Checkpoint.of(mine)
    record_run(again, "there", points=30)
    Auditor(again).seal()
    meet(two, again)
    assert Checkpoint.of(Auditor(two).witness(replica)) == Checkpoint.of(mine)
    again.close()
