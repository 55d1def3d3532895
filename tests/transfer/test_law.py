"""The importers' law for the formats of other trackers; see tests/contracts/importer.py."""

import struct
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

import yaml

from eventtrack.store import Store
from eventtrack.transfer.mlflow_database import SqlStore
from eventtrack.transfer.mlruns import FileStore
from eventtrack.transfer.source import Source
from eventtrack.transfer.tensorboard import EventFolders
from eventtrack.transfer.trackio import Databases
from eventtrack.transfer.wandb import RunFolders
from tests.contracts.importer import (
    Fact,
    Facts,
    ImportContract,
    facts_of_runs,
    point_fact,
)
from tests.transfer import made

IDS = ("a" * 32, "b" * 32)


def single(value: float) -> float:
    """A number as 32 bits have it."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


class TestTensorboard(ImportContract):
    """Checksums cover lengths and records."""

    checksums = True
    values = ((0, 0.9), (1, 0.8), (2, 0.75))

    def write(self, folder: Path) -> None:
        """Two runs with a curve."""
        for _ in self.grow(folder):
            pass

    def grow(self, folder: Path) -> Iterator[None]:
        """Event by event."""
        for count in range(1, len(self.values) + 1):
            for number, name in enumerate(("one", "two")):
                (folder / name).mkdir(exist_ok=True)
                events = [
                    made.scalar_event(1.7e9 + step, step + number, "loss", value)
                    for step, value in self.values[:count]
                ]
                file = folder / name / "events.out.tfevents.1700000000.host"
                file.write_bytes(made.event_file(*events))
            yield

    def source(self, folder: Path) -> Source:
        """The folder as TensorBoard is given it."""
        return EventFolders(folder, "flowers")

    def facts(self, folder: Path) -> Facts | None:
        """What `write` wrote."""
        return {
            name: {
                point_fact("loss", step + number, made.START_MS + 1000 * step, single(value))
                for step, value in self.values
            }
            for number, name in enumerate(("one", "two"))
        }

    def runs_in(self, file: Path) -> AbstractSet[str]:
        """A folder is a run."""
        return {file.parts[0]}

    def is_accounted(self, folder: Path, shown: Facts, store: Store) -> bool:
        """A file that ends where a record ends is not seen to be cut."""
        whole = self.facts(folder) or {}
        return all(facts <= whole[name] for name, facts in shown.items())


class TestWandb(ImportContract):
    """Checksums cover kinds and records."""

    checksums = True

    def write(self, folder: Path) -> None:
        """Two runs with a curve each."""
        for run_id in ("one", "two"):
            place = folder / f"offline-run-20231114_1-{run_id}"
            place.mkdir()
            rows = [made.wandb_row(n, 1.7e9 + n, {"loss": 1 / (n + 1)}) for n in range(3)]
            run = made.wandb_run(run_id, {"lr": 0.5}, 1_700_000_000)
            data = made.wandb_file(run, *rows, made.wandb_exit(9))
            (place / f"run-{run_id}.wandb").write_bytes(data)

    def source(self, folder: Path) -> Source:
        """The folder that runs are written to."""
        return RunFolders(folder)

    def facts(self, folder: Path) -> Facts | None:
        """What `write` wrote."""
        points = {point_fact("loss", n, made.START_MS + 1000 * n, 1 / (n + 1)) for n in range(3)}
        return {name: points | {("param", "lr", "0.5")} for name in ("one", "two")}

    def runs_in(self, file: Path) -> AbstractSet[str]:
        """A file is a run."""
        return {file.stem.removeprefix("run-")}

    def is_accounted(self, folder: Path, shown: Facts, store: Store) -> bool:
        """A file that ends where a record ends is not seen to be cut."""
        whole = self.facts(folder) or {}
        return all(facts <= whole.get(name, facts) for name, facts in shown.items())


class TestMlruns(ImportContract):
    """No checksums: a file says what it says."""

    def write(self, folder: Path) -> None:
        """Two runs with a curve and a param each."""
        (folder / "1").mkdir()
        (folder / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: flowers\n")
        lines = "".join(f"{made.START_MS + step} 0.{step}5 {step}\n" for step in (3, 4, 5))
        for run_id, name in zip(IDS, ("one", "two"), strict=True):
            made.mlruns_run(folder / "1" / run_id, name, lines, {"lr": "0.5"})

    def source(self, folder: Path) -> Source:
        """The folder `mlruns`."""
        return FileStore(folder)

    def facts(self, folder: Path) -> Facts | None:
        """What the files of each run say."""
        try:
            return {
                name: facts
                for run in (folder / "1").iterdir()
                if run.is_dir()
                for name, facts in [self._facts_of(run)]
            }
        except (KeyError, TypeError, ValueError, yaml.YAMLError):
            return None

    @staticmethod
    def _facts_of(run: Path) -> tuple[str, set[Fact]]:
        meta = yaml.safe_load((run / "meta.yaml").read_bytes())
        facts: set[Fact] = {("param", "lr", (run / "params" / "lr").read_text())}
        for line in (run / "metrics" / "loss").read_text().splitlines():
            time, value, step = line.split(" ")
            facts.add(point_fact("loss", int(step), int(time), float(value)))
        if not isinstance(meta["run_name"], str):
            raise TypeError("YAML reads another thing than a name there")
        return meta["run_name"], facts

    def runs_in(self, file: Path) -> AbstractSet[str] | None:
        """A folder is a run."""
        if len(file.parts) == 2:
            return None  # the experiment's
        return {dict(zip(IDS, ("one", "two"), strict=True))[file.parts[1]]}

    def is_accounted(self, folder: Path, shown: Facts, store: Store) -> bool:
        """Names that are no names in YAML are not compared."""
        facts = self.facts(folder)
        return facts is None or {name: found for name, found in facts.items() if name} == shown


class OneFile(ImportContract):
    """A database in one file, without checksums: SQLite says what it can read."""

    def facts(self, folder: Path) -> Facts | None:
        """What `write` wrote."""
        points = {point_fact("loss", n, made.START_MS + self.unit_ms * n, 0.25) for n in (1, 2)}
        return {name: points | {("param", "lr", "0.5")} for name in ("one", "two")}

    unit_ms = 1

    def is_accounted(self, folder: Path, shown: Facts, store: Store) -> bool:
        """A changed byte of a text or of a number is what the database says."""
        whole = self.facts(folder) or {}
        # Runs whose id was changed are runs of their own, of the same name.
        found = sum(len(facts) for facts in facts_of_runs(store))
        return found >= sum(map(len, whole.values())) - 1


class TestMlflowDatabase(OneFile):
    """`sqlite:///mlflow.db`."""

    def write(self, folder: Path) -> None:
        """Two runs with a curve and a param each."""
        made.mlflow_database(folder / "mlflow.db", dict(zip(IDS, ("one", "two"), strict=True)))

    def source(self, folder: Path) -> Source:
        """The database."""
        return SqlStore(f"sqlite:///{folder}/mlflow.db")


class TestTrackio(OneFile):
    """A database of a project."""

    unit_ms = 1000

    def write(self, folder: Path) -> None:
        """Two runs with a curve and a param each."""
        made.trackio_database(folder / "flowers.db", dict(zip(IDS, ("one", "two"), strict=True)))

    def source(self, folder: Path) -> Source:
        """The folder of databases."""
        return Databases(folder)
