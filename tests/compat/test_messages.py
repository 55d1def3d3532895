"""Requests are read as protobuf reads them: compared with MLflow's own messages, field by field."""

from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from eventtrack.compat import requests
from eventtrack.compat.requests import Request

service: Any = pytest.importorskip("mlflow.protos.service_pb2")
json_format: Any = pytest.importorskip("google.protobuf.json_format")

MESSAGES: dict[str, Request] = {
    "CreateExperiment": requests.CREATE_EXPERIMENT,
    "GetExperiment": requests.ONE_EXPERIMENT,
    "GetExperimentByName": requests.EXPERIMENT_BY_NAME,
    "SearchExperiments": requests.SEARCH_EXPERIMENTS,
    "UpdateExperiment": requests.UPDATE_EXPERIMENT,
    "SetExperimentTag": requests.SET_EXPERIMENT_TAG,
    "DeleteExperimentTag": requests.DELETE_EXPERIMENT_TAG,
    "SearchDatasets": requests.SEARCH_DATASETS,
    "CreateRun": requests.CREATE_RUN,
    "GetRun": requests.GET_RUN,
    "DeleteRun": requests.ONE_RUN,
    "UpdateRun": requests.UPDATE_RUN,
    "SearchRuns": requests.SEARCH_RUNS,
    "LogMetric": requests.LOG_METRIC,
    "LogParam": requests.LOG_PARAM,
    "SetTag": requests.SET_TAG,
    "DeleteTag": requests.DELETE_TAG,
    "LogBatch": requests.LOG_BATCH,
    "LogInputs": requests.LOG_INPUTS,
    "LogOutputs": requests.LOG_OUTPUTS,
    "LogModel": requests.LOG_MODEL,
    "GetMetricHistory": requests.METRIC_HISTORY,
    "GetMetricHistoryBulkInterval": requests.METRIC_INTERVAL,
    "SearchLoggedModels": requests.SEARCH_MODELS,
    "ListArtifacts": requests.LIST_ARTIFACTS,
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, 1, 2, 3, 2**31, 2**63, -(2**63), 1.0, 2.5, -0.0, 1e30])
    | st.floats(width=32)
    | st.sampled_from(
        ["1", " 1", "1.0", "2.5", "1e3", "NaN", "nan", "inf", "Infinity", "-Infinity"]
    )
    | st.sampled_from(["", "text", "RUNNING", "FAILED", "ALL", "\ud800", "1_0", "٣"])
)


def names_of(descriptor: Any) -> list[str]:
    """Every name that a message or one within it knows, and some that none does."""
    found = ["unknown", "[ext]", "", "a"]
    for field in descriptor.fields:
        found += [field.name, field.json_name]
        if field.message_type is not None:
            found += names_of(field.message_type)
    return found


def bodies(descriptor: Any) -> st.SearchStrategy[Any]:
    """JSON objects in which most names mean something and most values do not."""
    names = st.sampled_from(sorted(set(names_of(descriptor))))
    values = st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    )
    return st.dictionaries(names, values, max_size=5)


def read_by_protobuf(name: str, body: Any) -> tuple[Any, bool]:
    """What MLflow's server makes of a body, and whether it could read all of it."""
    message = getattr(service, name)()
    try:
        json_format.ParseDict(body, message, ignore_unknown_fields=True)
    except (json_format.ParseError, OverflowError):
        return plain(message), False
    except SystemError:  # protobuf's own slip over a text that is no Unicode
        reject()
    return plain(message), True


def plain(message: Any) -> dict[str, Any]:
    """The fields of a message that are set, enumerations by name."""
    found: dict[str, Any] = {}
    for field, value in message.ListFields():
        convert = plain if field.message_type is not None else _scalar_of(field)
        repeated = field.is_repeated
        found[field.name] = [convert(item) for item in value] if repeated else convert(value)
    return found


def _scalar_of(field: Any) -> Any:
    if field.enum_type is None:
        return lambda value: value
    return lambda value: field.enum_type.values_by_number[value].name


@pytest.mark.parametrize("name", MESSAGES)
def test_all_fields_are_known_by_both_names(name: str) -> None:
    fields = getattr(service, name).DESCRIPTOR.fields
    ours = MESSAGES[name].message.fields
    # An extension of ours, which docs/mlflow.md names: whoever begins a run may name it.
    beyond = {("run_id", "runId")} if name == "CreateRun" else set()
    assert {(one.name, one.json_name) for one in ours} - beyond == {
        (one.name, one.json_name) for one in fields
    }


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_bodies_are_read_as_protobuf_reads_them(name: str, data: st.DataObject) -> None:
    descriptor = getattr(service, name).DESCRIPTOR
    body = data.draw(bodies(descriptor))
    message = MESSAGES[name].message
    if message.doubly_spelled(body) is not None:
        return
    values, stopped = message.parse(body)
    theirs, all_read_there = read_by_protobuf(name, body)
    if stopped is None:
        assert all_read_there
        assert repr(values.plain()) == repr(ordered(theirs, values.plain()))
    elif all_read_there:
        # MLflow takes a name that its enumeration does not have for one that was not sent, and cuts
        # a fraction.
        assert stopped.path.endswith(("status", "view_type", "viewType"))
        assert isinstance(stopped.value, str | float | bool)


def ordered(theirs: Any, ours: Any) -> Any:
    """Their fields in our order: protobuf lists them by number, we as they came."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        names = [*ours, *(name for name in theirs if name not in ours)]
        return {name: ordered(theirs[name], ours.get(name)) for name in names if name in theirs}
    if isinstance(theirs, list) and isinstance(ours, list):
        return [ordered(a, b) for a, b in zip(theirs, [*ours, *theirs], strict=False)]
    return theirs
