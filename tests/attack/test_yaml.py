"""`meta.yaml` of a file store that somebody else wrote."""

from pathlib import Path

import pytest

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlruns import FileStore
from eventtrack.transfer.yaml_file import META_BYTES_MAX
from tests.transfer.made import mlruns_run

ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "aliases": ALIASES + "run_name: *i\n",
    "merges": "a: &a {b: 1}\nrun_name: {<<: *a}\n",
    "itself": "run_name: &a [*a]\n",
    "long": "run_name: x\n" + "#" * META_BYTES_MAX,
    "deep": "run_name: " + "[" * 900 + "]" * 900,
    "deeper": "run_name: " + "[" * 100_000,
    "tag": "run_name: !!python/object/apply:os.system [true]\n",
    "bytes": "run_name: \x00",
    "nothing": "",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_reported_and_stops_no_other_run(tmp_path: Path, bomb: str) -> None:
    root = tmp_path / "mlruns"
    for name in ("good", "evil"):
        mlruns_run(root / "1" / name, name, "1 0.5 0\n", {})
    (root / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: theirs\n")
    (root / "1" / "evil" / "meta.yaml").write_text(BOMBS[bomb])
    store = Store(tmp_path / "store")
    try:
        report = import_histories(store, FileStore(root), lambda done, total: None)
        runs = store.runs.search(experiments_of(store))
        # The points of the other are whole, whatever its facts say.
        assert [run.data.metrics for run in runs] == [{"loss": 0.5}] * 2
        assert "good" in [run.info.run_name for run in runs]
        assert "evil/meta.yaml" in str(report.damage)
        assert all(len(run.info.run_name) < 100 for run in runs)
    finally:
        store.close()


def experiments_of(store: Store) -> list[str]:
    """Every experiment."""
    return [one.experiment_id for one in store.experiments.search()]
