"""Erasing a run in any family of forks and merges, on two machines."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.errors import EventtrackError, NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from tests.store.machines import exchange
from tests.store.test_withdrawals import log


def values(store: Store, run_id: str) -> list[float]:
    return list(store.metrics.arrays(run_id, "loss").values)


@settings(max_examples=12, deadline=None)
@given(
    turns=st.lists(
        st.tuples(
            st.sampled_from(["log", "log", "fork", "fork", "rewind", "merge", "exchange"]),
            st.integers(0, 1),
            st.integers(0, 3),
            st.integers(0, 4),
        ),
        max_size=14,
    ),
    erased=st.integers(0, 3),
)
def test_in_any_family_of_runs_the_points_of_an_erased_run_are_nowhere(
    tmp_path_factory: pytest.TempPathFactory,
    turns: list[tuple[str, int, int, int]],
    erased: int,
) -> None:
    folder = tmp_path_factory.mktemp("family")
    stores = [Store(folder / name, ids=SeededIds(name)) for name in ("here", "there")]
    runs = [stores[0].runs.create("0").info.run_id]
    log(stores[0], runs[0], range(3), add=1000)
    exchange(*stores)
    for what, place, which, step in turns:
        store, number = stores[place], which % len(runs)
        with suppress(EventtrackError):  # the run is not there yet, or merged already
            if what == "log":
                log(store, runs[number], range(step, step + 2), add=1000 * (number + 1))
            elif what == "fork":
                runs.append(store.forks.fork(runs[number], step))
            elif what == "rewind":
                store.metrics.rewind(runs[number], step)
            elif what == "merge":
                store.forks.merge(runs[number], runs[(number + 1) % len(runs)])
            else:
                exchange(*stores)
    exchange(*stores)
    number = erased % len(runs)
    stream = f"run/{runs[number]}"
    stores[0].redaction.redact_envelopes(stores[0].feeds.of_stream(stream), "a secret")
    exchange(*stores)
    for store in stores:
        for run_id in runs:
            with suppress(NotFoundError):
                assert not [it for it in values(store, run_id) if it // 1000 == number + 1]
    assert stores[0].maintenance.digest() == stores[1].maintenance.digest()
    for store in stores:
        store.close()
