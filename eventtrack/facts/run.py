"""The table of runs."""

from collections.abc import Iterable, Iterator

from eventtrack.events import histories, items, types
from eventtrack.events.signatures import RunSigned
from eventtrack.events.types import Event
from eventtrack.facts.fact import (
    LASTS,
    Claim,
    Correction,
    Each,
    Fact,
    Noun,
    Old,
    Rule,
    Says,
    each,
    file_text,
    files,
    files_back,
    fork_text,
    gone,
    item_text,
    point_text,
    staged,
    unvalued,
    valued,
    withdrawal_text,
)
from eventtrack.tags import RUN_NAME_TAG

USER = Fact("user", Rule.BORN, "user")
START = Fact("start_time", Rule.BORN, "start_ms")
NAME = Fact("name", Rule.LAST, "name", lasts=LASTS)
STATUS = Fact("status", Rule.LAST, "status", lasts=LASTS)
END = Fact("end_time", Rule.LAST, "end_ms", lasts=LASTS)
LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", initial="active")
# A run is deleted with the experiment that it is in.
EXPERIMENT = Fact("experiment", Rule.MOVED, "experiment_id", decides=(LIFECYCLE,), lasts=LASTS)
PARAM = Fact("param", Rule.CLAIMED, "params", many=True)
TAG = Fact("tag", Rule.LAST, "tags", many=True)
INPUT = Fact("input", Rule.DATASET, "datasets", many=True)
INPUT_MODEL = Fact("input.model", Rule.SEEN, "models_read", many=True)
OUTPUT_MODEL = Fact(
    "output.model", Rule.LAST, "models_written", many=True, text=lambda model_id, _: model_id
)
SIGNATURE = Fact(
    "signature",
    Rule.LAST,
    "signatures",
    many=True,
    text=lambda _, signed: f"digest {signed.digest.hex()[:12]}",
)
ARTIFACT = Fact("artifact", Rule.ROWS, many=True, text=file_text)
METRIC = Fact("metric", Rule.POINTS, many=True, text=lambda _, point: point_text(*point))
TEXT = Fact("text", Rule.POINTS, many=True, text=lambda _, item: item_text(*item))
HISTOGRAM = Fact("histogram", Rule.POINTS, many=True, text=lambda _, item: item_text(*item))
MEDIA = Fact("media", Rule.POINTS, many=True, text=lambda _, item: item_text(*item))
FORK = Fact("forked_from", Rule.LAST, "fork", text=lambda _, fork: fork_text(fork))
SHARE = Fact("fork", Rule.LAST, "shares", many=True, text=lambda *_: "begins with its points")
MERGED = Fact("merged", Rule.LAST, "merged", many=True, text=lambda *_: "its points count")
WITHDRAWAL = Fact("withdrawal", Rule.LAST, "withdrawals", many=True, text=withdrawal_text)

_POINTS_STAY = "points of a metric stay on record: withdraw them instead"
_ITEMS_STAY = "what a run logged over its steps stays on record"
_ON_RECORD = "what a run read or wrote stays on record"


def _started(event: types.RunStarted) -> Iterator[Claim]:
    yield NAME, "", event.name
    yield STATUS, "", event.status
    yield from each(TAG, event.tags)


def _updated(event: types.RunUpdated) -> Iterator[Claim]:
    if event.status is not None:
        yield STATUS, "", event.status
    if event.end_ms is not None:
        yield END, "", event.end_ms
    if event.name is not None:
        yield NAME, "", event.name
        yield TAG, RUN_NAME_TAG, event.name


def _inputs_logged(event: types.InputsLogged) -> Iterator[Claim]:
    for dataset in event.datasets:
        yield INPUT, dataset.name, dataset
    for model_id in event.models:
        yield INPUT_MODEL, model_id, model_id


def _point(event: types.MetricLogged) -> Iterator[Claim]:
    yield METRIC, event.key, (event.value, event.step)


def _points(event: types.MetricsLogged) -> Iterator[Claim]:
    steps = [event.steps] * len(event.keys) if isinstance(event.steps, int) else event.steps
    for key, value, step in zip(event.keys, event.values, steps, strict=True):
        yield METRIC, key, (value, step)


def _items(fact: Fact) -> Says:
    """The claim of an event that logs items: how many, and the step of the last of them."""

    def says(event: items.ItemsLogged) -> Iterator[Claim]:
        steps = event.steps
        step = steps if isinstance(steps, int) else steps[-1]
        yield fact, event.key, (len(event.items), step)

    return says


