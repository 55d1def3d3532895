"""The report of an import or an export: what it took, what it did not, and why."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eventtrack.errors import EventtrackError
from eventtrack.store.intake import Taken
from eventtrack.views.records import Record

# Each list keeps so many lines; further lines are only counted.
_LINES_MAX = 1000


class Damage(Record):
    """A place in a source that could not be read.

    `offset` counts bytes of the file; it is None if a byte says nothing of the place. `place` is
    the same place in the format's own words: `line 12`, `record 3`, `row 7 of metrics`.
    """

    file: str
    offset: int | None
    problem: str
    place: str = ""


class ExperimentTaken(Record):
    """The id and the name here of an experiment of the source."""

    source_id: str
    experiment_id: str
    name: str


# The command line ends with these codes; `cli.exits` gives them to errors of these kinds.
_DAMAGED, _INCOMPLETE = 8, 3


@dataclass
class Report:
    """Filled while an import runs; `exit_code` says how it went.

    Everything in a source is either in the store or listed here: as damage, as unreadable, or as
    not taken. `notes` say how a source was read if it could be read in several ways; nothing is
    lost by these choices.
    """

    source: str
    taken: Taken = field(default_factory=Taken)
    runs_seen: int = 0
    experiments: list[ExperimentTaken] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    damage_count: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unreadable_count: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    kept_count: int = 0
    not_taken: Counter[str] = field(default_factory=Counter)
    not_taken_places: dict[str, str] = field(default_factory=dict)

    def damaged(
        self,
        file: Path | str,
        offset: int | None,
        problem: str,
        *,
        place: str = "",
        count: int = 1,
    ) -> None:
        """Report that a part of the source is not as it should be; the rest was taken.

        Args:
            place: The place in the format's own words, such as `line 12`.
            count: The number of items of the source that are lost there.
        """
        self.damage_count += count
        if len(self.damage) < _LINES_MAX:
            self.damage.append(Damage(file=str(file), offset=offset, problem=problem, place=place))

    def failed(self, file: Path | str, error: Exception, *, place: str = "") -> None:
        """Report that reading a part of the source raised an error; the rest was taken."""
        self.damaged(file, None, error_text(error), place=place)

    def note(self, text: str) -> None:
        """Say how something was read; the same text is noted once."""
        if text not in self.notes and len(self.notes) < _LINES_MAX:
            self.notes.append(text)

    def missing(self, what: str, reason: str) -> None:
        """Report that something that the source names could not be read from here."""
        self.unreadable_count += 1
        if len(self.unreadable) < _LINES_MAX:
            self.unreadable.append((what, reason))

    def differs(self, fact: str) -> None:
        """Report a fact that is different at the destination, and stays so."""
        self.kept_count += 1
        if len(self.kept) < _LINES_MAX:
            self.kept.append(fact)

    def left_out(self, what: str, count: int = 1, *, place: Path | str = "") -> None:
        """Report items of a kind that has no place here: `image summaries`, say.

        Args:
            place: The place of the items; the first place of each kind is kept.
        """
        if count:
            self.not_taken[what] += count
            if place:
                self.not_taken_places.setdefault(what, str(place))

    @property
    def exit_code(self) -> int:
        """0 when the store has everything of the source; else the code says what is missing.

        8 (corruption): something is damaged. 3 (not found): something could not be read, or has no
        place here, or there was nothing to take.
        """
        if self.damage_count:
            return _DAMAGED
        return _INCOMPLETE if self.unreadable_count or self.not_taken else 0

    def to_dictionary(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "source": self.source,
            "runs_seen": self.runs_seen,
            "taken": vars(self.taken),
            "experiments": [item.to_dictionary() for item in self.experiments],
            "damage": [item.to_dictionary() for item in self.damage],
            "damage_count": self.damage_count,
            "unreadable": [{"what": what, "reason": why} for what, why in self.unreadable],
            "unreadable_count": self.unreadable_count,
            "renamed": self.renamed,
            "notes": self.notes,
            "kept": self.kept,
            "kept_count": self.kept_count,
            "not_taken": dict(self.not_taken),
            "not_taken_places": self.not_taken_places,
        }


def error_text(error: Exception) -> str:
    """An error in a line; errors that are not eventtrack's own come with their type."""
    if isinstance(error, EventtrackError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{type(error).__name__}: {error}"
