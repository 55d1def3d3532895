"""Datasets that runs read, evaluation datasets and scorers for the pages."""

import json
from typing import Any

from eventtrack.errors import NotFoundError
from eventtrack.store import Queries
from eventtrack.views.datasets import DatasetRecord, EvaluationDataset
from eventtrack.views.queries.used_datasets import UsedDataset
from eventtrack.views.records import ViewType
from eventtrack.web.answers import Json, info_of, shortened

RUNS_MAX = 200
RECORDS_MAX = 500
_EVALUATION_MAX = 1000


def datasets(queries: Queries) -> Json:
    """The datasets that runs read, the evaluation datasets, and the scorers."""
    return {
        "datasets": [_used(use) for use in queries.used_datasets.list()],
        "evaluation": [
            _evaluation(known) for known in queries.datasets.search(None, None, _EVALUATION_MAX)
        ],
        "scorers": [
            {
                "name": scorer.scorer_name,
                "experiment_id": scorer.experiment_id,
                "version": scorer.scorer_version,
                "created": scorer.creation_time,
                "scorer": _decoded(scorer.serialized_scorer),
            }
            for scorer in queries.scorers.list()
        ],
        "experiments": _experiment_names(queries),
    }


def dataset(queries: Queries, digest: str) -> Json:
    """The datasets of a digest, whole, with the newest runs that read them."""
    uses = [use for use in queries.used_datasets.list() if use.dataset.digest == digest]
    if not uses:
        raise NotFoundError(
            f"no run read a dataset with the digest {digest[:100]!r}",
            hint="the page of datasets lists those of this store",
        )
    quoted = digest.replace("'", "''")
    experiments = sorted({each for use in uses for each in use.experiment_ids})
    runs = queries.runs.search(
        experiments,
        f"datasets.digest = '{quoted}'",
        ViewType.ACTIVE_ONLY,
        RUNS_MAX,
        ["attributes.start_time DESC"],
    )
    return {
        "datasets": [{**_used(use), "profile": use.dataset.profile} for use in uses],
        "runs": [
            {
                **info_of(run.info),
                "contexts": [
                    tag.value
                    for used in run.inputs.dataset_inputs
                    if used.dataset.digest == digest
                    for tag in used.tags
                ],
            }
            for run in runs
        ],
        "more": runs.token is not None,
        "experiments": _experiment_names(queries),
    }


def evaluation_dataset(queries: Queries, dataset_id: str, page_token: str) -> Json:
    """An evaluation dataset with some of its records; `next` asks for the next ones."""
    known = queries.datasets.get(dataset_id)
    records = queries.datasets.records(dataset_id, RECORDS_MAX, page_token or None)
    return {
        **_evaluation(known),
        "records": [_record(record) for record in records],
        "next": records.token,
        "experiments": _experiment_names(queries),
    }


def _used(use: UsedDataset) -> Json:
    known = use.dataset
    return {
        "name": known.name,
        "digest": known.digest,
        "source_type": known.source_type,
        "source": shortened(known.source),
        "schema": _decoded(known.schema),
        "profile": shortened(known.profile or ""),
        "contexts": use.contexts,
        "runs": use.runs,
        "experiment_ids": use.experiment_ids,
    }


def _evaluation(known: EvaluationDataset) -> Json:
    return {
        "dataset_id": known.dataset_id,
        "name": known.name,
        "digest": known.digest,
        "created": known.created_time,
        "updated": known.last_update_time,
        "created_by": known.created_by,
        "tags": {key: shortened(value) for key, value in known.tags.items()},
        "schema": _decoded(known.schema),
        "profile": _decoded(known.profile),
        "experiment_ids": known.experiment_ids,
    }


def _record(known: DatasetRecord) -> Json:
    return {
        "id": known.dataset_record_id,
        "inputs": known.inputs,
        "outputs": known.outputs,
        "expectations": known.expectations,
        "tags": known.tags,
        "source": known.source,
        "created": known.created_time,
    }


def _experiment_names(queries: Queries) -> dict[str, str]:
    return {known.experiment_id: known.name for known in queries.experiments.search(ViewType.ALL)}


def _decoded(text: str | None) -> Any:
    """The value of a JSON text; a text that is no JSON stands as it is."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text
