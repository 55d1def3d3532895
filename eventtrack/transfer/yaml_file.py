"""YAML files that others wrote: small mappings, read at a cost that is bounded by their size."""

import re
from pathlib import Path
from typing import Any

import yaml

from eventtrack.transfer.report import Report

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXTS_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
# MLflow keeps up to 16 MiB about a dataset in such a file.
META_BYTES_MAX = 2**25
_DEPTH_MAX = 50
_LINE = re.compile(r"([A-Za-z_]\w*):(?: +(.*))?")
# Nearly all files: a line for each value, without nesting and references.
_PLAIN = re.compile(rb"(?:[A-Za-z_]\w*:[^&*\[{\r\n]*(?:\[\])?\n)+")
_BEGINS = (yaml.events.MappingStartEvent, yaml.events.SequenceStartEvent)
_ENDS = (yaml.events.MappingEndEvent, yaml.events.SequenceEndEvent)
# Errors from values that look like a date or a number and are none.
_ODD = (yaml.YAMLError, ValueError, OverflowError, RecursionError)


def read_mapping(path: Path, report: Report) -> tuple[dict[str, Any], bool]:
    """The names and values of a file, and whether it is whole.

    A file that is no YAML, has references, or is nested deep is reported as damaged; the values
    of its lines that can be read alone are kept.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(META_BYTES_MAX + 1)
    except OSError as error:
        report.damaged(path, None, error.strerror or str(error))
        return {}, False
    if len(data) > META_BYTES_MAX:
        report.damaged(path, None, f"it has more than {META_BYTES_MAX} bytes")
        return {}, False
    if not data.strip(b"\0 \r\n\t"):
        report.damaged(path, 0, "the file is empty")
        return {}, False
    try:
        _check(data)
        mapping = yaml.load(data, _LOADER)  # noqa: S506 - a safe loader, in C where there is
    except _ODD as error:
        mark = getattr(error, "problem_mark", None)
        report.damaged(path, getattr(mark, "index", None), f"no YAML: {_first_line(error)}")
        return _by_lines(data), False
    if not isinstance(mapping, dict):
        report.damaged(path, 0, "no mapping of names to values")
        return {}, False
    if not data.endswith(b"\n"):
        # Writers end each line: the last value may be half of one.
        lost = next(reversed(mapping))
        report.damaged(path, len(data), f"the last line is cut off; `{lost}` was left out")
        del mapping[lost]
    return {str(key): value for key, value in mapping.items()}, data.endswith(b"\n")


def _check(data: bytes) -> None:
    """Refuse small files with huge values: references to other values, and endless nesting."""
    if _PLAIN.fullmatch(data):
        return
    depth = 0
    for event in yaml.parse(data, Loader=_LOADER):
        if getattr(event, "anchor", None) is not None:
            raise yaml.YAMLError("references between values are not read")
        depth += isinstance(event, _BEGINS) - isinstance(event, _ENDS)
        if depth > _DEPTH_MAX:
            raise yaml.YAMLError(f"values are nested deeper than {_DEPTH_MAX}")


def _by_lines(data: bytes) -> dict[str, Any]:
    """The values of lines with one value each; a value that cannot be parsed is a text."""
    values: dict[str, Any] = {}
    for line in data.decode(errors="replace").replace("\0", "").splitlines():
        match = _LINE.fullmatch(line)
        if match is None or len(line) > 10_000:
            continue
        for loader in (_LOADER, _TEXTS_LOADER):
            try:
                _check(line.encode())
                value = yaml.load(line, loader)  # noqa: S506 - safe loaders
            except _ODD:
                continue
            if isinstance(value, dict):
                values |= value
            break
    return values


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
