"""Files of the active run, and files named by a URI."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from eventtrack.errors import InvalidValueError, NotFoundError, UsageError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.experiments import current_client, current_experiment_id
from eventtrack.fluent.runs import client_of, target
from eventtrack.views.records import FileInfo

if TYPE_CHECKING:
    import pandas as pd

_RUNS_URI = re.compile(r"runs:/+([^/]+)(?:/(.*))?")
_ARTIFACT_URI = re.compile(r".*/([0-9A-Za-z][\w\-]{0,255})/artifacts(?:/(.*))?")


def log_artifact(
    local_path: str | os.PathLike[str],
    artifact_path: str | None = None,
    run_id: str | None = None,
) -> None:
    """Copy a file, or a folder as a folder, into the run, below `artifact_path` if given.

    Raises:
        NotFoundError: There is no such file.
    """
    client, target_id = target(run_id)
    client.log_artifact(target_id, local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str],
    artifact_path: str | None = None,
    run_id: str | None = None,
) -> None:
    """Copy the content of a folder into the run, below `artifact_path` if given."""
    client, target_id = target(run_id)
    client.log_artifacts(target_id, local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text as the file `artifact_file`, in UTF-8."""
    client, target_id = target(run_id)
    client.log_text(target_id, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a dictionary or list as JSON, or as YAML if the file's name says so."""
    client, target_id = target(run_id)
    client.log_dict(target_id, dictionary, artifact_file)


def log_stream(stream: IO[bytes], artifact_file: str, run_id: str | None = None) -> None:
    """Keep the bytes of a binary stream as the file `artifact_file`."""
    client, target_id = target(run_id)
    client.log_stream(target_id, stream, artifact_file)


def log_figure(
    figure: Any,
    artifact_file: str | None = None,
    *,
    save_kwargs: Mapping[str, Any] | None = None,
    key: str | None = None,
    step: int | None = None,
    caption: str | None = None,
    timestamp: int | None = None,
) -> None:
    """Keep a figure of matplotlib or plotly: as one file, or under `key` as a step of a series."""
    client, run_id = target(None)
    client.log_figure(
        run_id,
        figure,
        artifact_file,
        save_kwargs=save_kwargs,
        key=key,
        step=step,
        caption=caption,
        timestamp=timestamp,
    )


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = False,
) -> None:
    """Keep an image: as one file, or under `key` as a step of a series."""
    client, run_id = target(None)
    client.log_image(run_id, image, artifact_file, key, step, timestamp, synchronous)


def log_table(
    data: "Mapping[str, Any] | pd.DataFrame", artifact_file: str, run_id: str | None = None
) -> None:
    """Append rows to a table that is kept as JSON or Parquet; needs pandas."""
    client, target_id = target(run_id)
    client.log_table(target_id, data, artifact_file)


def load_table(
    artifact_file: str,
    run_ids: Sequence[str] | None = None,
    extra_columns: Sequence[str] | None = None,
) -> "pd.DataFrame":
    """The rows of a table in the runs of the current experiment; needs pandas."""
    client = current_client()
    experiment_id = current_experiment_id(client)
    return client.load_table(experiment_id, artifact_file, run_ids, extra_columns)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """The URI of the active run's artifacts, or of a single artifact, for `artifacts.*`."""
    client, run_id = target(None)
    root = client.get_run(run_id).info.artifact_uri
    return f"{root.rstrip('/')}/{artifact_path.lstrip('/')}" if artifact_path else root


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Copy a file or folder of a run to `dst_path` and return the path of the copy.

    Args:
        artifact_uri: `runs:/RUN_ID/PATH`, or a URI from `get_artifact_uri`.
        run_id: The run, instead of a URI.
        artifact_path: Path within the run; None means all its files.
        dst_path: A folder; None means a new temporary folder.
        tracking_uri: The store; None means the current store.
    """
    client, found_id, path = _locate(artifact_uri, run_id, artifact_path, tracking_uri)
    return client.download_artifacts(found_id, path, dst_path)


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """The files and folders directly below a folder of a run. Arguments as above."""
    client, found_id, path = _locate(artifact_uri, run_id, artifact_path, tracking_uri)
    return client.list_artifacts(found_id, path or None)


def load_text(artifact_uri: str) -> str:
    """A text file of a run.

    Raises:
        UsageError: The file is not UTF-8.
    """
    data = _read(artifact_uri)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"Artifact {artifact_uri!r} is not valid UTF-8.",
            hint="download it with artifacts.download_artifacts and open it with its encoding",
        ) from error


def load_dict(artifact_uri: str) -> Any:
    """A JSON file of a run as a dictionary.

    Raises:
        UsageError: The file is not JSON.
    """
    try:
        return json.loads(load_text(artifact_uri))
    except json.JSONDecodeError as error:
        raise UsageError(
            "Unable to form a JSON object from file content", hint=f"{artifact_uri}: {error}"
        ) from error


def load_image(artifact_uri: str) -> Any:
    """An image of a run as a Pillow image; needs Pillow."""
    import io

    try:
        import PIL.Image
    except ImportError as error:
        raise UsageError(
            "`load_image` requires Pillow.", hint="run `pip install Pillow`"
        ) from error
    try:
        image = PIL.Image.open(io.BytesIO(_read(artifact_uri)))
        image.load()
    except (OSError, ValueError) as error:
        raise UsageError(
            "Unable to form a PIL Image object from file content", hint=f"{artifact_uri}: {error}"
        ) from error
    return image


def _read(artifact_uri: str) -> bytes:
    client, run_id, path = _locate(artifact_uri, None, None, None)
    with client.store.artifacts.open(run_id, path) as stream:
        return stream.read()


def _locate(
    artifact_uri: str | None,
    run_id: str | None,
    artifact_path: str | None,
    tracking_uri: str | None,
) -> tuple[EventtrackClient, str, str]:
    """The store, the run and the path within the run that a call's arguments mean."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidValueError("Exactly one of `run_id` or `artifact_uri` must be specified")
    if artifact_uri is not None and artifact_path is not None:
        raise InvalidValueError(
            "`artifact_path` cannot be specified if `artifact_uri` is specified"
        )
    if artifact_uri is None:
        assert run_id is not None
        path = artifact_path or ""
    else:
        run_id, path = _parse(artifact_uri)
    client = EventtrackClient(tracking_uri) if tracking_uri else client_of(run_id)
    if artifact_uri is not None and not artifact_uri.startswith("runs:"):
        # The run's id was only guessed from the URI's shape.
        root = client.get_run(run_id).info.artifact_uri.rstrip("/")
        if not artifact_uri.startswith(root):
            raise _not_ours(artifact_uri)
    return client, run_id, path


def _parse(artifact_uri: str) -> tuple[str, str]:
    match = _RUNS_URI.fullmatch(artifact_uri) or _ARTIFACT_URI.fullmatch(artifact_uri)
    if match is None:
        raise _not_ours(artifact_uri)
    return match[1], match[2] or ""


def _not_ours(artifact_uri: str) -> NotFoundError:
    return NotFoundError(
        f"No such artifact: '{artifact_uri}'",
        hint="name it runs:/RUN_ID/PATH, or as get_artifact_uri does",
    )
