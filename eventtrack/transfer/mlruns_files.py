"""The files of MLflow's file store: facts in YAML, a file for each param, tag and metric."""

from array import array
from collections.abc import Iterator
from pathlib import Path

from eventtrack.projections.points import Points
from eventtrack.transfer.folders import walk
from eventtrack.transfer.mlflow_facts import in_milliseconds, real, rounded
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import Series
from eventtrack.views.records import Metric

# Fields of a point: with a step, and with the name and the digest of a dataset.
_FIELDS = (2, 3, 5)
_MODEL_FIELDS = (4, 6)
_OF_WORDS = bytes(sorted(set(range(256)) - set(b" \t\n\r\v\f")))

Point = tuple[int, int, float]  # time, step, value


def files_in(folder: Path, report: Report) -> Iterator[Path]:
    """All files below a folder; their relative paths are names with slashes."""
    if folder.is_dir():
        for _, files in walk(folder, report):
            yield from files


def texts_in(folder: Path, report: Report) -> dict[str, str]:
    """Params or tags: a file for each, named by the key."""
    texts = {}
    for path in files_in(folder, report):
        data = _bytes_of(path, report)
        if data is None:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            report.damaged(path, error.start, "no UTF-8; the bytes that are not were replaced")
            text = data.decode(errors="replace")
        texts[path.relative_to(folder).as_posix()] = text
    return texts


def series_in(folder: Path, report: Report) -> Series:
    """All points: a file for each metric, named by the key."""
    for path in files_in(folder, report):
        data = _bytes_of(path, report)
        if data is not None:
            yield path.relative_to(folder).as_posix(), _points(path, data, report)


def measured_in(folder: Path, report: Report) -> Iterator[Metric]:
    """Points of a logged model: `timestamp value step run [dataset's name, its digest]`."""
    for path in files_in(folder, report):
        data = _bytes_of(path, report)
        for offset, line in _lines(path, data or b"", report):
            words = line.decode(errors="replace").split()
            point = _point(words[:3], path, offset, report) if len(words) in _MODEL_FIELDS else None
            if point is None:
                if len(words) not in _MODEL_FIELDS:
                    report.damaged(path, offset, f"no point: it has {len(words)} fields")
                continue
            yield Metric(
                key=path.relative_to(folder).as_posix(),
                timestamp=point[0],
                value=point[2],
                step=point[1],
                run_id=words[3],
                dataset_name=words[4] if len(words) > 4 else None,
                dataset_digest=words[5] if len(words) > 5 else None,
            )


def _points(path: Path, data: bytes, report: Report) -> Points:
    """A metric's file: a line `timestamp value step` for each point; old files have no step."""
    points = Points()
    words = data.split()
    lines = data.count(b"\n")
    if not words:
        report.damaged(path, 0, "a metric's file without a point")
        return points
    # With two spaces a line at most, and three words a line in all, each line has three words.
    if len(words) == 3 * lines and data.translate(None, _OF_WORDS) == b"  \n" * lines:
        try:
            points.timestamps = array("q", list(map(int, words[::3])))
            points.values = array("d", list(map(float, words[1::3])))
            points.steps = array("q", list(map(int, words[2::3])))
        except (ValueError, OverflowError):
            points = Points()  # line by line then, to say where
        else:
            return points
    for offset, line in _lines(path, data, report):
        words = line.split()
        if len(words) not in _FIELDS:
            report.damaged(path, offset, f"no point: it has {len(words)} fields")
            continue
        point = _point([word.decode(errors="replace") for word in words], path, offset, report)
        if point is not None:
            points.timestamps.append(point[0])
            points.steps.append(point[1])
            points.values.append(point[2])
    return points


def _lines(path: Path, data: bytes, report: Report) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets. A last line without an end may be cut off: it is left out."""
    offset = 0
    for line in data.splitlines(keepends=True):
        if not line.endswith((b"\n", b"\r")):
            report.damaged(path, offset, "the last line is cut off")
        elif line.strip():
            yield offset, line
        offset += len(line)


def _point(words: list[str], path: Path, offset: int, report: Report) -> Point | None:
    def damaged(problem: str) -> None:
        report.damaged(path, offset, problem)

    value = real(words[1])
    if value is None:
        damaged(f"no value: {words[1][:100]!r}")
        return None
    time = rounded(words[0], "time", damaged)
    step = rounded(words[2], "step", damaged) if len(words) > 2 else 0
    if time is None or step is None:
        return None
    return in_milliseconds(time) if len(words) == 2 else time, step, value


def _bytes_of(path: Path, report: Report) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        report.missing(str(path), error.strerror or str(error))
        return None
