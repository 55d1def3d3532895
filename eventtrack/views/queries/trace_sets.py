"""Questions about sets of traces: the correlation of two filters, and sessions that have ended."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from eventtrack import limits
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.tags import TRACE_SESSION_KEY
from eventtrack.views.blobs import BlobFiles
from eventtrack.views.context import ReadContext
from eventtrack.views.filters.trees import Expression
from eventtrack.views.traces.fields import parse_trace_filter
from eventtrack.views.traces.records import trace_metadata
from eventtrack.views.traces.search import TraceSearch

# Jeffreys' prior, with which MLflow smooths small counts.
_PRIOR = 0.5


class Correlation(NamedTuple):
    """The correlation of two filters: how often both match the same traces.

    `npmi` is the normalized pointwise mutual information: -1 if they never match together, 1 if
    they always do, NaN if a filter matches no trace. `npmi_smoothed` trusts small counts less.
    """

    npmi: float
    npmi_smoothed: float
    first: int
    second: int
    joint: int
    total: int


class Session(NamedTuple):
    """A session with the moments of its first and last trace, in milliseconds since 1970."""

    session_id: str
    first_ms: int
    last_ms: int


class TraceSets:
    """Questions about sets of traces; each reads all traces of its experiments."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._blobs = BlobFiles(context.source.path)

    def correlation(
        self, experiment_ids: Sequence[str], first: str, second: str, base: str | None = None
    ) -> Correlation:
        """The correlation of two filters over the traces that `base` matches; all by default.

        Raises:
            FilterSyntaxError: A filter cannot be read.
        """
        texts = [f"({base}) AND ({text})" if base else text for text in (first, second)]
        parsed = [parse_trace_filter(text) for text in (*texts, base)]
        with self._context.read() as reader:
            here, there, all_of_them = (
                {state.trace_id for state in self._find(reader, experiment_ids, expression)}
                for expression in parsed
            )
        both, total = here & there, len(all_of_them)
        counts = (len(both), len(here - there), len(there - here), total - len(here | there))
        if not here or not there:
            plain = smoothed = math.nan
        elif here == there and len(both) == total:
            plain = smoothed = 1.0
        else:
            plain = _npmi(*counts) if both else -1.0
            smoothed = _npmi(*(count + _PRIOR for count in counts))
        return Correlation(plain, smoothed, len(here), len(there), len(both), total)

    def completed_sessions(
        self,
        experiment_id: str,
        first_ms: int,
        last_ms: int,
        max_results: int | None = None,
        filter_string: str | None = None,
    ) -> list[Session]:
        """The sessions whose last trace began between two moments, both included; oldest first.

        Args:
            filter_string: Must match the first trace of a session.
        """
        expression = parse_trace_filter(filter_string)
        sessions: dict[str, list[TraceState]] = {}
        with self._context.read() as reader:
            for state in self._find(reader, [experiment_id], None):
                session_id = trace_metadata(reader, state).get(TRACE_SESSION_KEY)
                if session_id is not None:
                    sessions.setdefault(session_id, []).append(state)
            allowed = {trace.trace_id for trace in self._find(reader, [experiment_id], expression)}
        ended = []
        for session_id, states in sessions.items():
            earliest = min(states, key=lambda state: (state.request_ms, state.trace_id))
            latest = max(state.request_ms for state in states)
            if first_ms <= latest <= last_ms and earliest.trace_id in allowed:
                ended.append(Session(session_id, earliest.request_ms, latest))
        return sorted(ended, key=lambda session: (session.last_ms, session.session_id))[
            :max_results
        ]

    def _find(
        self, reader: Reader, experiment_ids: Sequence[str], expression: Expression | None
    ) -> list[TraceState]:
        known = [
            reader.experiment(str(experiment_id)) for experiment_id in dict.fromkeys(experiment_ids)
        ]
        experiments = [state for state in known if state is not None]
        search = TraceSearch(reader, experiments, self._blobs.read)
        return search.find(expression, (), 0, limits.INT64_MAX)


def _npmi(both: float, first: float, second: float, neither: float) -> float:
    """The normalized pointwise mutual information of a table of counts."""
    total = both + first + second + neither
    expected = (both + first) * (both + second) / total
    return max(-1.0, min(1.0, math.log(both / expected) / -math.log(both / total)))
