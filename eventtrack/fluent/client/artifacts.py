"""The client's calls about files. Content comes from memory or straight from a file."""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from eventtrack import validate
from eventtrack.errors import InvalidValueError, UsageError
from eventtrack.fluent.client.base import StoreCalls
from eventtrack.lazy import lazy
from eventtrack.tags import LOGGED_IMAGES_TAG
from eventtrack.views.records import FileInfo

if TYPE_CHECKING:
    import json

    import pandas as pd

    from eventtrack.fluent import figures, images, tables
else:
    json = lazy("json")
    figures = lazy("eventtrack.fluent.figures")
    images = lazy("eventtrack.fluent.images")
    tables = lazy("eventtrack.fluent.tables")


class ArtifactCalls(StoreCalls):
    """Files of a run: log, list, fetch. Paths within a run use `/` on every system."""

    def log_artifact(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy a file, or a folder as a folder, into the run, below `artifact_path` if given."""
        path = Path(local_path)
        if path.is_dir():
            name = path.resolve().name
            below = f"{artifact_path}/{name}" if artifact_path else name
            self.store.artifacts.log_folder(run_id, path, below)
        else:
            self.store.artifacts.log_file(run_id, path, artifact_path)

    def log_artifacts(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy the content of a folder into the run, below `artifact_path` if given."""
        self.store.artifacts.log_folder(run_id, Path(local_dir), artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as the file `artifact_file`, in UTF-8."""
        if not isinstance(text, str):
            raise InvalidValueError(
                f"Invalid value for parameter 'text' supplied: expected a string, "
                f"got {type(text).__name__}",
                hint="pass str(value), or log_dict for a dictionary",
            )
        data = validate.text(artifact_file, text).encode()
        self.store.artifacts.log_bytes(run_id, data, artifact_file)

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary or list as JSON, or as YAML if the file's name says so."""
        self.store.artifacts.log_bytes(run_id, _document(dictionary, artifact_file), artifact_file)

    def log_stream(self, run_id: str, stream: IO[bytes], artifact_file: str) -> None:
        """Keep the bytes of a binary stream as the file `artifact_file`."""
        self.store.artifacts.log_bytes(run_id, stream.read(), artifact_file)

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: str | None = None,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
        key: str | None = None,
        step: int | None = None,
        caption: str | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Keep a figure of matplotlib or plotly: as one file, or under `key` as a step of a series.

        Args:
            run_id: The run.
            figure: The figure.
            artifact_file: The file's name, which decides on the format.
            save_kwargs: Passed on to the library that writes the figure.
            key: The name of the series, instead of a file: of PNG images for matplotlib, of pages
                for plotly.
            step: The step in the series; None means 0.
            caption: A text for people, in the series.
            timestamp: Milliseconds since 1970; None means now.
        """
        if (artifact_file is None) == (key is None):
            raise InvalidValueError(
                "a figure goes to a file or to a series",
                hint="pass either artifact_file or key",
            )
        if artifact_file is not None:
            data = figures.figure_bytes(figure, artifact_file, save_kwargs or {})
            self.store.artifacts.log_bytes(run_id, data, artifact_file)
            return
        media_type, name = (
            ("image/png", "f.png") if figures.is_drawn(figure) else ("text/html", "f.html")
        )
        data = figures.figure_bytes(figure, name, save_kwargs or {})
        self.store.items.log_medium(
            run_id, str(key), data, media_type, caption=caption, step=step, timestamp=timestamp
        )

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Keep an image: as one file, or under `key` as a step of a series.

        Args:
            run_id: The run.
            image: An array, an image of Pillow or an `eventtrack.Image`.
            artifact_file: The file's name, which decides the format; excludes key, step and time.
            key: The name of the series.
            step: The step in the series; None means 0.
            timestamp: Milliseconds since 1970; None means now.
            synchronous: Accepted for MLflow's sake; the image is stored when the call returns.
        """
        del synchronous
        pillow = images.pillow_image(image)
        if artifact_file is not None:
            if key is not None or step is not None or timestamp is not None:
                raise InvalidValueError(
                    "The `artifact_file` parameter cannot be used in conjunction with `key`, "
                    "`step`, or `timestamp` parameters. Please ensure that `artifact_file` is "
                    "specified alone, without any of these conflicting parameters."
                )
            self.store.artifacts.log_bytes(
                run_id, images.encode(pillow, artifact_file), artifact_file
            )
            return
        stem = images.series_file(key, step, timestamp)
        png = images.encode(pillow, f"{stem}.png")
        small = images.encode(images.thumbnail(pillow), f"{stem}+compressed.webp")
        with self.store.batch():
            # MLflow's pages read these files, and ours the series. The bytes are stored once.
            self.store.artifacts.log_bytes(run_id, png, f"{stem}.png")
            self.store.artifacts.log_bytes(run_id, small, f"{stem}+compressed.webp")
            if self.store.items.are_taken:
                self.store.items.log_medium(
                    run_id, str(key), png, "image/png", step=step, timestamp=timestamp
                )
            # MLflow's pages look for this tag before they look for images.
            self.store.runs.set_tags(run_id, {LOGGED_IMAGES_TAG: "True"})

    def log_table(
        self, run_id: str, data: "Mapping[str, Any] | pd.DataFrame", artifact_file: str
    ) -> None:
        """Append rows to a table that is kept as JSON or Parquet; needs pandas.

        Args:
            run_id: The run.
            data: Columns by name, or a data frame; cells may be images.
            artifact_file: The file's name, ending in `.json` or `.parquet`.
        """
        tables.log_table(self.store, run_id, data, artifact_file)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> "pd.DataFrame":
        """The rows of a table in several runs, appended to each other; needs pandas.

        Args:
            experiment_id: The experiment to search.
            artifact_file: The table's file.
            run_ids: Only these runs; None takes every run of the experiment that has the table.
            extra_columns: Further columns, as `search_runs` has them, for example `run_id`.

        Raises:
            NotFoundError: No run has the table.
        """
        return tables.load_table(self.store, experiment_id, artifact_file, run_ids, extra_columns)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below `path`, or below the run's root."""
        return list(self.store.artifacts.list(run_id, path))

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """Copy a file or folder of a run to `dst_path` and return the path of the copy.

        Without `dst_path` the copy goes to a new temporary folder, which the caller may remove.
        """
        if dst_path is None:
            import tempfile  # the slowest import of this module, and rarely needed

            dst_path = tempfile.mkdtemp()
        destination = Path(dst_path)
        destination.mkdir(parents=True, exist_ok=True)
        return str(self.store.artifacts.download(run_id, path, destination))


def _document(content: Any, artifact_file: str) -> bytes:
    if artifact_file.endswith((".yml", ".yaml")):
        try:
            yaml = importlib.import_module("yaml")
        except ImportError as error:
            raise UsageError(
                f"cannot write {artifact_file}: the package `yaml` is not installed",
                hint="run `pip install pyyaml`, or give the file a name that ends in .json",
            ) from error
        text: str = yaml.dump(content, indent=2, default_flow_style=False)
        return text.encode()
    return json.dumps(content, indent=2, default=str).encode()
