"""Filters over runs: every expression is a set of run numbers, by scans of the index.

No run is decoded to be tested: the index holds every value that a filter can ask for. Only long
texts are read from the run. A run is named by its 4-byte number, which also ends each index row.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.projections.state import effective_lifecycle
from eventtrack.views.filters.trees import And, Comparison, Expression, Not, Or
from eventtrack.views.records import LifecycleStage
from eventtrack.views.search.rows import NUMBERS_AMONG_TEXTS, STARTS, TEXTS_END, IndexRows, Number
from eventtrack.views.search.values import (
    encoded,
    is_indexed,
    is_numeric,
    name_of,
    text_test,
    texts_of,
)

# A pattern's part is looked for in the keys of so many rows at once.
_LOOKED_AT_ONCE = 256
# Keys of texts that the index cuts are the longest: experiment, field, text, mark and run.
_CUT_KEY_BYTES = 8 + index.TEXT_BYTES_MAX + 1 + 4
_STAGE = (index.ATTRIBUTE, "lifecycle_stage")
# As many rows of deleted runs are looked up one by one: a millisecond or two.
ASKED_MAX = 1024


class RunSets:
    """Sets of runs within one read of the views.

    Attributes:
        swept: The keys of fields of which every value was tested, as no index helps.
    """

    def __init__(self, rows: IndexRows) -> None:
        self._rows = rows
        self.swept: set[str] = set()

    def matching(self, expression: Expression) -> set[Number]:
        """The numbers of the runs of which an expression is true."""
        if isinstance(expression, And):
            sets = sorted((self.matching(part) for part in expression.parts), key=len)
            return set.intersection(*sets)
        if isinstance(expression, Or):
            return set().union(*(self.matching(part) for part in expression.parts))
        if isinstance(expression, Not):
            return self._rows.all() - self.matching(expression.part)
        return self._compare(expression)

    def _compare(self, comparison: Comparison) -> set[Number]:
        field, operator, value = comparison.field, comparison.operator, comparison.value
        name = name_of(field)
        if not is_indexed(field):
            return self._compare_unindexed(comparison)
        if operator == "IS NOT NULL":
            return {key[-4:] for key in self._rows.rows(name)}
        if operator == "IS NULL":
            return self._rows.all() - {key[-4:] for key in self._rows.rows(name)}
        if is_numeric(field):
            return self._compare_number(name, operator, value)
        if isinstance(value[0] if isinstance(value, tuple) else value, float):
            if operator in ("!=", "NOT IN"):
                opposite = "=" if operator == "!=" else "IN"
                numbers = self._compare_number(name, opposite, value, index.AMONG_TEXTS)
                return {key[-4:] for key in self._rows.rows(name)} - numbers
            return self._compare_number(name, operator, value, index.AMONG_TEXTS)
        if operator in ("=", "IN"):
            return self._equal_texts(name, value)
        if operator in ("!=", "NOT IN") and name[0] != index.DATASET:  # a run may have several
            self.swept.add(field.key)
            return {key[-4:] for key in self._rows.rows(name)} - self._equal_texts(name, value)
        test = text_test(operator, value)
        is_like = operator == "LIKE"
        if not is_like or str(value)[:1] in ("%", "_"):
            self.swept.add(field.key)
        rows = self._like_rows(name, str(value)) if is_like else self._rows.rows(name)
        return {key[-4:] for key in rows if any(test(text) for text in self._texts(key, name))}

    def _compare_number(
        self, name: FieldName, operator: str, value: object, mark: bytes = index.NUMBER
    ) -> set[Number]:
        """The runs with a number as asked for; `mark` begins the values of numbers in the index."""
        if operator in ("IN", "NOT IN", "!="):
            wanted = value if isinstance(value, tuple) else (value,)
            equal = {mark + encoded(number)[1:] for number in wanted}
            inside = operator == "IN"
            bounds = () if mark == index.NUMBER else NUMBERS_AMONG_TEXTS
            rows = self._rows.rows(name, *bounds)
            return {key[-4:] for key in rows if (index.value_of(key) in equal) == inside}
        low, high = value if isinstance(value, tuple) else (value, value)
        first, last = mark + encoded(low)[1:], mark + encoded(high)[1:]
        strict = operator in ("<", ">")
        bound = first if strict else b""
        if operator in ("<", "<="):
            first = mark
        elif operator in (">", ">="):
            last = mark + b"\xff" * 8
        return {
            key[-4:]
            for key in self._rows.rows(name, first, last)
            if not strict or index.value_of(key) != bound
        }

    def _equal_texts(self, name: FieldName, value: object) -> set[Number]:
        wanted = value if isinstance(value, tuple) else (value,)
        return set().union(*(self._equal_text(name, str(text)) for text in wanted))

    def _equal_text(self, name: FieldName, text: str) -> set[Number]:
        value = index.encode_text(text)
        # All rows that begin with the value; a longer row belongs to a longer text.
        size = len(index.row(0, 0, value, 0))
        rows = self._rows.rows(name, value, value)
        if value[-1:] == index.WHOLE:
            return {key[-4:] for key in rows if len(key) == size}
        return {key[-4:] for key in rows if len(key) == size and text in self._texts(key, name)}

    def _like_rows(self, name: FieldName, pattern: str) -> Iterator[bytes]:
        """The rows that a pattern may match: those with its beginning and its longest part."""
        beginning, *parts = pattern.replace("_", "%").split("%")
        first = beginning.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff")
        first = first[: index.TEXT_BYTES_MAX]
        rows = self._rows.rows(name, first, first + TEXTS_END if first else TEXTS_END)
        part = max(parts, key=len, default="").encode("utf-8", "surrogatepass")
        if not part or b"\0" in part:
            return rows
        return _with_part(rows, part)

    def _texts(self, key: bytes, name: FieldName) -> list[str]:
        text, whole = index.decode_text(index.value_of(key))
        return [text] if whole else texts_of(self._rows.state(key[-4:]), name)

    def _compare_unindexed(self, comparison: Comparison) -> set[Number]:
        operator, value = comparison.operator, comparison.value
        if value is None:  # every run has an id and a URI for its files
            return self._rows.all() if operator == "IS NOT NULL" else set()
        if comparison.field.key == "run_id" and operator in ("=", "IN"):
            wanted = value if isinstance(value, tuple) else (value,)
            numbers = (self._rows.reader.number(f"run/{run_id}") for run_id in wanted)
            keys = {number.to_bytes(4, "big") for number in numbers if number is not None}
            return keys & self._rows.all()
        test = text_test(operator, value)
        if comparison.field.key == "run_id":
            return {number for number in self._rows.all() if test(self._rows.state(number).run_id)}
        return {
            number
            for number in self._rows.all()
            if test(self._rows.artifact_uri(self._rows.state(number)))
        }

    def deleted(self) -> set[Number]:
        """The runs that are deleted, by themselves or with their experiment."""
        numbers = self._equal_text(_STAGE, LifecycleStage.DELETED)
        for experiment in self._rows.experiments.values():
            if not experiment.lifecycle[1]:
                continue
            # Runs with a stage of their own have a row: the later change counts.
            own = set(self._rows.of(experiment.number, _STAGE))
            stages = {n: effective_lifecycle(self._rows.state(n), experiment) for n in own}
            numbers -= own
            numbers |= {n for n in own if stages[n] == LifecycleStage.DELETED}
            if experiment.lifecycle[0] == LifecycleStage.DELETED:
                numbers |= self._rows.of(experiment.number, STARTS) - own
        return numbers


class ManyDeleted:
    """The deleted runs of a search, where they are many: a page of runs asks only for its own.

    Args:
        rows: The rows of experiments that were never deleted or restored themselves.
        whole: Reads all deleted runs; called once more runs were asked for than `ASKED_MAX`.
    """

    def __init__(self, rows: IndexRows, whole: Callable[[], set[Number]]) -> None:
        self._rows = rows
        self._whole = whole
        self._left = ASKED_MAX
        field = rows.reader.field(_STAGE)
        value = index.encode_text(LifecycleStage.DELETED)
        numbers = rows.experiments if field is not None else ()
        self._beginnings = [index.prefix(number, field or 0) + value for number in numbers]

    def left_by(self, numbers: set[Number]) -> set[Number]:
        """The runs of `numbers` that are not deleted."""
        if len(numbers) * len(self._beginnings) > self._left:
            return numbers - self._whole()
        return {number for number in numbers if number not in self}

    def __contains__(self, number: Number) -> bool:
        self._left -= len(self._beginnings)
        if self._left < 0:
            return number in self._whole()
        stored = self._rows.reader.rows
        return any(stored.get(index.CROWDS, key + number) is not None for key in self._beginnings)


def _with_part(rows: Iterator[bytes], part: bytes) -> Iterator[bytes]:
    """The rows whose text has a part, or is cut. No Python code runs for each of the others.

    A key is longer than its text, so a row more may come; the caller tests the texts.
    """
    while batch := list(islice(rows, _LOOKED_AT_ONCE)):
        if part in b"".join(batch) or max(map(len, batch)) >= _CUT_KEY_BYTES:
            yield from (key for key in batch if part in key or key[-5:-4] == index.CUT)
