"""The event of studies: searches that Optuna runs, kept as the entries of its journal.

All studies of a store share the stream `study/optuna`. Which entries have an effect, and in which
order, is in docs/format.md, "Studies".
"""

from typing import Annotated

import msgspec

from eventtrack.events.types import Event
from eventtrack.limits import STUDY_FIELDS_LENGTH_MAX

Fields = Annotated[str, msgspec.Meta(max_length=STUDY_FIELDS_LENGTH_MAX)]


class StudyEntry(msgspec.Struct, array_like=True, frozen=True):
    """One entry, within `StudyRecorded`: an operation of Optuna's journal with its fields as JSON.

    `study` is the id of the study, and `trial` that of the trial or "". Both are ids of runs.
    """

    operation: int
    study: str
    trial: str
    fields: Fields


class StudyRecorded(Event, frozen=True):
    """Operations on studies and trials were recorded."""

    entries: list[StudyEntry]
