"""The open run of the stand-in: `log`, `config`, `summary`, `finish`."""

import re
from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from eventtrack.errors import EventtrackError, InvalidStateError, NotFoundError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.experiments import current_client, current_experiment_id
from eventtrack.integrations.values import name_of
from eventtrack.integrations.writer import RunOptions, RunWriter
from eventtrack.tags import NOTE_TAG
from eventtrack.validate import metric_value
from eventtrack.views.records import RunStatus
from eventtrack.wandb.fields import Config, Summary, plain
from eventtrack.wandb.media import Html, Image, Media

_ID = re.compile(r"[\w.\-]{1,128}")
# The run that `wandb.log` means, in all threads of this process, as W&B has it.
_current: "Run | None" = None


def current() -> "Run | None":
    """The open run of this process."""
    return _current


class Artifact:
    """Files under a name, which `Run.log_artifact` keeps in the run's folder of that name."""

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - W&B's name
        description: str | None = None,
        metadata: Any = None,
    ) -> None:
        self.name, self.type, self.description, self.metadata = name, type, description, metadata
        self.files: list[tuple[Path, str | None]] = []

    def add_file(self, local_path: str, name: str | None = None, **ignored: Any) -> None:
        """Add a file."""
        self.files.append((Path(local_path), name))

    def add_dir(self, local_path: str, name: str | None = None, **ignored: Any) -> None:
        """Add the files of a folder."""
        self.files.append((Path(local_path), name))

    def wait(self) -> Self:
        """Return at once: what is logged is stored."""
        return self


