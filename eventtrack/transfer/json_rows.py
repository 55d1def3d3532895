"""JSON files as rows: an object on each line, or any other way in which programs write their logs.

The forms that are read: objects one after the other, on a line each or not; an array of objects; an
array of `[wall time, step, value]`, as TensorBoard's pages give a curve; objects with an array for
each column; tables of pandas; `log_history` of the Hugging Face trainer; metrics of Sacred. NaN and
Infinity may be bare words, as Python writes them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from eventtrack.transfer.cells import Habits, habits
from eventtrack.transfer.decoding import FileText
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import Paths, param_text
from eventtrack.transfer.sheets import Row, Sheet

_SPACE = re.compile(r"[\s,]*")
_NEXT_LINE = re.compile(r"[\r\n]([{\[])")
_CURVE = ("Wall time", "Step", "Value")
_PANDAS_SPLIT = {"columns", "index", "data"}
Place = int  # of a character


def read_json(path: Path, report: Report) -> Sheet:
    """The rows of a file; damaged parts are reported."""
    values = _Values(path, report)
    sheet = Sheet(
        path, place=values.line_of_row, byte=values.byte_of_row, way=f"{values.encoding}, JSON"
    )
    sheet.digest = values.digest
    paths, documents = Paths(), iter(values)
    head = list(islice(documents, 2))
    for place, document in chain(head, documents):
        try:
            for row in _rows(document, alone=len(head) == 1, settings=sheet.settings):
                if row is None:
                    values.damaged(place, "no JSON object")
                else:
                    sheet.add(_flat(paths, row))
                    values.places.append(place)
        except (TypeError, ValueError, RecursionError) as error:
            values.damaged(place, f"not understood: {error}")
    texts = (cell for column in sheet.columns.values() for cell in column.cells)
    with_commas = any(isinstance(cell, str) and "," in cell for cell in texts)
    cells = (cell for column in sheet.columns.values() for cell in column.cells)
    sheet.habits = habits(cells, semicolons=False) if with_commas else Habits()
    return sheet


class _Values:
    """The values of a file one after the other, each with its place."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path, self._report = path, report
        self._file = FileText(path, report)
        self.encoding, self.digest = self._file.encoding, self._file.digest
        self.places: list[Place] = []  # of each row
        self._decode = json.JSONDecoder(object_pairs_hook=self._object).raw_decode
        self._text = self._file.text

    def __iter__(self) -> Iterator[tuple[Place, Any]]:
        place = self._skip(0)
        inner = self._skip(place + 1)
        if self._text.startswith("[", place) and self._text.startswith(("{", "["), inner):
            return self._elements(place)
        return self._until(place, self._next_line)

    def damaged(self, place: Place, problem: str) -> None:
        """Report a place."""
        line = self._file.line_of(place)
        self._report.damaged(self._path, self._file.byte_of(place), problem, place=f"line {line}")

    def line_of_row(self, row: int) -> str:
        """The line of a row, in words."""
        return f"line {self._file.line_of(self.places[row])}"

    def byte_of_row(self, row: int) -> int:
        """The offset of a row, in bytes."""
        return self._file.byte_of(self.places[row])

    def _until(
        self, place: Place, next_of: Callable[[Place], Place | None]
    ) -> Iterator[tuple[Place, Any]]:
        """Values up to the end; after damage, reading goes on at the next begin of a value."""
        end = len(self._text.rstrip())
        while place < end:
            try:
                if self._text[place] not in "{[":
                    raise ValueError("no JSON object begins there")
                value, stop = self._decode(self._text, place)
            except (ValueError, RecursionError) as error:
                message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                self.damaged(place, f"no JSON object: {message}")
                next_place = next_of(place)
                place = end if next_place is None else next_place
            else:
                yield place, value
                place = self._skip(stop)

    def _elements(self, place: Place) -> Iterator[tuple[Place, Any]]:
        """The elements of an array, whose end may be missing."""
        first = self._skip(place + 1)
        lead = self._text[self._text.rfind("\n", 0, first) + 1 : first]
        on_lines = not lead or lead.isspace()
        behind = re.compile(rf"\n{re.escape(lead)}([{{\[])")

        def next_of(place: Place) -> Place | None:
            match = behind.search(self._text, place) if on_lines else None
            return None if match is None else match.start(1)

        stop = self._text.rstrip()
        if stop.endswith("]") and len(stop) > first:
            self._text = stop[:-1]  # else the array's own end would be damage
        yield from self._until(first, next_of)

    def _next_line(self, place: Place) -> Place | None:
        match = _NEXT_LINE.search(self._text, place)
        return None if match is None else match.start(1)

    def _skip(self, place: Place) -> Place:
        match = _SPACE.match(self._text, place)
        return place if match is None else match.end()

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; two values with the same name are both kept."""
        values = dict(pairs)
        if len(values) == len(pairs):
            return values
        values = {}
        for key, value in pairs:
            new, again = key, 0
            while new in values:
                again += 1
                new = f"{key}.{again}"
            if again:
                self._report.note(f"{self._path}: a second value of {key[:80]} is {new[-80:]}")
            values[new] = value
        return values


def _rows(document: Any, *, alone: bool, settings: dict[str, Any]) -> Iterator[Row | None]:
    """The rows of a document; None for each item that is no row."""
    if isinstance(document, list):
        if alone and len(document) > len(_CURVE) and all(map(_is_scalar, document)):
            yield from ({"value": value} for value in document)
        else:
            yield _row_of_list(document)
    elif not isinstance(document, Mapping):
        yield None
    elif isinstance(document.get("log_history"), list):
        settings |= {key: value for key, value in document.items() if key != "log_history"}
        for entry in document["log_history"]:
            yield dict(entry) if isinstance(entry, Mapping) else None
    elif alone and document:
        yield from _rows_of_table(document)
    else:
        yield dict(document)


def _row_of_list(cells: Sequence[Any]) -> Row | None:
    if not cells or any(isinstance(cell, list | dict) for cell in cells):
        return None
    if len(cells) == len(_CURVE):
        return dict(zip(_CURVE, cells, strict=True))
    return {f"column_{number}": cell for number, cell in enumerate(cells, 1)}


def _rows_of_table(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of a file that is one object: a table in one of several forms, or a single row."""
    values = list(document.values())
    if all(isinstance(value, list) and all(map(_is_scalar, value)) for value in values):
        for cells in zip_longest(*values):
            yield dict(zip(document, cells, strict=True))
    elif document.keys() >= _PANDAS_SPLIT and all(isinstance(value, list) for value in values):
        for index, cells in zip(document["index"], document["data"], strict=True):
            yield {"": index, **dict(zip(document["columns"], cells, strict=True))}
    elif all(_is_series(value) for value in values):
        for key, series in document.items():
            times = series.get("timestamps") or [None] * len(series["values"])
            for step, time, value in zip(series["steps"], times, series["values"], strict=True):
                yield {"key": key, "step": step, "timestamp": time, "value": value}
    elif all(
        isinstance(value, Mapping) and value and all(map(_is_index, value)) for value in values
    ):
        for index in dict.fromkeys(index for value in values for index in value):
            row = {key: value.get(index) for key, value in document.items()}
            yield {"": int(index), **row}
    else:
        yield dict(document)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit()


def _is_series(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and {"steps", "values"} <= value.keys() <= {"steps", "values", "timestamps"}
        and len({len(cells) for cells in value.values() if isinstance(cells, list)}) == 1
        and all(isinstance(cells, list) for cells in value.values())
    )


def _flat(paths: Paths, row: Mapping[str, Any]) -> Row:
    """A flat row: nested values get names with dots; arrays become texts."""
    return {
        name: param_text(value) if isinstance(value, list) else value
        for name, value in paths.flat(row)
        if value is not None and value != {}
    }
