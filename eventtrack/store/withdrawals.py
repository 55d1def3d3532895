"""Withdraws points: they stay on record, but no longer count (docs/corrections.md)."""

from collections.abc import Sequence

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events.histories import Withdrawal
from eventtrack.projections import cuts, forks
from eventtrack.projections.curves import AnyCurve
from eventtrack.projections.item_curves import AnySeries
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader


def steps_of(first_step: int | None, last_step: int | None) -> tuple[int, int]:
    """The first and the last of the steps that a caller means; None leaves an end open.

    Raises:
        InvalidValueError: A step is no integer of 64 bits, or the last comes before the first.
    """
    first = limits.INT64_MIN if first_step is None else validate.int64("first_step", first_step)
    last = limits.INT64_MAX if last_step is None else validate.int64("last_step", last_step)
    if first > last:
        raise InvalidValueError(
            f"the first step {first} comes after the last step {last}",
            hint="give the steps the other way round; both are included",
        )
    return first, last


def after(step: int) -> int | None:
    """The first step that a rewind to a step withdraws; None where no step can be greater.

    Raises:
        InvalidValueError: The step is no integer of 64 bits.
    """
    step = validate.int64("step", step)
    return step + 1 if step < limits.INT64_MAX else None


def withdrawal(
    reader: Reader, run: RunState, keys: Sequence[str] | None, steps: tuple[int, int]
) -> Withdrawal | None:
    """The withdrawal of points of a run that are here; None if there are none to withdraw.

    Args:
        keys: Names of metrics and other series; None for all.
        steps: The first and the last step.

    Raises:
        NotFoundError: The run has no series of a name.
    """
    # A key names all series of that name, of points and of items.
    series: dict[str, list[AnyCurve | AnySeries]] = {}
    for key, curve in reader.curves(run).items():
        series.setdefault(key, []).append(curve)
    for name, items in reader.series(run).items():
        series.setdefault(cuts.key_of(name), []).append(items)
    for key in keys or ():
        if key not in series:
            raise NotFoundError(
                f"Run with id={run.run_id} has no metric {key!r}, nor another series of that name",
                hint="it has: " + ", ".join(sorted(series)[:20] or ["none"]),
            )
    first, last = steps
    wanted = [it for key in (series if keys is None else keys) for it in series[key]]
    if not any(it.count and it.step >= first for it in wanted):
        return None
    names = None if keys is None else sorted(set(keys))
    merged = sorted(other.run_id for other in forks.merged_runs(reader, run)[1:])
    return Withdrawal(cuts.covering(run), names, first, last, merged)


def clean_keys(keys: Sequence[str] | None) -> list[str] | None:
    """Names of metrics, checked.

    Raises:
        InvalidValueError: A name is not allowed, or the list is empty or one text.
    """
    if keys is None:
        return None
    if isinstance(keys, str) or not keys:
        raise InvalidValueError(
            "keys has to be a list of metrics, or None for all",
            hint='write keys=["loss"], or leave it out',
        )
    if len(keys) > limits.WITHDRAWAL_NAMES_MAX // 2:
        raise InvalidValueError(
            f"{len(keys)} metrics are too many to withdraw at once", hint="withdraw all, or fewer"
        )
    return [validate.metric_key(key) for key in keys]
