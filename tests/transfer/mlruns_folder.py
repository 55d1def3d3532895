"""Folders `mlruns` of any content, and what an import shows of them."""

from pathlib import Path
from typing import Any

from eventtrack.transfer.mlruns import FileStore
from eventtrack.transfer.report import Report
from tests.transfer.reading import Read, read
from tests.transfer.theirs import START_MS

A, B = "a" * 32, "b" * 32


def experiment(root: Path, number: str = "1", name: str = "flowers", **facts: Any) -> Path:
    """Write an experiment's facts."""
    folder = root / number
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"experiment_id": f"'{Path(number).name}'", "name": name} | facts
    lines = {"artifact_location": "x", "lifecycle_stage": "active"} | facts
    (folder / "meta.yaml").write_text("".join(f"{key}: {text}\n" for key, text in lines.items()))
    return folder


def run(folder: Path, run_id: str = A, /, **facts: Any) -> Path:
    """Write a run with a param, a tag and a metric."""
    place = folder / run_id
    for name, text in {"params/lr": "0.1", "tags/stage": "x"}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    (place / "metrics").mkdir()
    (place / "metrics/loss").write_text("".join(f"{START_MS + n} {n / 4} {n}\n" for n in range(4)))
    lines: dict[str, Any] = {"experiment_id": "'1'", "artifact_uri": "''", "tags": "[]"}
    lines |= {"run_id": run_id, "status": 3, "start_time": START_MS, "end_time": START_MS + 9}
    lines |= {"run_name": "n", "user_id": "ada", "lifecycle_stage": "active"}
    lines |= facts
    text = "".join(f"{key}: {value}\n" for key, value in sorted(lines.items()) if value is not None)
    (place / "meta.yaml").write_text(text)
    return place


def show(root: Path) -> tuple[dict[str, Read], Report]:
    """The runs of a store, by their ids."""
    runs, report = read(FileStore(root))
    assert len({one.run.run_id for one in runs}) == len(runs)
    return {one.run.run_id: one for one in runs}, report


def two_runs(root: Path) -> Path:
    """Write a store with an experiment of two runs."""
    folder = experiment(root)
    run(folder, A)
    run(folder, B)
    return root
