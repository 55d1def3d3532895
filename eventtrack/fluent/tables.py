"""Tables of a run: JSON or Parquet files that grow by rows."""

import io
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.fluent import images
from eventtrack.fluent.frames import require_pandas, runs_frame
from eventtrack.fluent.location import AnyStore
from eventtrack.limits import SEARCH_RUNS_RESULTS_DEFAULT
from eventtrack.tags import LOGGED_ARTIFACTS_TAG
from eventtrack.views.records import Run

if TYPE_CHECKING:
    import pandas as pd

# MLflow refuses these characters in names of tables, because it searches for the name in JSON.
_FORBIDDEN = "\"',:[]{}"


def log_table(
    store: AnyStore, run_id: str, data: "Mapping[str, Any] | pd.DataFrame", artifact_file: str
) -> None:
    """Append `data` to the table `artifact_file` of a run, and list the table in the run's tags."""
    pandas = require_pandas("log_table", ", or keep the rows with log_dict")
    _require_name(artifact_file)
    if not artifact_file.endswith((".json", ".parquet")):
        raise InvalidValueError(
            f"Invalid artifact file path '{artifact_file}'. Please ensure the file you are trying "
            "to log as a table has a file name with either '.json' or '.parquet' extension."
        )
    frame = _frame_of(pandas, data)
    run = store.runs.get(run_id)
    earlier = []
    if _has_file(store, run_id, artifact_file):
        earlier.append(_read(pandas, store, run_id, artifact_file))
    with store.batch():
        frame = _with_images_stored(store, run_id, frame, artifact_file)
        frame = pandas.concat([*earlier, frame], ignore_index=True)
        store.artifacts.log_bytes(run_id, _encode(frame, artifact_file), artifact_file)
        noted = _noted_tables(run)
        entry = {"path": artifact_file, "type": "table"}
        if entry not in noted:
            store.runs.set_tags(run_id, {LOGGED_ARTIFACTS_TAG: json.dumps([*noted, entry])})


def load_table(
    store: AnyStore,
    experiment_id: str,
    artifact_file: str,
    run_ids: Sequence[str] | None,
    extra_columns: Sequence[str] | None,
) -> "pd.DataFrame":
    """The table's rows in all runs of the experiment that have the table, or in `run_ids`."""
    pandas = require_pandas("load_table", ", or read the file with artifacts.load_dict")
    _require_name(artifact_file)
    entry = {"path": artifact_file, "type": "table"}
    runs = [
        run
        for run in _runs_with_tables(store, experiment_id)
        if entry in _noted_tables(run) and (run_ids is None or run.info.run_id in run_ids)
    ]
    if not runs:
        raise NotFoundError(
            "No runs found with the corresponding table artifact.",
            hint=f'log_table(..., artifact_file="{artifact_file}") makes one',
        )
    about = runs_frame(pandas, runs)
    parts = []
    for row, run in enumerate(runs):
        part = _read(pandas, store, run.info.run_id, artifact_file)
        for column in extra_columns or ():
            if column not in about:
                raise InvalidValueError(
                    f"there is no column {column!r} to add to the table {artifact_file}",
                    hint=f"choose from {', '.join(about.columns)}",
                )
            part[f"{column}_" if column in part else column] = about[column].iloc[row]
        parts.append(part)
    table: pd.DataFrame = pandas.concat(parts, ignore_index=True)
    return table


def _require_name(artifact_file: str) -> None:
    for character in _FORBIDDEN:
        if character in artifact_file:
            raise InvalidValueError(f"The artifact_file contains forbidden character: {character}")


def _frame_of(pandas: ModuleType, data: Any) -> Any:
    if isinstance(data, pandas.DataFrame):
        return data
    if not isinstance(data, Mapping):
        raise InvalidValueError("data must be a pandas.DataFrame or a dictionary")
    try:
        return pandas.DataFrame(dict(data))
    except ValueError:
        # Columns of single values: one row.
        return pandas.DataFrame([dict(data)])


def _with_images_stored(store: AnyStore, run_id: str, frame: Any, artifact_file: str) -> Any:
    """The frame with each image replaced by the names of the two files that hold it."""
    stem = PurePosixPath(artifact_file).with_suffix("")

    def kept(image: Any) -> dict[str, str]:
        pillow = images.pillow_image(image)
        name = f"table_images/{stem}/{uuid.uuid4()}"
        for path, shown in (
            (f"{name}.png", pillow),
            (f"{name}.webp", images.thumbnail(pillow)),
        ):
            store.artifacts.log_bytes(run_id, images.encode(shown, path), path)
        return {"type": "image", "filepath": f"{name}.png", "compressed_filepath": f"{name}.webp"}

    for column in frame.columns:
        if frame[column].dtype != object:
            continue
        are_images = [_is_image(cell) for cell in frame[column]]
        if not any(are_images):
            continue
        if not all(are_images):
            raise InvalidValueError(
                f"Column `{column}` contains a mix of images and non-images. Please ensure that "
                "all elements in the column are of the same type."
            )
        frame = frame.assign(**{column: [kept(cell) for cell in frame[column]]})
    return frame


def _is_image(cell: object) -> bool:
    return all(hasattr(cell, name) for name in ("save", "resize", "size"))


def _has_file(store: AnyStore, run_id: str, artifact_file: str) -> bool:
    parent = str(PurePosixPath(artifact_file).parent)
    listed = store.artifacts.list(run_id, None if parent == "." else parent)
    return any(entry.path == artifact_file and not entry.is_dir for entry in listed)


def _read(pandas: ModuleType, store: AnyStore, run_id: str, artifact_file: str) -> Any:
    with store.artifacts.open(run_id, artifact_file) as stream:
        data = io.BytesIO(stream.read())
    if artifact_file.endswith(".json"):
        return pandas.read_json(data, orient="split")
    return pandas.read_parquet(data)


def _encode(frame: Any, artifact_file: str) -> bytes:
    try:
        if artifact_file.endswith(".json"):
            text: str = frame.to_json(orient="split", index=False, date_format="iso")
            return text.encode()
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        return buffer.getvalue()
    except Exception as error:
        # pandas and pyarrow pass on any error that a cell's own methods raise.
        raise InvalidValueError(
            f"Failed to save {frame} as table as the data is not JSON serializable. Error: {error}"
        ) from error


def _noted_tables(run: Run) -> list[Any]:
    try:
        noted = json.loads(run.data.tags.get(LOGGED_ARTIFACTS_TAG, "[]"))
    except ValueError:
        # The key holds another program's text: it is dropped, since the key is MLflow's.
        return []
    return noted if isinstance(noted, list) else []


def _runs_with_tables(store: AnyStore, experiment_id: str) -> Iterator[Run]:
    token: str | None = None
    while True:
        page = store.runs.search(
            [str(experiment_id)],
            f"tags.`{LOGGED_ARTIFACTS_TAG}` LIKE '%table%'",
            max_results=SEARCH_RUNS_RESULTS_DEFAULT,
            page_token=token,
        )
        yield from page
        token = page.token
        if token is None:
            return
