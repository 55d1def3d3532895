"""One run for one framework's callback: which run, who writes, and how values become facts.

A callback makes a writer, calls `start` when training begins, and `finish` when it ends. Between
them it hands over logs, configurations and checkpoints as the framework has them.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from eventtrack.errors import InvalidValueError
from eventtrack.fluent import stack
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.context import source_tags
from eventtrack.fluent.experiments import current_client
from eventtrack.fluent.location import set_tracking_uri
from eventtrack.fluent.runs import active_run, client_of, start_run
from eventtrack.fluent.stack import ActiveRun
from eventtrack.integrations.checkpoints import FOLDER, described
from eventtrack.integrations.ranks import rank_of_environment
from eventtrack.integrations.values import Numbers, flattened
from eventtrack.tags import PARENT_TAG
from eventtrack.views.records import RunStatus

if TYPE_CHECKING:
    from eventtrack.fluent.media import File

# A checkpoint's description, its bytes, or nothing.
Checkpoints = Literal["reference", "copy", "none"]


class RunOptions(TypedDict, total=False):
    """The choice of the run, by the keyword arguments that all integrations share.

    An active run is joined, and goes on when training ends. Otherwise a run is started, becomes the
    active run, and ends with training. A run that was joined or resumed keeps its name.
    """

    tracking_uri: str
    """The store, as for `set_tracking_uri`, which is called with it."""
    experiment_name: str
    """The experiment of a new run, made if it is missing; else the current experiment's."""
    run_name: str
    """The name of a new run."""
    run_id: str
    """A run to resume."""
    parent_run_id: str
    """The parent of a new run."""
    nested: bool
    """Start a run below the active run instead of joining it."""
    tags: Mapping[str, Any]
    """Tags to set."""
    all_ranks: bool
    """Every process writes, not only the first; metrics of rank 1 are named `rank-1/...`."""


