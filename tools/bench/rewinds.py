"""Rewinds of runs: what one costs for a thousand points and for a million, in one run."""

from pathlib import Path

from _harness import Report, Samples, seconds

from eventtrack.projections.points import Points
from eventtrack.store import Store
from eventtrack.store.intake import Intake

FEW, MANY = 1_000, 1_000_000
GOAL_MS = 10.0
# Each rewind of a run goes to an earlier step than the one before.
PARTS = (0.7, 0.65, 0.6, 0.55, 0.5)


def series(steps: list[int]) -> Points:
    """A point for each step, a millisecond apart."""
    points = Points()
    points.steps.extend(steps)
    points.timestamps.extend(range(1, len(steps) + 1))
    points.values.extend(float(step % 97) for step in steps)
    return points


def straight(count: int) -> list[int]:
    """Steps that grow."""
    return list(range(count))


def doubled(count: int) -> list[int]:
    """Steps of a training that went on from a checkpoint without a rewind."""
    back = count // 4
    return [*range(count - back), *range(count - 2 * back, count - back)]


def rewinds(folder: Path, steps: list[int]) -> Samples:
    """Milliseconds of each of several rewinds of one run, durable and folded."""
    store = Store(folder)
    run_id = store.runs.create("0").info.run_id
    intake = Intake(store)
    intake.series(run_id, "loss", series(steps))
    intake.flush()
    store.metrics.latest(run_id)
    taken = []
    for part in PARTS:
        step = int(len(steps) * part)
        taken.append(seconds(lambda step=step: store.metrics.rewind(run_id, step)))  # type: ignore[misc]
        store.metrics.latest(run_id)
    store.close()
    return Samples(taken).scaled(1e3)


def main() -> None:
    """Measure and report."""
    report = Report(__doc__.splitlines()[0] if __doc__ else "")
    with report.folder() as folder:
        for name, steps_of in (("steps grow", straight), ("steps double back", doubled)):
            few = rewinds(folder / f"{name} few", steps_of(FEW))
            report.figure(f"rewind of {FEW:,} points, {name}", few, "ms", goal=GOAL_MS)
            many = rewinds(folder / f"{name} many", steps_of(MANY))
            report.figure(f"rewind of {MANY:,} points, {name}", many, "ms", goal=GOAL_MS)
    report.finish()


if __name__ == "__main__":
    main()
