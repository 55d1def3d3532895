"""Files whose name or place says more than their rows: their run, and its settings.

The known layouts: curves from TensorBoard's pages, tables from W&B's pages, DVCLive's folders,
checkpoints of the Hugging Face trainer, and the settings that Lightning, YOLO, Ray Tune and others
write beside their logs.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eventtrack.transfer.moments import named, plain
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import flat, param_text
from eventtrack.transfer.sheets import Column, Sheet

# `run-train-tag-loss.csv`; browsers put a number behind a file that was saved twice.
_CURVE = re.compile(r"run[-_](?P<run>.*?)-tag-(?P<tag>.*?)(?: ?\(\d+\))?", re.DOTALL)
_CHECKPOINT = re.compile(r"checkpoint-\d+")
_VERSION = re.compile(r"version_\d+")  # Lightning's name of a run's folder
# Files with settings beside a log of this name.
_BESIDE = {
    "metrics.csv": ("hparams.yaml",),  # Lightning
    "results.csv": ("args.yaml",),  # YOLO
    "progress.csv": ("params.json",),  # Ray Tune
    "result.json": ("params.json",),
    "metrics.json": ("config.json",),  # Sacred
}
_EXTREMES = ("__MIN", "__MAX")


@dataclass
class Layout:
    """The run of a file whose rows name none.

    Args:
        name: The run's name.
        experiment: The experiment's name, unless something else names it.
        identity: The facts that make it the same run at the next import.
        renamed: Metrics with other names than their columns.
        settings: Files with its params.
    """

    name: str
    experiment: str
    identity: tuple[str, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    settings: list[Path] = field(default_factory=list)


def layout_of(sheet: Sheet) -> Layout:
    """The run that a file's name and place tell."""
    if sheet.digest:
        return Layout(sheet.path.name, Path.cwd().name, ("pipe", sheet.digest))
    path = sheet.path.resolve()
    curve = _CURVE.fullmatch(path.stem)
    value = named(sheet, "value")
    if curve is not None and value is not None:
        run = curve["run"] if curve["run"] not in ("", ".") else path.parent.name
        identity = (str(path.parent), run)
        return Layout(run, path.parent.name, identity, {value: curve["tag"]})
    live = _dvclive(path)
    if live is not None:
        folder, metric = live
        columns = [name for name in sheet.columns if plain(name) not in ("step", "timestamp")]
        renamed = {name: name.replace(".", "/") for name in columns}
        if metric and len(columns) == 1:
            renamed = {columns[0]: metric}
        name = folder.parent.name if folder.name == "dvclive" else folder.name
        return Layout(name, name, (str(folder),), renamed, _there(folder, "params.yaml"))
    if path.name == "trainer_state.json":
        folder = path.parent.parent if _CHECKPOINT.fullmatch(path.parent.name) else path.parent
        return Layout(folder.name, folder.parent.name, (str(folder), path.name))
    renamed = {}
    if (
        value is not None
        and sum(plain(name) not in ("step", "value") for name in sheet.columns) < 2
    ):
        renamed = {value: path.stem}
    name = f"{path.parent.name}/{path.stem}"
    version = _VERSION.fullmatch(path.parent.name)
    experiment = (path.parent.parent if version else path.parent).name
    settings = _there(path.parent, *_BESIDE.get(path.name, ()))
    # The same rows as CSV and as JSON are one run.
    return Layout(name, experiment, (str(path.with_suffix("")),), renamed, settings)


def settings_of(layout: Layout, report: Report) -> dict[str, str]:
    """The params in the files beside a log; files that cannot be read are reported."""
    params: dict[str, str] = {}
    for path in layout.settings:
        load: Callable[[str], Any] = json.loads if path.suffix == ".json" else _load_yaml
        try:
            values = load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            report.failed(path, error)
            continue
        if isinstance(values, Mapping):
            params |= {name: param_text(value) for name, value in flat(values)}
            report.note(f"{path}: params")
        elif values is not None:
            report.damaged(path, 0, "no mapping of names to values")
    return params


def runs_of_pages(sheet: Sheet, report: Report, kept: set[str]) -> dict[str, Sheet] | None:
    """A sheet for each run of a table from W&B's pages; None for any other table.

    Its columns are called `RUN - METRIC`; `__MIN` and `__MAX` are the band that a page drew around
    a curve. A band that only repeats the curve is left out.

    Args:
        kept: Columns that belong to all runs: steps and times.
    """
    own = [name for name in sheet.columns if name not in kept]
    if own and own[0] == next(iter(sheet.columns)) and " - " not in own[0]:
        kept = {*kept, own.pop(0)}  # another axis, such as `Relative Time (Process)`
    if not own or not all(" - " in name for name in own):
        return None
    sheets: dict[str, Sheet] = {}
    repeats = 0
    for name in own:
        run, metric = name.rsplit(" - ", 1)
        column = sheet.columns[name]
        if metric.endswith(_EXTREMES):
            curve = sheet.columns.get(name.removesuffix("__MIN").removesuffix("__MAX"))
            if curve is not None and (curve.rows, curve.cells) == (column.rows, column.cells):
                repeats += 1
                continue
        if run not in sheets:
            common = {axis: sheet.columns[axis] for axis in sheet.columns if axis in kept}
            sheets[run] = Sheet(
                sheet.path,
                sheet.count,
                dict[str, Column](common),
                sheet.habits,
                sheet.place,
                sheet.byte,
                sheet.way,
            )
        sheets[run].columns[metric] = column
    if repeats:
        report.note(f"{sheet.path}: {repeats} columns __MIN and __MAX repeat their curves")
    return sheets


def _dvclive(path: Path) -> tuple[Path, str] | None:
    """DVCLive's folder and the metric that a file below it holds, if it is such a file."""
    for folder in path.parents:
        if folder.name == "metrics" and folder.parent.name == "plots":
            return folder.parent.parent, path.relative_to(folder).with_suffix("").as_posix()
    if path.name == "metrics.json" and (path.parent / "plots" / "metrics").is_dir():
        return path.parent, ""
    return None


def _there(folder: Path, *names: str) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


class _AnyLoader(yaml.SafeLoader):
    """Reads objects of other programs as plain values; none of their code is run."""


def _construct(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value or suffix.rpartition(":")[2]


_AnyLoader.add_multi_constructor("", _construct)


def _load_yaml(text: str) -> Any:
    return yaml.load(text, _AnyLoader)  # noqa: S506 - a safe loader, with all tags as plain values
