"""When runs began, as lists of experiments show it."""

from eventtrack.store import Store

DAY_MS = 86_400_000
NOW_MS = 1_000 * DAY_MS


def test_activity_counts_starts_over_the_shortest_time_that_holds_all(store: Store) -> None:
    busy, quiet = store.experiments.create("busy"), store.experiments.create("quiet")
    for age in (0, 1, 1.5, 29.9):
        store.runs.create(busy, start_time=int(NOW_MS - age * DAY_MS))
    deleted = store.runs.create(busy, start_time=NOW_MS).info.run_id
    store.runs.delete(deleted)
    found = store.overview.activity(NOW_MS)
    assert found.width == DAY_MS
    assert found.low + 30 * found.width == NOW_MS + 1
    assert found.counts[busy] == [1, *[0] * 27, 2, 2]
    assert quiet not in found.counts


def test_activity_of_long_ago_and_of_the_future_is_left_out(store: Store) -> None:
    experiment_id = store.experiments.create("old")
    for start in (0, NOW_MS - 600 * DAY_MS, NOW_MS + DAY_MS):
        store.runs.create(experiment_id, start_time=start)
    assert store.overview.activity(NOW_MS).width == 12 * DAY_MS
    assert store.overview.activity(NOW_MS).counts == {}