class RunWriter:
    """Writes what one process of a training reports, if that process is to write.

    Before `start`, and in processes that do not write, all other calls do nothing. A writer may be
    pickled: the copy goes on with the same run.

    Args:
        options: The choice of the run.
        rank: The rank of this process; None asks the launcher's variables.
    """

    def __init__(self, options: RunOptions, rank: int | None = None) -> None:
        self._options = options
        self.rank = rank_of_environment() if rank is None else rank
        self._numbers = Numbers()
        self._run_id: str | None = options.get("run_id")
        self._client: EventtrackClient | None = None
        self._own: ActiveRun | None = None
        self._is_detached = False

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_client": None, "_own": None}

    @property
    def is_writing(self) -> bool:
        """Whether this process is to write: the first rank, or each if `all_ranks` says so."""
        return self.rank == 0 or self._options.get("all_ranks", False)

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before `start`, and in processes that do not write."""
        return self._run_id

    @property
    def client(self) -> EventtrackClient | None:
        """The client of the run's store; None before `start`, and where nothing is written."""
        return self._client

    def start(
        self,
        run_name: str | None = None,
        *,
        nested: bool = False,
        resume: str | None = None,
    ) -> None:
        """Join, resume or start the run, once; a second call does nothing.

        Args:
            run_name: The framework's name for a new run, where the caller chose none.
            nested: The framework trains many times below one run.
            resume: A run that the framework remembers, where the caller chose none.

        Raises:
            EventtrackError: As `start_run`.
        """
        if not self.is_writing or self._client is not None:
            return
        options = self._options
        if "tracking_uri" in options:
            set_tracking_uri(options["tracking_uri"])
        run_id = self._run_id or resume
        nested = nested or options.get("nested", False)
        active = active_run()
        if active is not None and not nested and run_id in (None, active.info.run_id):
            self.join(active.info.run_id)
        elif run_id is not None and self.rank > 0:
            self.join(run_id)  # the first rank resumes and ends it
        else:
            self._begin(run_id, run_name, nested=active is not None)

    def child(self, run_name: str, resume: str | None = None) -> "RunWriter":
        """Start a run below this one; it does not become the active run, and needs a `finish`.

        Args:
            run_name: The name of the run.
            resume: Go on with this run instead.
        """
        writer = RunWriter({}, self.rank)
        if self._client is not None and resume is not None:
            self._client.update_run(resume, RunStatus.RUNNING)
            writer._client, writer._run_id, writer._is_detached = self._client, resume, True
        elif self._client is not None and self._run_id is not None:
            parent = self._client.get_run(self._run_id)
            tags = source_tags() | {PARENT_TAG: self._run_id}
            run = self._client.create_run(parent.info.experiment_id, None, tags, run_name)
            writer._client, writer._run_id = self._client, run.info.run_id
            writer._is_detached = True
        return writer

    def join(self, run_id: str) -> None:
        """Write to a run that others begin and end, in processes that are to write."""
        if not self.is_writing:
            return
        self._run_id, self._client = run_id, client_of(run_id)
        if tags := self._options.get("tags"):
            self._client.store.runs.set_tags(run_id, tags)

    def _begin(self, run_id: str | None, run_name: str | None, *, nested: bool) -> None:
        options = self._options
        experiment_id = None
        if name := options.get("experiment_name"):
            experiment_id = current_client().store.experiments.get_or_create(name).experiment_id
        self._own = start_run(
            run_id=run_id,
            experiment_id=experiment_id,
            run_name=options.get("run_name") or (None if run_id else run_name),
            nested=nested,
            parent_run_id=options.get("parent_run_id"),
            tags=dict(options.get("tags", {})) | ({"rank": self.rank} if self.rank else {}),
        )
        self._run_id = self._own.info.run_id
        self._client = client_of(self._run_id)

    def metrics(self, logs: Mapping[Any, Any], step: int | None, prefix: str = "") -> None:
        """Log the numbers among `logs` as points of one step; other values are left out."""
        if self._client is not None and self._run_id is not None:
            if self.rank:
                prefix = f"rank-{self.rank}/{prefix}"
            sink = self._client.store.metrics.sink(self._run_id)
            sink.log_many(self._numbers.of(logs, prefix), step, None)

    def params(self, config: Any, prefix: str = "") -> None:
        """Log a configuration, nested or not, as params; those that changed are named and kept.

        A run that is resumed with other settings goes on: its params stay as they were first
        logged, and a warning names the new values.
        """
        if self._client is None or self._run_id is None or self.rank:
            return
        params = {prefix + name: str(value) for name, value in flattened(config).items()}
        runs = self._client.store.runs
        try:
            runs.log_params(self._run_id, params)
        except InvalidValueError:
            known = runs.get(self._run_id).data.params
            runs.log_params(self._run_id, {k: v for k, v in params.items() if k not in known})
            for name, value in params.items():
                if known.get(name, value) != value:
                    logging.getLogger("eventtrack").warning(
                        "eventtrack: run %s keeps its param %s = %s; training goes on with %s",
                        self._run_id,
                        name,
                        known[name],
                        value,
                    )

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.store.runs.set_tags(self._run_id, tags)

    def text(self, text: str, artifact_file: str) -> None:
        """Keep a text as a file."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_text(self._run_id, text, artifact_file)

    def bytes(self, data: bytes, artifact_file: str) -> None:
        """Keep bytes as a file."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.store.artifacts.log_bytes(self._run_id, data, artifact_file)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Keep a copy of a file, or of a folder with its name."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_artifact(self._run_id, path, folder)

    def folder(self, path: Path, folder: str | None = None) -> None:
        """Keep copies of the files in a folder."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_artifacts(self._run_id, path, folder)

    def line(self, line: str, key: str, step: int | None) -> None:
        """Log a line of text."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_text_line(self._run_id, line, key, step)

    def histogram(self, values: Any, key: str, step: int | None) -> None:
        """Log a histogram of values."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_histogram(self._run_id, key, values, step)

    def counts(
        self, edges: Sequence[float], counts: Sequence[float], key: str, step: int | None
    ) -> None:
        """Log a histogram that is counted already."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_histogram(
                self._run_id,
                key,
                step=step,
                edges=[float(edge) for edge in edges],
                counts=[float(count) for count in counts],
            )

    def medium(
        self, file: "File", key: str, step: int | None, media_type: str | None = None
    ) -> None:
        """Log a file, or bytes with their type, as a step of a series."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_media(self._run_id, key, file, step, media_type=media_type)

    def sound(self, samples: Any, sample_rate: int, key: str, step: int | None) -> None:
        """Log samples between -1 and 1 as a step of a series."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_audio(self._run_id, key, samples, step, sample_rate=sample_rate)

    def figure(self, figure: Any, key: str, step: int | None) -> None:
        """Log a figure of matplotlib or plotly as a step of a series."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_figure(self._run_id, figure, key=key, step=step)

    def image(self, image: Any, key: str, step: int | None) -> None:
        """Log an image: an array whose channels come last, or an image of Pillow."""
        if self._client is not None and self._run_id is not None and not self.rank:
            self._client.log_image(self._run_id, image, key=key, step=step)

    def checkpoint(self, path: Path, kept: Checkpoints, **facts: Any) -> None:
        """Keep a checkpoint as `kept` says; see `checkpoints` for what a reference has.

        Args:
            path: A file or a folder.
            kept: Its description, its bytes as well, or nothing.
            facts: Its step, its score and so on.
        """
        if self._client is None or self._run_id is None or self.rank or kept == "none":
            return
        if kept == "copy":
            self._client.log_artifact(self._run_id, path, FOLDER)
        self._client.log_dict(self._run_id, described(path, facts), f"{FOLDER}/{path.name}.json")

    def finish(self, status: str = RunStatus.FINISHED) -> None:
        """End the run if `start` began or resumed it; what is logged later still goes to it."""
        if self._own is not None:
            stack.leave(self._own, status)
            self._own = None
        elif self._is_detached and self._client is not None and self._run_id is not None:
            self._client.set_terminated(self._run_id, status)
