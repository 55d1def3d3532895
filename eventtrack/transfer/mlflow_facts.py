"""What MLflow's own stores have in common: numbers for words, and URIs of files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from eventtrack.views.records import Dataset, DatasetInput, InputTag, ModelStatus, RunStatus

# service.proto and logged_model_status: the numbers on disk.
RUN_STATUSES = {1: RunStatus.RUNNING, 2: RunStatus.SCHEDULED, 3: RunStatus.FINISHED}
RUN_STATUSES |= {4: RunStatus.FAILED, 5: RunStatus.KILLED}
MODEL_STATUSES = {0: ModelStatus.UNSPECIFIED, 1: ModelStatus.PENDING, 2: ModelStatus.READY}
MODEL_STATUSES |= {3: ModelStatus.FAILED}


def run_status(value: object) -> str:
    """A run's status from its number or its word; RUNNING where it says nothing that is known."""
    if isinstance(value, int):
        return RUN_STATUSES.get(value, RunStatus.RUNNING)
    return str(value) if value in RunStatus.ALL else RunStatus.RUNNING


def model_status(value: object) -> str:
    """A logged model's status from its number or its word."""
    if isinstance(value, int):
        return MODEL_STATUSES.get(value, ModelStatus.UNSPECIFIED)
    return str(value) if value in ModelStatus.ALL else ModelStatus.UNSPECIFIED


def milliseconds(value: object) -> int | None:
    """A time as MLflow keeps it; None for none."""
    return int(value) if isinstance(value, int | float) and value else None


def local_folder(uri: str, base: Path) -> Path | None:
    """The folder that an artifact URI names here; None for one on another machine or service."""
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme == "" or len(parts.scheme) == 1:
        path = Path(uri)
        return path if path.is_absolute() else base / path
    return None


def texts(pairs: Mapping[Any, Any] | None) -> dict[str, str]:
    """Pairs as texts; a missing value is an empty one."""
    return {str(key): "" if text is None else str(text) for key, text in (pairs or {}).items()}


def dataset_input(used: Mapping[str, Any], tags: Mapping[str, str]) -> DatasetInput:
    """A run's use of a dataset, from the dataset's fields and the tags of the use."""
    dataset = Dataset(
        name=str(used.get("name") or "unnamed"),
        digest=str(used.get("digest") or "none"),
        source_type=str(used.get("source_type") or "unknown"),
        source=str(used.get("source") or ""),
        schema=used.get("schema"),
        profile=used.get("profile"),
    )
    return DatasetInput(
        dataset=dataset, tags=[InputTag(key=key, value=tags[key]) for key in sorted(tags)]
    )
