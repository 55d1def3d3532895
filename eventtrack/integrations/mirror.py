"""Records what a program logs to other trackers: `eventtrack run --mirror wandb,mlflow`.

The calls of W&B's runs and MLflow's client, and of TensorBoard's writers (`mirrored_writers`), are
wrapped when their modules are imported (`startup/sitecustomize.py`). A wrapped call does what it
did, gives what it gave, and raises what it raised; then the same facts go to the run of the
command. An error of ours is a warning, the first time. Ranks other than the first record nothing.
"""

import functools
import json
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from eventtrack.integrations.values import name_of
from eventtrack.integrations.writer import RunOptions, RunWriter

RUN_VARIABLE = "EVENTTRACK_MIRROR_RUN"

_lock = threading.Lock()
_writer: RunWriter | None = None  # guarded by _lock
_warned: set[str] = set()

Seen = Callable[..., None]


def mirror_wandb(module: ModuleType) -> None:
    """Wrap `Run.log`, `Run.finish` and changes of `Run.config` in `wandb.sdk.wandb_run`."""
    run = module.Run

    def logged(
        self: Any, data: Mapping[str, Any], step: int | None = None, *_: Any, **__: Any
    ) -> None:
        # Before the call, W&B's own step is that of this row.
        rows = _flat("", data)
        writer().metrics({key: value for key, value in rows if _is_number(value)}, step)
        for key, value in rows:
            if not _is_number(value):
                _mirror_object(name_of(key), value, step)
        writer().params(dict(self.config))

    def finished(self: Any, *_: Any, **__: Any) -> None:
        writer().params(dict(self.config))
        tags = {f"wandb.{name}": getattr(self, name, None) for name in ("entity", "project", "id")}
        writer().tags({key: value for key, value in tags.items() if value})

    wrap(
        run, "log", logged, before=lambda self, data, step=None, *_, **__: (data, _step(self, step))
    )
    # `finish`, the end of a block and the end of the program all call it.
    wrap(run, "_finish" if hasattr(run, "_finish") else "finish", finished)


def mirror_mlflow(module: ModuleType) -> None:
    """Wrap the calls of `MlflowClient` that record; the first run is the command's own."""
    client = module.MlflowClient
    runs: dict[str, RunWriter] = {}

    def of(run_id: str) -> RunWriter:
        if run_id not in runs:
            runs[run_id] = writer().child(f"mlflow {run_id[:8]}") if runs else writer()
        return runs[run_id]

    def metric(self: Any, run_id: str, key: str, value: Any, *rest: Any, **named: Any) -> None:
        step = named.get("step", rest[1] if len(rest) > 1 else None)
        of(run_id).metrics({key: value}, step)

    def batch(self: Any, run_id: str, *rest: Any, **named: Any) -> None:
        lists = dict(zip(("metrics", "params", "tags"), rest, strict=False)) | named
        for point in lists.get("metrics") or ():
            of(run_id).metrics({point.key: point.value}, point.step)
        of(run_id).params({param.key: param.value for param in lists.get("params") or ()})
        of(run_id).tags(_own_tags({tag.key: tag.value for tag in lists.get("tags") or ()}))

    def param(self: Any, run_id: str, key: str, value: Any, *_: Any, **__: Any) -> None:
        of(run_id).params({key: value})

    def tag(self: Any, run_id: str, key: str, value: Any, *_: Any, **__: Any) -> None:
        of(run_id).tags(_own_tags({key: value}))

    def file(self: Any, run_id: str, local_path: Any, artifact_path: str | None = None) -> None:
        of(run_id).file(local_path, artifact_path)

    def folder(self: Any, run_id: str, local_dir: Any, artifact_path: str | None = None) -> None:
        of(run_id).folder(local_dir, artifact_path)

    def ended(self: Any, run_id: str, status: str | None = None, *_: Any, **__: Any) -> None:
        if run_id in runs:
            runs[run_id].finish(status or "FINISHED")

    calls: dict[str, Seen] = {
        "log_metric": metric,
        "log_batch": batch,
        "log_param": param,
        "set_tag": tag,
        "log_artifact": file,
        "log_artifacts": folder,
        "set_terminated": ended,
    }
    for name, seen in calls.items():
        wrap(client, name, seen, only=lambda self: not _is_ours(self))


def writer() -> RunWriter:
    """The writer of the command's run, which this process neither begins nor ends."""
    global _writer
    with _lock:
        if _writer is None:
            joined = RunWriter(RunOptions())
            joined.join(os.environ[RUN_VARIABLE])
            _writer = joined
        return _writer


def wrap(
    owner: Any,
    name: str,
    seen: Seen,
    *,
    before: Callable[..., tuple[Any, ...]] | None = None,
    only: Callable[[Any], bool] | None = None,
) -> None:
    """Let `seen` see each call of a method, with its arguments, after the method itself.

    Args:
        before: Makes the arguments for `seen`, before the method changes what they follow from.
        only: Whether the calls of an object are to be seen.
    """
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        shown: tuple[Any, ...] | None = args
        named = kwargs
        if before is not None:
            shown = _quietly(name, before, self, *args, **kwargs)
            named = {}
        result = original(self, *args, **kwargs)
        if shown is not None and (only is None or _quietly(name, only, self)):
            _quietly(name, seen, self, *shown, **named)
        return result

    setattr(owner, name, wrapped)


def _quietly(name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The answer of a call of ours; None and a warning, once for each name, if it fails."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        if name not in _warned:
            _warned.add(name)
            warnings.warn(f"eventtrack does not mirror {name}: {error}", stacklevel=3)
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or hasattr(value, "item")


def _mirror_object(key: str, value: Any, step: int | None) -> None:
    """Mirror a text, a figure, or objects of W&B's that hold images, histograms, rows or files."""
    kind = type(value).__name__
    if isinstance(value, str):
        writer().line(value, key, step)
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            _mirror_object(key if len(value) == 1 else f"{key}/{number}", each, step)
    elif kind == "Histogram":
        writer().counts(list(value.bins), list(value.histogram), key, step)
    elif kind == "Table":
        rows = {"columns": list(value.columns), "data": [list(map(_cell, r)) for r in value.data]}
        writer().text(json.dumps(rows), f"tables/{key}-{step or 0}.json")
    elif kind == "Image" and value.image is not None:
        writer().image(value.image, key, step)
    elif getattr(value, "_path", None) is not None:
        writer().medium(value._path, key, step)  # noqa: SLF001 - W&B has no other name for it
    elif hasattr(value, "savefig") or hasattr(value, "to_html"):
        writer().figure(value, key, step)


def _cell(value: Any) -> Any:
    """A cell of a table as JSON has it; media are named by their kind."""
    plain = value.item() if hasattr(value, "item") else value
    is_plain = plain is None or isinstance(plain, str | int | float)
    return plain if is_plain else f"<{type(value).__name__}>"


def _step(run: Any, step: int | None) -> int:
    return int(run.step if step is None else step)


def _flat(prefix: str, data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in data.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        rows += _flat(name, value) if isinstance(value, Mapping) else [(name, value)]
    return rows


def _own_tags(tags: dict[str, Any]) -> dict[str, Any]:
    """Tags that the program set; MLflow's own describe its run, which has an origin of its own."""
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.")}


def _is_ours(client: Any) -> bool:
    """Whether MLflow's client logs to a store of ours already."""
    return str(getattr(client, "tracking_uri", "")).startswith("eventtrack:")
