"""Evaluation datasets over HTTP. Tags and records are JSON within JSON, as MLflow sends them."""

import json
from typing import Any, NoReturn

from eventtrack import limits
from eventtrack.compat import checks
from eventtrack.compat import dataset_requests as requests
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json, page
from eventtrack.server.endpoint import AJAX_3, API_3, Endpoint
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.views.datasets import DatasetRecord, EvaluationDataset

_3 = (API_3, AJAX_3)
_ONE = "datasets/<dataset_id>"
_TRACE = "TRACE"


def _create(store: Store, sent: Values) -> Json:
    tags = _within("tags", sent["tags"], dict) if sent["tags"] else {}
    made = store.datasets.create(sent["name"], tags=tags, experiment_ids=sent["experiment_ids"])
    return {"dataset": _dataset(made, placed=True)}


def _get(store: Store, sent: Values) -> Json:
    return {"dataset": _dataset(store.datasets.get(sent["dataset_id"]))}


def _delete(store: Store, sent: Values) -> Json:
    store.datasets.delete(sent["dataset_id"])
    return {}


def _search(store: Store, sent: Values) -> Json:
    known = store.datasets.search(
        sent["experiment_ids"],
        sent["filter_string"] or None,
        sent["max_results"],
        sent["order_by"],
        sent["page_token"] or None,
    )
    return page("datasets", [_dataset(dataset) for dataset in known], known.token)


def _set_tags(store: Store, sent: Values) -> Json:
    store.datasets.set_tags(sent["dataset_id"], _within("tags", sent["tags"], dict))
    return {}


def _delete_tag(store: Store, sent: Values) -> Json:
    store.datasets.delete_tag(sent["dataset_id"], sent["key"])
    return {}


def _merge(store: Store, sent: Values) -> Json:
    records = _within("records", sent["records"], list)
    counts = store.datasets.merge_records(sent["dataset_id"], records)
    return {"inserted_count": counts.inserted, "updated_count": counts.updated}


def _records(store: Store, sent: Values) -> Json:
    size = sent["max_results"] or limits.DATASET_RECORDS_RESULTS_DEFAULT
    known = store.datasets.records(sent["dataset_id"], size, sent["page_token"] or None)
    answer: Json = {"records": json.dumps(list(map(_record, known)))}
    if known.token:
        answer["next_page_token"] = known.token
    return answer


def _delete_records(store: Store, sent: Values) -> Json:
    gone = store.datasets.delete_records(sent["dataset_id"], sent["dataset_record_ids"])
    return {"deleted_count": gone}


def _experiment_ids(store: Store, sent: Values) -> Json:
    known = store.datasets.experiment_ids(sent["dataset_id"])
    return {"experiment_ids": known} if known else {}


def _add(store: Store, sent: Values) -> Json:
    known = store.datasets.add_to_experiments(sent["dataset_id"], sent["experiment_ids"])
    return {"dataset": _dataset(known)}


def _remove(store: Store, sent: Values) -> Json:
    known = store.datasets.remove_from_experiments(sent["dataset_id"], sent["experiment_ids"])
    return {"dataset": _dataset(known)}


def _within(name: str, text: str, kind: type) -> Any:
    """The JSON in a field."""
    try:
        known = json.loads(text)
    except (ValueError, RecursionError) as error:
        _unreadable(name, f"it is no JSON: {error}")
    if not isinstance(known, kind):
        _unreadable(name, f"its JSON is no {'object' if kind is dict else 'list'}")
    return known


def _unreadable(name: str, why: str) -> NoReturn:
    checks.refuse(f"Invalid value for parameter '{name}' supplied: {why}")


def _dataset(known: EvaluationDataset, *, placed: bool = False) -> Json:
    """A dataset; its experiments are told of one that was just made, and asked for of others."""
    fields: Json = {
        "dataset_id": known.dataset_id,
        "name": known.name,
        "digest": known.digest,
        "created_time": known.created_time,
        "last_update_time": known.last_update_time,
        "tags": json.dumps(known.tags),
        "schema": known.schema,
        "profile": known.profile,
        "created_by": known.created_by,
        "last_updated_by": known.last_updated_by,
        "experiment_ids": known.experiment_ids if placed else None,
    }
    return {name: value for name, value in fields.items() if value not in (None, [])}


def _record(known: DatasetRecord) -> Json:
    source: Json = known.source or {}
    data = source.get("source_data") or {}
    kind = source.get("source_type")
    fields: Json = {
        "dataset_record_id": known.dataset_record_id,
        "dataset_id": known.dataset_id,
        "inputs": known.inputs,
        "outputs": known.outputs,
        "expectations": known.expectations,
        "tags": known.tags,
        "source": known.source,
        "source_id": data.get("trace_id" if kind == _TRACE else "source_id"),
        "source_type": kind,
        "created_time": known.created_time,
        "last_update_time": known.last_update_time,
        "created_by": known.created_by,
        "last_updated_by": known.last_updated_by,
    }
    return {name: value for name, value in fields.items() if value is not None}


ENDPOINTS = (
    Endpoint("POST", "datasets/create", requests.CREATE, _create, writes=True, prefixes=_3),
    Endpoint("GET", "datasets/search", requests.SEARCH, _search, prefixes=_3),
    Endpoint("POST", "datasets/search", requests.SEARCH, _search, prefixes=_3, role=Role.READ),
    Endpoint("GET", _ONE, requests.ONE, _get, prefixes=_3),
    Endpoint("DELETE", _ONE, requests.ONE, _delete, writes=True, prefixes=_3),
    Endpoint("PATCH", f"{_ONE}/tags", requests.SET_TAGS, _set_tags, writes=True, prefixes=_3),
    Endpoint(
        "DELETE", f"{_ONE}/tags/<key>", requests.ONE_TAG, _delete_tag, writes=True, prefixes=_3
    ),
    Endpoint("POST", f"{_ONE}/records", requests.MERGE, _merge, writes=True, prefixes=_3),
    Endpoint("GET", f"{_ONE}/records", requests.RECORDS, _records, prefixes=_3),
    Endpoint(
        *("DELETE", f"{_ONE}/records", requests.DELETE_RECORDS, _delete_records),
        writes=True,
        prefixes=_3,
    ),
    Endpoint("GET", f"{_ONE}/experiment-ids", requests.ONE, _experiment_ids, prefixes=_3),
    Endpoint(
        "POST", f"{_ONE}/add-experiments", requests.EXPERIMENTS, _add, writes=True, prefixes=_3
    ),
    Endpoint(
        *("POST", f"{_ONE}/remove-experiments", requests.EXPERIMENTS, _remove),
        writes=True,
        prefixes=_3,
    ),
)
