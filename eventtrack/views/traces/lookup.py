"""Looks up the traces that a call means: by ids, or the oldest of an experiment."""

from collections.abc import Iterable, Iterator, Sequence

from eventtrack import limits, validate
from eventtrack.errors import NotFoundError
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.projections.trace_tables import find_trace, newest_traces, trace_by_number


def existing_trace(reader: Reader, trace_id: str) -> TraceState:
    """The state of a trace.

    Raises:
        NotFoundError: There is no such trace, it was deleted, or it is known by hearsay only.
    """
    state = find_trace(reader, validate.text("trace ID", trace_id))
    if state is None or not state.shown:
        raise NotFoundError(
            f"Trace with ID '{trace_id}' not found.",
            hint="is it the right store? mlflow.search_traces() lists its traces",
        )
    return state


def shown_traces(
    reader: Reader, trace_ids: Iterable[str], experiment_ids: Sequence[str] | None
) -> Iterator[TraceState]:
    """The shown traces of some ids, without repeats."""
    for trace_id in dict.fromkeys(trace_ids):
        state = find_trace(reader, trace_id)
        if state is None or not state.shown:
            continue
        if experiment_ids is None or state.experiment_id in experiment_ids:
            yield state


def oldest_traces(reader: Reader, experiment_id: str, last_ms: int | None) -> list[TraceState]:
    """The traces of an experiment that began up to a time, oldest first."""
    experiment = reader.experiment(experiment_id)
    if experiment is None:
        return []
    latest = limits.INT64_MAX if last_ms is None else last_ms
    rows = newest_traces(reader, experiment.number, limits.INT64_MIN, latest)
    states = [trace_by_number(reader, number) for _, number in rows]
    known = [state for state in states if state is not None]
    return sorted(known, key=lambda state: (state.request_ms, state.trace_id))
