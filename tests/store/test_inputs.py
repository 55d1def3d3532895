"""Inputs and outputs: what a run read and wrote, said once."""

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
)
from tests.store.machines import dataset, refused


def test_datasets_come_back_with_their_tags(store: Store, run_id: str) -> None:
    used = DatasetInput(
        dataset=Dataset(
            name="n", digest="d", source_type="s", source="{}", schema="[]", profile="{}"
        ),
        tags=[InputTag(key="b", value="2"), InputTag(key="a", value="1")],
    )
    store.runs.log_inputs(run_id, [used])
    (found,) = store.runs.get(run_id).inputs.dataset_inputs
    assert found.dataset == used.dataset
    assert found.tags == sorted(used.tags, key=lambda tag: tag.key)


def test_a_dataset_named_again_changes_neither_itself_nor_its_tags(
    store: Store, run_id: str
) -> None:
    store.runs.log_inputs(run_id, [dataset("n", context="training")])
    head = store.events.head()
    store.runs.log_inputs(run_id, [dataset("n", context="test")])
    assert store.events.head() == head
    (found,) = store.runs.get(run_id).inputs.dataset_inputs
    assert found.tags[0].value == "training"


def test_only_what_is_new_is_recorded(store: Store, run_id: str) -> None:
    store.runs.log_inputs(run_id, [dataset("a")], [LoggedModelInput(model_id="m")])
    store.runs.log_inputs(
        run_id,
        [dataset("a"), dataset("a", digest="other"), dataset("b")],
        [LoggedModelInput(model_id="m"), LoggedModelInput(model_id="n")],
    )
    bodies = [one.body for one in store.history.timeline(run_id)[-3:]]
    assert [[(one["name"], one["digest"]) for one in body["datasets"]] for body in bodies] == [
        [("a", "other")],
        [("b", "d")],
        [],
    ]
    assert [body["models"] for body in bodies] == [[], [], ["n"]]


def test_inputs_are_shown_in_the_order_in_which_they_were_logged(store: Store, run_id: str) -> None:
    models = [LoggedModelInput(model_id=one) for one in ("z", "a", "z", "m")]
    datasets = [dataset("c"), dataset("a"), dataset("c"), dataset("b")]
    store.runs.log_inputs(run_id, datasets, models)
    store.runs.log_inputs(run_id, [dataset("0"), dataset("a")], [LoggedModelInput(model_id="b")])
    found = store.runs.get(run_id).inputs
    assert [one.dataset.name for one in found.dataset_inputs] == ["c", "a", "b", "0"]
    assert [one.model_id for one in found.model_inputs] == ["z", "a", "m", "b"]


def test_models_come_back(store: Store, run_id: str) -> None:
    store.runs.log_inputs(run_id, models=[LoggedModelInput(model_id="m")])
    store.runs.log_outputs(run_id, [LoggedModelOutput(model_id="w", step=3)])
    run = store.runs.get(run_id)
    assert [one.model_id for one in run.inputs.model_inputs] == ["m"]
    assert run.outputs.model_outputs == [LoggedModelOutput(model_id="w", step=3)]
    (found,) = store.runs.search(["0"])
    assert found == run


def test_nothing_read_is_no_event(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.runs.log_inputs(run_id)
    store.runs.log_outputs(run_id, [])
    assert store.events.head() == head


GOOD = {"name": "n", "digest": "d", "source_type": "s", "source": "{}"}


@pytest.mark.parametrize("field", ["name", "digest", "source_type"])
@pytest.mark.parametrize("value", ["", 5, None, "\ud800"])
def test_a_dataset_s_names_are_texts(store: Store, run_id: str, field: str, value: object) -> None:
    with refused(store, InvalidValueError):
        store.runs.log_inputs(run_id, [DatasetInput(dataset=Dataset(**{**GOOD, field: value}))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "longest"),
    [("name", 500), ("digest", 36), ("source", 65_535), ("schema", 1_048_575)],
)
def test_a_dataset_s_texts_have_mlflow_s_bounds(
    store: Store, run_id: str, field: str, longest: int
) -> None:
    fits = Dataset(**{**GOOD, field: "x" * longest})
    store.runs.log_inputs(run_id, [DatasetInput(dataset=fits)])
    too_long = Dataset(**{**GOOD, field: "x" * (longest + 1)})
    with refused(store, InvalidValueError, f"exceeds the maximum length of {longest}"):
        store.runs.log_inputs(run_id, [DatasetInput(dataset=too_long)])


@pytest.mark.parametrize(
    ("key", "value"), [("x" * 256, ""), ("k", "x" * 501), (None, ""), ("k", 5)]
)
def test_an_input_s_tags_have_mlflow_s_bounds(
    store: Store, run_id: str, key: object, value: object
) -> None:
    tag = InputTag(key=key, value=value)  # type: ignore[arg-type]
    with refused(store, InvalidValueError):
        store.runs.log_inputs(run_id, [DatasetInput(dataset=Dataset(**GOOD), tags=[tag])])


@pytest.mark.parametrize("model_id", [None, 5, "\ud800"])
def test_a_model_s_id_is_a_text(store: Store, run_id: str, model_id: object) -> None:
    with refused(store, InvalidValueError):
        store.runs.log_inputs(run_id, models=[LoggedModelInput(model_id=model_id)])  # type: ignore[arg-type]
    with refused(store, InvalidValueError):
        store.runs.log_outputs(run_id, [LoggedModelOutput(model_id=model_id)])  # type: ignore[arg-type]


def test_an_output_s_step_is_a_whole_number(store: Store, run_id: str) -> None:
    with refused(store, InvalidValueError):
        store.runs.log_outputs(run_id, [LoggedModelOutput(model_id="m", step="x")])  # type: ignore[arg-type]


def test_runs_are_found_by_their_datasets(store: Store, run_id: str) -> None:
    store.runs.log_inputs(run_id, [dataset("a", context="training"), dataset("b" * 100)])
    for text in (
        "datasets.name = 'a'",
        f"datasets.name = '{'b' * 100}'",
        "datasets.name LIKE '%bbb'",
        "dataset.context IN ('training', 'x')",
        "datasets.digest = 'd'",
    ):
        assert len(store.runs.search(["0"], text)) == 1, text
    assert not store.runs.search(["0"], "datasets.context = ''")