def _back(old: Old, _: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        yield types.RunDeleted(now_ms) if stage == "deleted" else types.RunRestored(now_ms)
    if (experiment := old.get((EXPERIMENT, ""))) is not None:
        yield types.RunMoved(experiment)
    tags, name = valued(old, TAG), old.get((NAME, ""))
    if name is not None and tags.get(RUN_NAME_TAG) == name:
        del tags[RUN_NAME_TAG]  # the tag comes with the name
    updated = types.RunUpdated(old.get((STATUS, "")), old.get((END, "")), name)
    if updated != types.RunUpdated():
        yield updated
    if tags:
        yield types.TagsSet(tags)
    yield from (types.TagDeleted(key) for key in unvalued(old, TAG))
    if params := valued(old, PARAM):
        yield types.ParamsCorrected(params)
    if withdrawn := unvalued(old, PARAM):
        yield types.ParamsWithdrawn(withdrawn)
    yield from (histories.PointsWithdrawn(it, now_ms) for it in valued(old, WITHDRAWAL).values())
    yield from (histories.RunMerged(run_id, now_ms) for run_id in valued(old, MERGED))
    yield from (histories.RunUnmerged(run_id, now_ms) for run_id in unvalued(old, MERGED))
    if restored := unvalued(old, WITHDRAWAL):
        yield histories.PointsRestored(restored, now_ms)
    yield from files_back(old, ARTIFACT, types.ArtifactsLogged, types.ArtifactsDeleted)


def _params_corrected(event: types.ParamsCorrected) -> Iterator[Claim]:
    yield from ((PARAM, key, Correction(value)) for key, value in event.params.items())


def _params_withdrawn(event: types.ParamsWithdrawn) -> Iterable[Claim]:
    return gone(PARAM, event.keys)


# The fact of each type of event that logs items of a series.
ITEM_FACTS: dict[type[Event], Fact] = {
    items.TextLogged: TEXT,
    items.HistogramsLogged: HISTOGRAM,
    items.MediaLogged: MEDIA,
}
_STAGES: dict[type[Event], str] = {types.RunDeleted: "deleted", types.RunRestored: "active"}

RUN = Noun(
    "run",
    facts=(
        *(EXPERIMENT, USER, START, NAME, STATUS, END, LIFECYCLE),
        *(PARAM, TAG, METRIC, TEXT, HISTOGRAM, MEDIA),
        *(INPUT_MODEL, INPUT, OUTPUT_MODEL, SIGNATURE, ARTIFACT, WITHDRAWAL, FORK, SHARE, MERGED),
    ),
    births={types.RunStarted: ""},
    stages=_STAGES,
    says={
        types.RunStarted: _started,
        types.RunUpdated: _updated,
        **{kind: staged(LIFECYCLE, stage) for kind, stage in _STAGES.items()},
        RunSigned: lambda event: [(SIGNATURE, event.key, event)],
        types.RunMoved: lambda event: [(EXPERIMENT, "", event.experiment_id)],
        types.ParamsLogged: Each(PARAM, "params"),
        types.ParamsWithdrawn: _params_withdrawn,
        types.ParamsCorrected: _params_corrected,
        types.TagsSet: Each(TAG, "tags", also={RUN_NAME_TAG: NAME}),
        types.TagDeleted: lambda event: [(TAG, event.key, None)],
        types.MetricLogged: _point,
        types.MetricsLogged: _points,
        **{kind: _items(fact) for kind, fact in ITEM_FACTS.items()},
        histories.PointsWithdrawn: lambda it: [(WITHDRAWAL, it.withdrawal.id, it.withdrawal)],
        histories.PointsRestored: lambda event: gone(WITHDRAWAL, event.ids),
        histories.HistoryShared: lambda event: [(SHARE, event.fork_id, event)],
        histories.RunForked: lambda event: [(FORK, "", event.fork)],
        histories.RunMerged: lambda event: [(MERGED, event.run_id, event.run_id)],
        histories.RunUnmerged: lambda event: gone(MERGED, [event.run_id]),
        types.InputsLogged: _inputs_logged,
        types.OutputsLogged: lambda event: [(OUTPUT_MODEL, *pair) for pair in event.models],
        types.ArtifactsLogged: lambda event: files(ARTIFACT, event.files),
        types.ArtifactsDeleted: lambda event: gone(ARTIFACT, event.paths),
    },
    back=_back,
    final={
        types.MetricLogged: _POINTS_STAY,
        types.MetricsLogged: _POINTS_STAY,
        **dict.fromkeys(ITEM_FACTS, _ITEMS_STAY),
        histories.HistoryShared: "its fork begins with these points: delete the fork instead",
        histories.RunForked: "a fork is deleted as any run",
        types.InputsLogged: _ON_RECORD,
        RunSigned: "a signature stays on record: sign again, as `withdrawn`, say",
        types.OutputsLogged: _ON_RECORD,
        types.ArtifactsDeleted: "log the files again; their bytes may be gone",
    },
)
