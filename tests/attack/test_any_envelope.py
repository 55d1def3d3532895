"""No envelope stops a store: whatever somebody writes, all that is asked and done still works."""

import contextlib

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventtrack.events.envelope import Draft
from eventtrack.store import Store
from tests.attack.envelopes import NAMES, hostile
from tests.attack.uses import ask_everything, erase_everything, rebuilt, write_everything
from tests.sync.machines import machine, record_run

SETTINGS = settings(
    max_examples=2,
    # To make an example smaller takes minutes, and it is small enough.
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NOUNS = sorted({name.partition(".")[0] for name in NAMES})


def hold(store: Store, drafts: list[Draft]) -> None:
    """Put envelopes into a store's log as they are: it has them of an older eventtrack, say."""
    store.replication.log.transact(lambda txn: [txn.append(one, bytes(16)) for one in drafts])
    if store.redaction.unfinished:
        store.redaction.finish()


@pytest.mark.slow
@pytest.mark.parametrize("noun", NOUNS)
def test_a_store_that_holds_any_envelopes_answers_and_writes(
    tmp_path_factory: pytest.TempPathFactory, noun: str
) -> None:
    names = [name for name in NAMES if name.startswith(noun)]

    @given(st.lists(hostile(names), min_size=6, max_size=12))
    @SETTINGS
    def law(drafts: list[Draft]) -> None:
        with contextlib.closing(machine(tmp_path_factory.mktemp("store"))) as store:
            honest = record_run(store)
            hold(store, drafts)
            ask_everything(store)
            rebuilt(store)
            assert store.runs.get(honest).data.params == {"lr": "run"}
            write_everything(store)
            # Files that somebody only claims are not here, and are said to be missing.
            found = store.maintenance.check().problems
            assert [one for one in found if not one.where.startswith("blob ")] == []
            rebuilt(store)
            erase_everything(store)
            ask_everything(store)
            assert store.stats().skipped_envelopes == {}

    law()
