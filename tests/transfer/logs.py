"""A folder of logs, for tests that look at what an import makes of them."""

from pathlib import Path
from typing import Any

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.moments import Choices
from eventtrack.transfer.report import Report
from eventtrack.transfer.tables import CsvTables, JsonTables
from tests.transfer.theirs import ORIGIN_TAGS, runs_of

Curve = list[tuple[int, float]]
START_S = 1_714_744_800


class Logs:
    """A folder of logs and what an import made of them."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store

    def put(self, name: str, text: str | bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def take(
        self, *paths: Path, experiment: str | None = None, choices: Choices | None = None
    ) -> Report:
        """Import files, twice: the second time changes nothing."""
        tables = CsvTables if paths[0].suffix in (".csv", ".tsv", ".txt") else JsonTables

        def once() -> Report:
            source = tables(paths, experiment, choices or Choices())
            return import_histories(self.store, source, lambda done, total: None)

        report, head = once(), self.store.events.head()
        again = once()
        assert (self.store.events.head(), again.kept) == (head, [])
        return report

    def run(self, name: str) -> Any:
        """The run of a name."""
        [run] = [run for run in runs_of(self.store) if run.info.run_name == name]
        return run

    def names(self) -> list[str]:
        """The names of all runs."""
        return sorted(run.info.run_name for run in runs_of(self.store))

    def curves(self, name: str) -> dict[str, Curve]:
        """The curves of a run, by metric."""
        run_id = self.run(name).info.run_id
        found = {}
        for key in self.store.metrics.keys(run_id):
            points = self.store.metrics.arrays(run_id, key)
            found[key] = list(zip(points.steps, points.values, strict=True))
        return found

    def seconds(self, name: str, key: str) -> list[float]:
        """The times of a metric's points, from `START_S` on."""
        points = self.store.metrics.arrays(self.run(name).info.run_id, key)
        return [time / 1000 - START_S for time in points.timestamps]

    def tags(self, name: str) -> dict[str, str]:
        """The tags of a run that the source named."""
        tags = self.run(name).data.tags
        return {k: v for k, v in tags.items() if k not in {*ORIGIN_TAGS, "mlflow.runName"}}
