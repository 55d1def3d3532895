"""Experiments over HTTP."""

from eventtrack.compat import checks, requests, responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.errors import NotFoundError
from eventtrack.server.endpoint import PAGES_ONLY, Endpoint
from eventtrack.store import Store
from eventtrack.tags import DATASET_CONTEXT_TAG
from eventtrack.tokens import Role
from eventtrack.views.records import ViewType

VIEWS = dict(
    zip(
        requests.VIEW_TYPES,
        (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL),
        strict=True,
    )
)
# MLflow (sqlalchemy_store.py, handlers.py): bounds of a search for datasets.
_DATASETS_MAX = 1000
_DATASET_EXPERIMENTS_MAX = 20
_RUNS_PAGE = 1000


def _create(store: Store, sent: Values) -> Json:
    tags = checks.experiment_tags(sent["tags"])
    location = checks.artifact_location(sent["artifact_location"])
    name = checks.experiment_name(sent["name"])
    return {"experiment_id": store.experiments.create(name, location, tags)}


def _get(store: Store, sent: Values) -> Json:
    experiment = store.experiments.get(checks.experiment_id(sent["experiment_id"]))
    return {"experiment": responses.experiment(experiment)}


def _get_by_name(store: Store, sent: Values) -> Json:
    name = sent["experiment_name"]
    experiment = store.experiments.get_by_name(name)
    if experiment is None:
        raise NotFoundError(f"Could not find experiment with name '{name}'")
    return {"experiment": responses.experiment(experiment)}


def _search(store: Store, sent: Values) -> Json:
    experiments = store.experiments.search(
        VIEWS[sent["view_type"]],
        sent["max_results"],
        sent["filter"],
        sent["order_by"],
        sent["page_token"] or None,
    )
    return responses.page(
        "experiments",
        [responses.experiment(experiment) for experiment in experiments],
        experiments.token,
    )


def _update(store: Store, sent: Values) -> Json:
    if sent["new_name"]:
        name = checks.experiment_name(sent["new_name"])
        store.experiments.rename(checks.experiment_id(sent["experiment_id"]), name)
    return {}


def _delete(store: Store, sent: Values) -> Json:
    store.experiments.delete(checks.experiment_id(sent["experiment_id"]))
    return {}


def _restore(store: Store, sent: Values) -> Json:
    store.experiments.restore(checks.experiment_id(sent["experiment_id"]))
    return {}


def _set_tag(store: Store, sent: Values) -> Json:
    tag = checks.experiment_tag(sent["key"], sent["value"])
    experiment_id = checks.experiment_id(sent["experiment_id"])
    if tag.key.startswith(checks.CUSTOM_VIEW_PREFIX):
        tags = store.experiments.get(experiment_id).tags
        views = sum(key.startswith(checks.CUSTOM_VIEW_PREFIX) for key in tags)
        if tag.key not in tags and views >= checks.CUSTOM_VIEWS_MAX:
            checks.too_many_views(f" for experiment {experiment_id}")
    store.experiments.set_tag(experiment_id, tag.key, tag.value)
    return {}


def _delete_tag(store: Store, sent: Values) -> Json:
    store.experiments.delete_tag(checks.experiment_id(sent["experiment_id"]), sent["key"])
    return {}


def _search_datasets(store: Store, sent: Values) -> Json:
    asked = sent["experiment_ids"]
    if not asked:
        checks.refuse("SearchDatasets request must specify at least one experiment_id.")
    if len(asked) > _DATASET_EXPERIMENTS_MAX:
        checks.refuse(
            f"SearchDatasets request cannot specify more than {_DATASET_EXPERIMENTS_MAX} "
            f"experiment_ids. Received {len(asked)} experiment_ids."
        )
    datasets: dict[tuple[str, str, str, str | None], None] = {}
    for experiment_id in dict.fromkeys(map(checks.experiment_id, asked)):
        _collect_datasets(store, experiment_id, datasets)
    summaries = []
    for experiment_id, name, digest, context in list(datasets)[:_DATASETS_MAX]:
        summary = {"experiment_id": experiment_id, "name": name, "digest": digest}
        if context:
            summary["context"] = context
        summaries.append(summary)
    return {"dataset_summaries": summaries} if summaries else {}


def _collect_datasets(
    store: Store, experiment_id: str, datasets: dict[tuple[str, str, str, str | None], None]
) -> None:
    """Add the datasets that an experiment's runs read: each dataset once for every context."""
    token: str | None = None
    while len(datasets) < _DATASETS_MAX:
        runs = store.runs.search([experiment_id], "", ViewType.ALL, _RUNS_PAGE, page_token=token)
        for run in runs:
            for used in run.inputs.dataset_inputs:
                tags = {tag.key: tag.value for tag in used.tags}
                dataset = used.dataset
                datasets[
                    experiment_id, dataset.name, dataset.digest, tags.get(DATASET_CONTEXT_TAG)
                ] = None
        token = runs.token
        if token is None:
            return


ENDPOINTS = (
    Endpoint("POST", "experiments/create", requests.CREATE_EXPERIMENT, _create, writes=True),
    Endpoint("GET", "experiments/get", requests.ONE_EXPERIMENT, _get),
    Endpoint("GET", "experiments/get-by-name", requests.EXPERIMENT_BY_NAME, _get_by_name),
    Endpoint("POST", "experiments/search", requests.SEARCH_EXPERIMENTS, _search, role=Role.READ),
    Endpoint("GET", "experiments/search", requests.SEARCH_EXPERIMENTS, _search),
    Endpoint("POST", "experiments/update", requests.UPDATE_EXPERIMENT, _update, writes=True),
    Endpoint("POST", "experiments/delete", requests.ONE_EXPERIMENT, _delete, writes=True),
    Endpoint("POST", "experiments/restore", requests.ONE_EXPERIMENT, _restore, writes=True),
    Endpoint(
        "POST",
        "experiments/set-experiment-tag",
        requests.SET_EXPERIMENT_TAG,
        _set_tag,
        writes=True,
    ),
    Endpoint(
        "POST",
        "experiments/delete-experiment-tag",
        requests.DELETE_EXPERIMENT_TAG,
        _delete_tag,
        writes=True,
    ),
    Endpoint(
        "POST",
        "experiments/search-datasets",
        requests.SEARCH_DATASETS,
        _search_datasets,
        prefixes=PAGES_ONLY,
        role=Role.READ,
    ),
)
