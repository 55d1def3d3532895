"""Facts in all of MLflow's own stores: numbers that stand for words, odd numbers, file places."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from eventtrack.store.intake import IncomingFile
from eventtrack.tags import ENTRY_POINT_TAG, GIT_COMMIT_TAG, SOURCE_NAME_TAG, SOURCE_TYPE_TAG
from eventtrack.transfer.folders import files_below
from eventtrack.transfer.report import Report
from eventtrack.views.records import Dataset, DatasetInput, InputTag, ModelStatus, RunStatus

# service.proto and logged_model_status: the numbers on disk.
RUN_STATUSES = {1: RunStatus.RUNNING, 2: RunStatus.SCHEDULED, 3: RunStatus.FINISHED}
RUN_STATUSES |= {4: RunStatus.FAILED, 5: RunStatus.KILLED}
MODEL_STATUSES = {0: ModelStatus.UNSPECIFIED, 1: ModelStatus.PENDING, 2: ModelStatus.READY}
MODEL_STATUSES |= {3: ModelStatus.FAILED}
# Fields of a run beside its tags in MLflow before 1.0, and the tags that replaced them.
_SOURCE_TAGS = {
    "source_name": SOURCE_NAME_TAG,
    "source_version": GIT_COMMIT_TAG,
    "entry_point_name": ENTRY_POINT_TAG,
    "source_type": SOURCE_TYPE_TAG,
}
_SOURCE_TYPES = {1: "NOTEBOOK", 2: "JOB", 3: "PROJECT", 4: "LOCAL"}
_UNKNOWN_SOURCE = ("", "1000", "UNKNOWN")
# Times of MLflow before 1.0 are seconds, its points have no step.
_SECONDS = range(10**9, 4 * 10**9)
_INT64 = range(-(2**63), 2**63)

Damaged = Callable[[str], None]


def run_status(value: object, damaged: Damaged) -> str:
    """A run's status from its number or its word; RUNNING if there is neither."""
    known = whole(value)
    if known in RUN_STATUSES:
        return RUN_STATUSES[known]
    word = str(value).upper()
    if word in RunStatus.ALL:
        return word
    if value is not None:
        damaged(f"no status of a run: {_shown(value)}; it is taken as running")
    return RunStatus.RUNNING


def model_status(value: object) -> str:
    """A logged model's status from its number or its word."""
    known = whole(value)
    if known in MODEL_STATUSES:
        return MODEL_STATUSES[known]
    return str(value) if value in ModelStatus.ALL else ModelStatus.UNSPECIFIED


def whole(value: object) -> int | None:
    """A whole number of 64 bits from a number or a text, `50.0` too; None for other values."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, float):
        if not math.isfinite(value) or not value.is_integer():
            return None
        value = int(value)
    return value if isinstance(value, int) and value in _INT64 else None


def rounded(value: object, what: str, damaged: Damaged) -> int | None:
    """A step or a time; a fraction is cut to its whole part, and that is reported.

    A value that is no number of 64 bits gives None and is reported.
    """
    exact = whole(value)
    if exact is None:
        number = real(value)
        if number is None or not math.isfinite(number) or abs(number) >= 2**63:
            damaged(f"no {what}: {_shown(value)}")
            return None
        exact = math.floor(number)
        damaged(f"the {what} {_shown(value)} is no whole number; {exact} was taken")
    return exact


def real(value: object) -> float | None:
    """A number from a number or a text; None for other values."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError:
        return math.inf if isinstance(value, int) and value > 0 else -math.inf


def milliseconds(value: object, damaged: Damaged | None = None) -> int | None:
    """A time as MLflow keeps it; None if there is none. A value that is no time is reported."""
    if value in (None, "", 0, b""):
        return None
    time = whole(value)
    if time is None:
        number = real(value)
        if number is not None and math.isfinite(number) and abs(number) < 2**63:
            return math.floor(number)  # less than a millisecond is lost
        if damaged is not None:
            damaged(f"no time: {_shown(value)}")
    return time or None


def in_milliseconds(time: int) -> int:
    """The time of a point without a step: seconds where MLflow before 1.0 wrote it."""
    return time * 1000 if time in _SECONDS else time


def source_tags(facts: Mapping[str, Any]) -> dict[str, str]:
    """The program of a run as MLflow before 1.0 kept it, as the tags of later versions."""
    tags: dict[str, str] = {}
    if not facts.get("source_name"):
        return tags  # without a source's name the other fields say nothing
    for field, tag in _SOURCE_TAGS.items():
        value = facts.get(field)
        text = "" if value is None else str(value)
        if field == "source_type":
            text = _SOURCE_TYPES.get(whole(value) or 0, text)
        if text not in _UNKNOWN_SOURCE:
            tags[tag] = text
    return tags


