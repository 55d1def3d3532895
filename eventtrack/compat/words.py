"""Words and times of events as MLflow's messages take them.

An event of another machine may hold any text as a state, and any time. MLflow's clients give up on
a whole answer with a word that they do not know, so one such event would hide all runs beside it.
"""

from datetime import UTC, datetime

from eventtrack.views.records import ModelStatus, RunStatus
from eventtrack.views.traces.records import TraceStatus

_SOURCE_TYPES = ("HUMAN", "LLM_JUDGE", "CODE")
_SOURCE_UNSPECIFIED = "SOURCE_TYPE_UNSPECIFIED"
# The seconds of protobuf's timestamps: the years 1 to 9999.
_SECONDS_MIN, _SECONDS_MAX = -62_135_596_800, 253_402_300_799

# Of protobuf's durations: 10,000 years.
_DURATION_MS_MAX = 315_576_000_000_000


def run_status(word: str) -> str:
    """The status of a run; one that is unknown has not ended."""
    return word if word in RunStatus.ALL else RunStatus.RUNNING


def model_status(word: str) -> str:
    """The status of a logged model."""
    return word if word in ModelStatus.ALL else ModelStatus.UNSPECIFIED


def trace_state(word: str) -> str:
    """The state of a trace."""
    return word if word in TraceStatus.ALL else TraceStatus.UNSPECIFIED


def source_type(word: str) -> str:
    """The kind of the source of an assessment."""
    return word if word in _SOURCE_TYPES else _SOURCE_UNSPECIFIED


def is_assessment(kind: str, value: object) -> bool:
    """Whether MLflow has messages for an assessment."""
    if kind == "issue":
        return isinstance(value, dict) and isinstance(value.get("issue_name"), str)
    return kind in ("feedback", "expectation")


def timestamp(milliseconds: int) -> str:
    """A moment as protobuf's JSON writes it; the nearest that it can write."""
    seconds, part = divmod(milliseconds, 1000)
    bounded = min(max(seconds, _SECONDS_MIN), _SECONDS_MAX)
    moment = datetime.fromtimestamp(bounded, UTC).replace(tzinfo=None).isoformat()
    return f"{moment}.{part:03}Z" if part else f"{moment}Z"


def duration(milliseconds: int) -> str:
    """A length of time as protobuf's JSON writes it; the nearest that it can write."""
    sign, (seconds, part) = (
        ("-" if milliseconds < 0 else ""),
        divmod(min(abs(milliseconds), _DURATION_MS_MAX), 1000),
    )
    return f"{sign}{seconds}.{part:03}s" if part else f"{sign}{seconds}s"
