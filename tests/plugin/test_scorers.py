"""MLflow's scorers on a store of ours: in the plugin and through our server."""

from typing import Any

import pytest

from tests.plugin.test_datasets import tracker

__all__ = ["tracker"]


def test_scorers_are_registered_listed_and_deleted(tracker: Any) -> None:
    store = tracker.tracking._tracking_service.utils._get_store()
    experiment = tracker.set_experiment("judged").experiment_id
    for place in (1, 2):
        made = store.register_scorer(experiment, "right", f'{{"name": "right", "place": {place}}}')
        assert (made.scorer_version, made.scorer_name) == (place, "right")
    assert [one.scorer_version for one in store.list_scorers(experiment)] == [2]
    assert [one.scorer_version for one in store.list_scorer_versions(experiment, "right")] == [1, 2]
    assert store.get_scorer(experiment, "right", 1)._serialized_scorer.endswith('"place": 1}')
    store.delete_scorer(experiment, "right", 2)
    assert store.get_scorer(experiment, "right").scorer_version == 1
    assert store.register_scorer(experiment, "right", "{}").scorer_version == 3
    store.delete_scorer(experiment, "right")
    with pytest.raises(tracker.exceptions.MlflowException, match="not found for experiment"):
        store.get_scorer(experiment, "right")
    assert list(store.list_scorers(experiment)) == []