def texts(pairs: object) -> dict[str, str]:
    """Pairs as texts; a missing value is an empty text, and anything but a mapping is empty."""
    if not isinstance(pairs, Mapping):
        return {}
    return {text_of(key): text_of(value) for key, value in pairs.items()}


def text_of(value: object) -> str:
    """A value as a text; bytes as well as they can be read."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def dataset_input(used: Mapping[str, Any], tags: Mapping[str, str]) -> DatasetInput:
    """A run's use of a dataset, from the dataset's fields and the tags of the use."""
    dataset = Dataset(
        name=text_of(used.get("name")) or "unnamed",
        digest=text_of(used.get("digest")) or "none",
        source_type=text_of(used.get("source_type")) or "unknown",
        source=text_of(used.get("source")),
        schema=_optional(used.get("schema")),
        profile=_optional(used.get("profile")),
    )
    return DatasetInput(
        dataset=dataset, tags=[InputTag(key=key, value=tags[key]) for key in sorted(tags)]
    )


class Artifacts:
    """Resolves artifact URIs to folders, and reports folders that are not here.

    A run that never logged a file has no folder, so a missing folder alone is no fault. But if the
    folder of all runs is missing too, the files are elsewhere.

    Args:
        bases: The folders at which relative paths begin. A project may have been moved to them: its
            artifacts are also looked up below them, by the end of their path.
    """

    def __init__(self, report: Report, *bases: Path) -> None:
        self._report, self._bases = report, bases

    def files(
        self, uri: str, owner: str, owner_id: str, own: Path | None = None
    ) -> Iterator[IncomingFile]:
        """The files of a run or a model.

        Args:
            owner: The run or model, as the report names it.
            owner_id: Its id, which is part of its folder's path.
            own: A folder beside its facts, which may have files as well.
        """
        taken = set()
        folders = self._named(uri)
        moved = self._moved(uri, owner_id)
        folder = next((place for place in (*folders, *moved) if _is_folder(place)), None)
        for place in (folder, own):
            if place is not None:
                for file in files_below(place, self._report):
                    if file.path not in taken:
                        taken.add(file.path)
                        yield file
        is_here = folder is not None or (own is not None and _is_named(uri, own))
        above = [_above(place, owner_id) for place in folders]
        above += [
            path for path in (_above(place, owner_id) for place in moved) if path not in self._bases
        ]
        if uri and not is_here and not any(map(_is_folder, above)):
            self._report.missing(f"artifacts of {owner}", _why(uri))

    def _named(self, uri: str) -> list[Path]:
        """The folders that a URI may name here."""
        try:
            parts = urlsplit(uri)
        except ValueError:
            return []
        path = unquote(parts.path)
        if not uri:
            return []
        if parts.scheme == "mlflow-artifacts":
            # The server kept them in its --artifacts-destination: by default beside the database.
            return [base / "mlartifacts" / path.lstrip("/") for base in self._bases]
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return [Path(path)]
        if parts.scheme == "" or len(parts.scheme) == 1:
            return [base / uri for base in self._bases]  # a path that is absolute stays so
        return []

    def _moved(self, uri: str, owner_id: str) -> list[Path]:
        """The folders that the end of a path names below the bases."""
        path = unquote(uri)
        if _scheme(uri) not in ("", "file") and len(_scheme(uri)) > 1:
            return []
        names = [name for name in path.replace("\\", "/").split("/") if name not in ("", ".")]
        if owner_id not in names or ".." in names:
            return []
        tails = [names[start:] for start in range(names.index(owner_id) + 1)]
        return [base.joinpath(*tail) for tail in tails for base in self._bases]


def _above(folder: Path, owner_id: str) -> Path:
    """The folder of all artifacts: above those of the run or model, and of its experiment."""
    above = folder.parent
    if above.name == owner_id:
        above = above.parent
    while above.name == "models" or above.name.isdigit():
        above = above.parent
    return above


def _scheme(uri: str) -> str:
    try:
        return urlsplit(uri).scheme
    except ValueError:
        return ""


def _is_named(uri: str, folder: Path) -> bool:
    """Whether a URI ends as the folder's path does: with experiment, run and folder name."""
    return unquote(uri).replace("\\", "/").rstrip("/").split("/")[-3:] == list(folder.parts[-3:])


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a zero
        return False


def _why(uri: str) -> str:
    if _scheme(uri) in ("", "file") or len(_scheme(uri)) == 1:
        return f"there is no folder {uri}"
    return f"they are in {uri}: import from the server to take them"


def _optional(value: object) -> str | None:
    return None if value is None else text_of(value)


def _shown(value: object) -> str:
    return repr(value)[:100]
