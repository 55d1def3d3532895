"""What an import or an export took, what it did not, and why."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eventtrack.errors import CorruptionError, NotFoundError
from eventtrack.store.intake import Taken
from eventtrack.views.records import Record

# Lines of each list that are kept; all are counted.
_LINES_MAX = 1000


class Damage(Record):
    """A place in a source that could not be read; `offset` in bytes, None where it says nothing."""

    file: str
    offset: int | None
    problem: str


class ExperimentTaken(Record):
    """Under which id and name an experiment of the source is here."""

    source_id: str
    experiment_id: str
    name: str


@dataclass
class Report:
    """Filled while an import runs; `exit_code` says how it went."""

    source: str
    taken: Taken = field(default_factory=Taken)
    runs_seen: int = 0
    experiments: list[ExperimentTaken] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    damage_count: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    unreadable_count: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    kept_count: int = 0
    not_taken: Counter[str] = field(default_factory=Counter)

    def damaged(self, file: Path | str, offset: int | None, problem: str) -> None:
        """A part of the source is not what it should be; what could be read of it was taken."""
        self.damage_count += 1
        if len(self.damage) < _LINES_MAX:
            self.damage.append(Damage(file=str(file), offset=offset, problem=problem))

    def missing(self, what: str, reason: str) -> None:
        """Something that the source names could not be read from here."""
        self.unreadable_count += 1
        if len(self.unreadable) < _LINES_MAX:
            self.unreadable.append((what, reason))

    def differs(self, fact: str) -> None:
        """Something that is otherwise where it goes to, and stays so."""
        self.kept_count += 1
        if len(self.kept) < _LINES_MAX:
            self.kept.append(fact)

    def left_out(self, what: str, count: int = 1) -> None:
        """Something that there is no place for here, as a kind: `image summaries`, say."""
        if count:
            self.not_taken[what] += count

    @property
    def exit_code(self) -> int:
        """0 when all was taken that has a place here, else that of the error that says why not."""
        if self.damage_count:
            return CorruptionError.exit_code
        return NotFoundError.exit_code if self.unreadable_count else 0

    def to_dictionary(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "source": self.source,
            "runs_seen": self.runs_seen,
            "taken": vars(self.taken),
            "experiments": [one.to_dictionary() for one in self.experiments],
            "damage": [one.to_dictionary() for one in self.damage],
            "damage_count": self.damage_count,
            "unreadable": [{"what": what, "reason": why} for what, why in self.unreadable],
            "unreadable_count": self.unreadable_count,
            "renamed": self.renamed,
            "kept": self.kept,
            "kept_count": self.kept_count,
            "not_taken": dict(self.not_taken),
        }
