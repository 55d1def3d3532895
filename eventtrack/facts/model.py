"""The table of logged models."""

from collections.abc import Iterator

from eventtrack.events import types
from eventtrack.events.types import Event
from eventtrack.facts.fact import (
    Claim,
    Each,
    Fact,
    Noun,
    Old,
    Rule,
    each,
    file_text,
    files,
    files_back,
    gone,
    point_text,
    staged,
    tags_back,
)

EXPERIMENT = Fact("experiment", Rule.BORN, "experiment_id")
NAME = Fact("name", Rule.BORN, "name")
RUN = Fact("run", Rule.BORN, "source_run_id")
TYPE = Fact("type", Rule.BORN, "model_type")
CREATED = Fact("creation_time", Rule.BORN, "created_ms")
STATUS = Fact("status", Rule.LAST, "status", initial="PENDING")
LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", initial="active")
PARAM = Fact("param", Rule.FIRST, "params", many=True, lasts="stays, as all params of models do")
TAG = Fact("tag", Rule.LAST, "tags", many=True)
ARTIFACT = Fact("artifact", Rule.ROWS, many=True, text=file_text)
METRIC = Fact(
    "metric", Rule.ROWS, many=True, text=lambda _, row: point_text(row[1].value, row[1].step)
)
UPDATED = Fact("last_update_time", Rule.GREATEST, "updated_ms", shown=False)


def _created(event: types.ModelCreated) -> Iterator[Claim]:
    yield from each(PARAM, event.params)
    yield from each(TAG, event.tags)
    yield UPDATED, "", event.created_ms


def _finalized(event: types.ModelFinalized) -> Iterator[Claim]:
    yield STATUS, "", event.status
    yield UPDATED, "", event.at_ms


def _metrics_logged(event: types.ModelMetricsLogged) -> Iterator[Claim]:
    for point in event.points:
        yield METRIC, point.key, (event.run_id, point)


def _back(old: Old, _: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        yield types.ModelDeleted(now_ms) if stage == "deleted" else types.ModelRestored(now_ms)
    yield from tags_back(old, TAG, types.ModelTagsSet, types.ModelTagDeleted)
    yield from files_back(old, ARTIFACT, types.ModelArtifactsLogged, types.ModelArtifactsDeleted)


_STAGES: dict[type[Event], str] = {types.ModelDeleted: "deleted", types.ModelRestored: "active"}

MODEL = Noun(
    "model",
    facts=(
        *(EXPERIMENT, NAME, RUN, TYPE, CREATED, STATUS, LIFECYCLE),
        *(PARAM, TAG, METRIC, ARTIFACT, UPDATED),
    ),
    births={types.ModelCreated: ""},
    stages=_STAGES,
    says={
        types.ModelCreated: _created,
        types.ModelFinalized: _finalized,
        **{kind: staged(LIFECYCLE, stage, UPDATED) for kind, stage in _STAGES.items()},
        types.ModelParamsLogged: Each(PARAM, "params"),
        types.ModelTagsSet: Each(TAG, "tags"),
        types.ModelTagDeleted: lambda event: [(TAG, event.key, None)],
        types.ModelMetricsLogged: _metrics_logged,
        types.ModelArtifactsLogged: lambda event: files(ARTIFACT, event.files),
        types.ModelArtifactsDeleted: lambda event: gone(ARTIFACT, event.paths),
    },
    back=_back,
    final={
        types.ModelFinalized: "a model that was finalized stays so",
        types.ModelParamsLogged: "the params of a logged model stay",
        types.ModelMetricsLogged: "points of a metric stay: the history is the measurement",
        types.ModelArtifactsDeleted: "log the files again; their bytes may be gone",
    },
)
