"""What a fold keeps in memory between its transactions."""

import pytest

from eventtrack.projections import cache
from eventtrack.store import Store


def test_a_fold_keeps_fewer_runs_in_memory_the_larger_they_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """7,500 runs of 1,500 metrics each took gigabytes."""
    monkeypatch.setattr(cache, "_FACTS_CACHED_MAX", 500)
    fold = store._engine.views.in_use()._cache
    runs = [store.runs.create("0").info.run_id for _ in range(12)]
    assert len(fold.runs) == len(runs)
    kept = []
    for run_id in runs * 2:
        store.runs.log_params(run_id, {f"p{place}": "x" for place in range(100)})
        kept.append(len(fold.runs))
    assert max(kept[12:]) < len(runs)
    # The same run again and again is weighed once.
    for place in range(40):
        store.runs.set_tags(runs[0], {"t": place})
    assert fold.runs
    assert all(len(run.data.params) == 100 for run in store.runs.search(["0"]))