class Run:
    """A run in the shape of W&B's. Made by `init`.

    Args:
        writer: The writer of the run, started unless nothing is to be recorded.
        wandb_id: The id that the program gave it.
        project: The name of its experiment.
    """

    def __init__(self, writer: RunWriter, wandb_id: str | None, project: str | None) -> None:
        self._writer = writer
        self.project = project
        self.id = wandb_id or writer.run_id or "disabled"
        self.step = 0
        self.config = Config(writer.params)
        self.summary = Summary(self._set_summary)
        self.entity = self.group = self.job_type = ""
        self.url, self.dir, self.disabled = None, ".", writer.client is None

    @classmethod
    def begin(
        cls,
        *,
        project: str | None,
        wandb_id: str | None,
        name: str | None,
        notes: str | None,
        labels: list[str],
        facts: dict[str, str],
        config: Any,
        resume: bool | str | None,
        is_disabled: bool,
    ) -> Self:
        """Start or resume the run that `init` asks for, and make it the open run."""
        global _current
        tags = {**facts, **{name_of(f"wandb.tag.{label}"): "true" for label in labels}}
        if notes:
            tags[NOTE_TAG] = notes
        if wandb_id:
            tags["wandb.id"] = wandb_id
        options: dict[str, Any] = {"tags": tags}
        if project:
            options["experiment_name"] = project
        if name:
            options["run_name"] = name
        writer = RunWriter(cast("RunOptions", options))
        if not is_disabled:
            writer.start(resume=_known(project, wandb_id, resume))
        run = cls(writer, wandb_id, project)
        run.config.update(plain(config))
        _current = run
        return run

    @property
    def run_id(self) -> str | None:
        """The id of the run in the store; None if nothing is recorded."""
        return self._writer.run_id

    @property
    def name(self) -> str | None:
        """The run's name."""
        if self._writer.client is None or self._writer.run_id is None:
            return None
        return self._writer.client.get_run(self._writer.run_id).info.run_name

    @name.setter
    def name(self, name: str) -> None:
        if self._writer.client is not None and self._writer.run_id is not None:
            self._writer.client.update_run(self._writer.run_id, name=name)

    def log(
        self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        """Log one step: numbers as metrics, texts as lines of text, media in their own ways.

        Args:
            data: Values by name; nested names are joined by a dot, as W&B does.
            step: The step; None means the next one.
            commit: False leaves the step open for the next call; so does a `step` by default.
        """
        if step is not None:
            self.step = step
        numbers, others = {}, {}
        for key, value in _flat("", data):
            try:
                numbers[key] = metric_value(key, value)
            except EventtrackError:
                others[key] = value
        self._writer.metrics(numbers, self.step)
        client, run_id = self._writer.client, self._writer.run_id
        if client is not None and run_id is not None and not self._writer.rank:
            for key, value in others.items():
                _log_other(client, run_id, name_of(key), value, self.step)
        self.summary.note(numbers)
        if commit or (commit is None and step is None):
            self.step += 1

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run: as FAILED if the exit code is not 0."""
        global _current
        self._writer.finish(RunStatus.FAILED if exit_code else RunStatus.FINISHED)
        if _current is self:
            _current = None

    def define_metric(self, name: str, step_metric: Any = None, **options: Any) -> None:
        """Keep as a tag which metric is the x axis of another; the other options mean nothing."""
        if step_metric is not None:
            axis = getattr(step_metric, "name", step_metric)
            self._writer.tags({name_of(f"wandb.step_metric.{name}"): axis})

    def save(self, glob_str: Any = None, base_path: Any = None, policy: str = "live") -> None:
        """Keep the files that a path or a pattern names, as they are now."""
        for path in sorted(glob(str(glob_str), recursive=True)):  # noqa: PTH207 - may be absolute
            below = None
            if base_path is not None:
                folder = Path(path).parent.relative_to(base_path).as_posix()
                below = None if folder == "." else folder
            self._writer.file(Path(path), below)

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's name
        aliases: Any = None,
    ) -> Any:
        """Keep an artifact, or a file or folder, in the folder `artifacts/NAME` of the run."""
        artifact = artifact_or_path
        if not isinstance(artifact, Artifact):
            path = Path(artifact)
            artifact = Artifact(name or path.name, type or "unspecified")
            artifact.add_file(str(path))
        for path, inner in artifact.files:
            folder = f"artifacts/{name_of(artifact.name)}"
            self._writer.file(path, f"{folder}/{inner}" if inner else folder)
        return artifact

    def alert(self, title: str, text: str = "", **options: Any) -> None:
        """Log an alert as a line of the text series `alerts`."""
        client, run_id = self._writer.client, self._writer.run_id
        if client is not None and run_id is not None:
            client.log_text_line(run_id, f"{title}: {text}", "alerts", self.step)

    def watch(self, *models: Any, **options: Any) -> None:
        """Do nothing: gradients are not recorded."""

    def unwatch(self, *models: Any) -> None:
        """Do nothing, as `watch`."""

    def mark_preempting(self) -> None:
        """Note that the machine is about to take the program's place away."""
        self._writer.tags({"wandb.preempting": "true"})

    def _set_summary(self, changes: dict[str, Any]) -> None:
        numbers, texts = {}, {}
        for key, value in _flat("", changes):
            try:
                numbers[key] = metric_value(key, value)
            except EventtrackError:
                texts[name_of(f"wandb.summary.{key}")] = value
        self._writer.metrics(numbers, self.step)
        if texts:
            self._writer.tags(texts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.finish(1 if exception_type is not None else 0)


def _known(project: str | None, wandb_id: str | None, resume: bool | str | None) -> str | None:
    """The run that `resume` means; None for a new run.

    Raises:
        NotFoundError: "must" found no run.
        InvalidStateError: "never" found a run.
    """
    if wandb_id is None or resume in (None, False) or not _ID.fullmatch(wandb_id):
        return None
    client = current_client()
    experiment_id = current_experiment_id(client)
    if project:
        experiment_id = client.store.experiments.get_or_create(project).experiment_id
    runs = client.search_runs([experiment_id], f"tags.`wandb.id` = '{wandb_id}'", max_results=1)
    if not runs and resume == "must":
        raise NotFoundError(
            f"cannot resume {wandb_id}: there is no run with this id in its project",
            hint='pass resume="allow" to start one',
        )
    if runs and resume == "never":
        raise InvalidStateError(
            f"cannot start {wandb_id}: there is a run with this id", hint='pass resume="allow"'
        )
    return runs[0].info.run_id if runs else None


def _flat(prefix: str, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _flat(name, value)
        else:
            yield name, value


def _log_other(client: EventtrackClient, run_id: str, key: str, value: Any, step: int) -> None:
    """Log what is no number: media, lists of media, figures, arrays, texts."""
    if isinstance(value, Media):
        value.log_to(client, run_id, key, step)
    elif isinstance(value, list | tuple) and value and all(isinstance(v, Media) for v in value):
        for place, medium in enumerate(value):
            medium.log_to(client, run_id, f"{key}/{place}" if len(value) > 1 else key, step)
    elif hasattr(value, "savefig"):
        Image(value).log_to(client, run_id, key, step)
    elif hasattr(value, "to_html"):
        Html(value.to_html()).log_to(client, run_id, key, step)
    elif value is not None:
        client.log_text_line(run_id, str(value), key, step)
