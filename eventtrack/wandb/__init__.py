"""A stand-in for W&B's package: `import eventtrack.wandb as wandb`.

It has the shape that code with a fixed name needs, and logs to a store of ours:

    import eventtrack.wandb as wandb

    with wandb.init(project="digits", config={"lr": 0.1}) as run:
        wandb.log({"loss": 0.5, "sample": wandb.Image(pixels)})

`eventtrack run --as wandb -- python train.py` puts it in the place of `wandb` for a program whose
code cannot change. docs/integrations.md has what is there. Everything else raises AttributeError,
which says so: a call that does nothing would lose what it was to log.
"""

from collections.abc import Mapping
from typing import Any

from eventtrack.wandb.fields import Config, Settings, Summary
from eventtrack.wandb.media import (
    Audio,
    Histogram,
    Html,
    Image,
    Object3D,
    Plotly,
    Table,
    Video,
)
from eventtrack.wandb.recording import Artifact, Run, current

__all__ = [
    "Artifact",
    "Audio",
    "Config",
    "Histogram",
    "Html",
    "Image",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Summary",
    "Table",
    "Video",
    "alert",
    "define_metric",
    "ensure_configured",
    "finish",
    "init",
    "log",
    "log_artifact",
    "login",
    "save",
    "setup",
    "teardown",
    "unwatch",
    "watch",
]

# Programs compare it with the versions that they know.
__version__ = "0.30.0"


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: Any = None,  # noqa: A002 - W&B's name
    id: str | None = None,  # noqa: A002 - W&B's name
    name: str | None = None,
    notes: str | None = None,
    tags: Any = None,
    config: Any = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    resume: bool | str | None = None,
    reinit: Any = None,
    settings: Any = None,
    **ignored: Any,
) -> Run:
    """Start a run, or go on with the active one, and make it `wandb.run`.

    Args:
        entity: Kept as a tag.
        project: The experiment, made if it is missing; else the current one.
        dir: Accepted: files of the run lie in the store.
        id: An id of W&B's; kept as a tag, by which `resume` finds the run.
        name: The run's name.
        notes: A text for people.
        tags: Labels.
        config: Params: a mapping, a namespace, or the path of a YAML file.
        group: Kept as a tag, as `job_type` is.
        job_type: Kept as a tag.
        mode: "disabled" records nothing; all other modes are alike, since all work offline.
        resume: Go on with the run of that `id` if there is one; "must" demands one, and "never"
            refuses one.
        reinit: True, "finish_previous" or None ends an open run first, "return_previous" keeps it.
        settings: `mode` may be in it.
        ignored: Arguments of the service, which mean nothing here.

    Raises:
        EventtrackError: As `start_run`.
    """
    mode = mode or getattr(settings, "mode", None)
    run = current()
    if run is not None and reinit == "return_previous":
        return run
    if run is not None:
        run.finish()
    labels = {"wandb.entity": entity, "wandb.group": group, "wandb.job_type": job_type}
    return Run.begin(
        project=project,
        wandb_id=id,
        name=name,
        notes=notes,
        labels=[tags] if isinstance(tags, str) else list(tags or ()),
        facts={key: value for key, value in labels.items() if value},
        config=config,
        resume=resume,
        is_disabled=mode == "disabled",
    )


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """Log one step of the open run; see `Run.log`."""
    _open_run("log").log(data, step, commit)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the open run; without one, do nothing."""
    run = current()
    if run is not None:
        run.finish(exit_code)


def define_metric(name: str, step_metric: Any = None, **options: Any) -> None:
    """Name the metric that another is drawn over; see `Run.define_metric`."""
    _open_run("define_metric").define_metric(name, step_metric, **options)


def save(glob_str: Any = None, base_path: Any = None, policy: str = "live") -> None:
    """Keep files; see `Run.save`."""
    _open_run("save").save(glob_str, base_path, policy)


def log_artifact(artifact_or_path: Any, name: str | None = None, type: str | None = None) -> Any:  # noqa: A002 - W&B's name
    """Keep an artifact; see `Run.log_artifact`."""
    return _open_run("log_artifact").log_artifact(artifact_or_path, name, type)


def alert(title: str, text: str = "", **options: Any) -> None:
    """Log an alert as a line of text; see `Run.alert`."""
    _open_run("alert").alert(title, text, **options)


def watch(*models: Any, **options: Any) -> tuple[()]:
    """Do nothing: gradients are not recorded."""
    return ()


def unwatch(*models: Any) -> None:
    """Do nothing, as `watch`."""


def login(*arguments: Any, **options: Any) -> bool:
    """Do nothing: nobody logs in. Returns True."""
    return True


def setup(*arguments: Any, **options: Any) -> None:
    """Do nothing: nothing has to be set up."""


def teardown(exit_code: int | None = None) -> None:
    """End the open run."""
    finish(exit_code)


def ensure_configured() -> None:
    """Do nothing: nothing has to be configured."""


def _open_run(call: str) -> Run:
    run = current()
    if run is None:
        raise RuntimeError(f"You must call wandb.init() before wandb.{call}()")
    return run


def __getattr__(name: str) -> Any:
    """The open run and what belongs to it, as W&B's package has them."""
    if name == "run":
        return current()
    if name in ("config", "summary"):
        return getattr(_open_run(name), name)
    raise AttributeError(
        f"eventtrack's stand-in for wandb has no {name!r}: docs/integrations.md lists what it has"
    )
