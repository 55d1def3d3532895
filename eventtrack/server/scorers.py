"""Scorers over HTTP."""

from eventtrack.compat import checks
from eventtrack.compat import scorer_requests as requests
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json, page
from eventtrack.server.endpoint import AJAX_3, API_3, Endpoint
from eventtrack.store import Store
from eventtrack.views.queries.scorers import ScorerVersion
from eventtrack.views.records import LifecycleStage

_3 = (API_3, AJAX_3)
_INT32_MAX = 2**31 - 1


def _register(store: Store, sent: Values) -> Json:
    made = store.scorers.register(sent["experiment_id"], sent["name"], sent["serialized_scorer"])
    return {
        "version": made.scorer_version,
        "scorer_id": made.scorer_id,
        "experiment_id": made.experiment_id,
        "name": made.scorer_name,
        "serialized_scorer": made.serialized_scorer,
        "creation_time": made.creation_time,
    }


def _list(store: Store, sent: Values) -> Json:
    if sent["experiment_id"] and sent.has("experiment_ids"):
        checks.refuse(
            "Cannot specify both 'experiment_id' and 'experiment_ids'. Use 'experiment_ids' to "
            "scope the query to multiple experiments, or 'experiment_id' to scope it to a single "
            "experiment."
        )
    wanted: list[str] | None = sent.given("experiment_ids")
    if sent["experiment_id"]:
        wanted = [store.experiments.get(sent["experiment_id"]).experiment_id]
    known = store.scorers.list(wanted)
    stages = {
        key: store.experiments.get(key).lifecycle_stage
        for key in {version.experiment_id for version in known}
    }
    shown = [version for version in known if stages[version.experiment_id] == LifecycleStage.ACTIVE]
    return page("scorers", list(map(_version, shown)), None)


def _versions(store: Store, sent: Values) -> Json:
    known = store.scorers.versions(sent["experiment_id"], sent["name"])
    return page("scorers", list(map(_version, known)), None)


def _get(store: Store, sent: Values) -> Json:
    known = store.scorers.get(sent["experiment_id"], sent["name"], sent.given("version"))
    return {"scorer": _version(known)}


def _delete(store: Store, sent: Values) -> Json:
    store.scorers.delete(sent["experiment_id"], sent["name"], sent.given("version"))
    return {}


def _version(known: ScorerVersion) -> Json:
    """A version. MLflow's field for the experiment has 32 bits: a longer id is left out."""
    fields: Json = {
        "scorer_name": known.scorer_name,
        "scorer_version": known.scorer_version,
        "serialized_scorer": known.serialized_scorer,
        "creation_time": known.creation_time,
        "scorer_id": known.scorer_id,
    }
    if int(known.experiment_id) <= _INT32_MAX:
        fields["experiment_id"] = int(known.experiment_id)
    return fields


ENDPOINTS = (
    Endpoint("POST", "scorers/register", requests.REGISTER, _register, writes=True, prefixes=_3),
    Endpoint("GET", "scorers/list", requests.LIST, _list, prefixes=_3),
    Endpoint("GET", "scorers/versions", requests.ONE, _versions, prefixes=_3),
    Endpoint("GET", "scorers/get", requests.VERSION, _get, prefixes=_3),
    Endpoint("DELETE", "scorers/delete", requests.VERSION, _delete, writes=True, prefixes=_3),
)
