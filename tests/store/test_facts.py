"""Blame, differences, undo and records agree on what holds, whatever happened and wherever."""

import json
from collections.abc import Container, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError
from eventtrack.events.envelope import Draft, seal
from eventtrack.events.registry import REGISTRY
from eventtrack.facts.dataset import record_text
from eventtrack.facts.nouns import NOUNS
from eventtrack.ids import SeededIds
from eventtrack.projections import dataset_state, registered_state, scorer_state
from eventtrack.projections.registered_state import numbers
from eventtrack.projections.trace_tables import find_trace
from eventtrack.store import Store
from eventtrack.store.history import UndoPlan
from eventtrack.views.datasets import dataset_record
from eventtrack.views.entities import EntityReader
from eventtrack.views.history.blame import BlameLine
from eventtrack.views.history.events import EventRecord
from eventtrack.views.history.facts import Facts
from eventtrack.views.items import KINDS, series_of
from eventtrack.views.records import Run
from eventtrack.views.registered import version_record
from eventtrack.views.traces.records import linked_runs, trace_info
from tests.properties.replicas import DRAFT
from tests.store.operations import all_facts

# Which of two machines records something, and by how much its clock differs.
HISTORIES = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, 3), DRAFT), min_size=1, max_size=12
)
# Blame tells of each point and of each event of items; differences of the newest, and of how many.
SERIES = ("metric.", *(f"{kind}." for kind in KINDS))
BIRTHS = {
    entry.name for entry in REGISTRY for noun in NOUNS.values() if entry.struct in noun.births
}
# What holds from a birth on; before it, blame says that nothing does.
INITIAL = {"lifecycle": "active", "stage": "None"}


@contextmanager
def recorded(
    factory: pytest.TempPathFactory, history: list[tuple[int, int, Draft]]
) -> Iterator[Store]:
    """A machine that holds what two others recorded, in an order that is not that of the times."""
    store = Store(factory.mktemp("facts") / "store", clock=ManualClock(), ids=SeededIds("facts"))
    feeds: dict[int, list[bytes]] = {1: [], 2: []}
    for place, (replica, ahead, draft) in enumerate(history):
        data, _ = seal(
            draft,
            replica=bytes((replica,)) * 16,
            index=len(feeds[replica]),
            recorded=(1000 + 10 * place + ahead * replica) << 16,
            session=b"s" * 16,
            salt=bytes(16),
        )
        feeds[replica].append(data)
    store._engine.log.transact(
        lambda log: [log.append_foreign(data) for feed in feeds.values() for data in feed]
    )
    yield store
    store.close()


def without_points(facts: Facts) -> dict[str, str | None]:
    """Facts whose values are one event's: of series only that there are some."""
    return {name: None if name.startswith(SERIES) else text for name, text in facts.items()}


def blamed(store: Store, stream: str) -> Facts:
    """What holds after the last line of blame about each fact."""
    last = {line.fact: line.after for line in store.history.blame(stream)}
    return {fact: text for fact, text in last.items() if text is not None and is_born(fact, last)}


def is_born(fact: str, facts: Container[str]) -> bool:
    """Whether a fact is of a version or an assessment whose creation is known, or of no such."""
    kind, _, rest = fact.partition(".")
    is_of_part = kind in {"version", "assessment"}
    return not is_of_part or f"{kind}.{rest.partition('.')[0]}.creation_time" in facts


def of_run(run: Run) -> Facts:
    info, data = run.info, run.data
    found = {
        "experiment": info.experiment_id,
        "user": info.user_id,
        "start_time": str(info.start_time),
        "name": info.run_name,
        "status": info.status,
        "lifecycle": info.lifecycle_stage,
        **({} if info.end_time is None else {"end_time": str(info.end_time)}),
        **{f"param.{key}": value for key, value in data.params.items()},
        **{f"tag.{key}": value for key, value in data.tags.items()},
        **{f"metric.{key}": "" for key in data.metrics},
    }
    for one in run.inputs.dataset_inputs:
        name = f"input.{one.dataset.name}"
        known = [found[name]] if name in found else []
        found[name] = ", ".join([*known, one.dataset.digest])
    for read in run.inputs.model_inputs:
        found[f"input.model.{read.model_id}"] = read.model_id
    for written in run.outputs.model_outputs:
        found[f"output.model.{written.model_id}"] = written.model_id
    return found


def of_registered(entities: EntityReader, registered_id: str) -> Facts:
    model = registered_state.model(entities.reader, registered_id)
    assert model is not None
    shown = numbers(model.claims)
    found = {
        "creation_time": str(model.created_ms),
        "name": model.name[0],
        "description": model.description[0],
        "lifecycle": "active" if model.exists else "deleted",
        **{f"tag.{key}": value for key, value in model.live_tags().items()},
        **{
            f"alias.{alias}": f"version {shown.get(version_id, version_id)}"
            for alias, (version_id, _) in model.aliases.items()
            if version_id is not None
        },
    }
    for version in registered_state.versions(entities.reader, model):
        if version.version_id not in shown:
            continue
        record = version_record("", model, shown[version.version_id], version)
        facts = {
            "source": record.source,
            "run": record.run_id,
            "run_link": record.run_link,
            "model": record.model_id,
            "user": record.user_id,
            "creation_time": str(record.creation_timestamp),
            "description": record.description,
            "stage": record.current_stage,
            "lifecycle": "active" if version.exists(model) else "deleted",
            **{f"tag.{key}": value for key, value in record.tags.items()},
        }
        found |= {f"version.{record.version}.{name}": text for name, text in facts.items()}
    return {name: text for name, text in found.items() if text is not None}


def of_trace(entities: EntityReader, trace_id: str) -> Facts:
    state = find_trace(entities.reader, trace_id)
    assert state is not None
    info = trace_info(entities, state)
    found = {
        "experiment": info.experiment_id,
        "state": info.state,
        "request_time": str(info.request_time),
        "duration_ms": None if info.execution_duration is None else str(info.execution_duration),
        "client_request": info.client_request_id,
        "request_preview": info.request_preview,
        "response_preview": info.response_preview,
        "lifecycle": "active" if state.shown else "deleted",
        "spans": str(state.spans),
        **{f"tag.{key}": value for key, value in info.tags.items()},
        **{f"metadata.{key}": value for key, value in state.live_metadata().items()},
        **{f"run.{run_id}": run_id for run_id in linked_runs(state)},
        **{f"prompt.{prompt}": prompt for prompt in state.prompts},
    }
    return {name: text for name, text in found.items() if text is not None}


def of_dataset(entities: EntityReader, dataset_id: str) -> Facts:
    state = dataset_state.dataset(entities.reader, dataset_id)
    assert state is not None
    record = dataset_record(state)
    rows = list(dataset_state.records_in_order(entities.reader, state))
    assert json.loads(record.profile or "null") == ({"num_records": len(rows)} if rows else None)
    found = {
        "name": record.name,
        "user": record.created_by,
        "creation_time": str(record.created_time),
        "lifecycle": "active" if state.shown else "deleted",
        **{f"tag.{key}": value for key, value in record.tags.items()},
        **{f"experiment.{one}": one for one in record.experiment_ids},
        **{
            f"record.{row.record_id}": record_text("", held) for row in rows if (held := row.held())
        },
    }
    return {name: text for name, text in found.items() if text is not None}


def of_scorer(entities: EntityReader, scorer_id: str) -> Facts:
    state = scorer_state.scorer(entities.reader, scorer_id)
    assert state is not None
    if not state.claims:
        return {}
    found = {"experiment": state.experiment[0], "name": state.name[0]}
    for version_id, number in numbers(state.claims).items():
        version = state.versions[version_id]
        facts = {
            "serialized": version.serialized,
            "creation_time": str(version.created_ms),
            "lifecycle": "active" if version.is_there else "deleted",
        }
        found |= {f"version.{number}.{name}": text for name, text in facts.items()}
    return found


def shown(entities: EntityReader, stream: str) -> Facts:
    """The facts of a thing as its record has them."""
    kind, _, name = stream.partition("/")
    reader = entities.reader
    if kind == "registered":
        return of_registered(entities, name)
    if kind == "scorer":
        return of_scorer(entities, name)
    if kind == "dataset":
        return of_dataset(entities, name)
    if kind == "trace":
        return of_trace(entities, name)
    if run := reader.run(name) if kind == "run" else None:
        series = {f"{one.kind}.{one.key}": "" for one in series_of(reader, run)}
        return of_run(entities.run(run)) | series
    if state := reader.experiment(name) if kind == "experiment" else None:
        experiment = entities.experiment(state)
        return {
            "creation_time": str(experiment.creation_time),
            "name": state.name[0],  # a shown name also depends on other experiments
            "lifecycle": experiment.lifecycle_stage,
            **{f"tag.{key}": value for key, value in experiment.tags.items()},
            **{f"view.{name}": view for name, view in state.live_views().items()},
        }
    known = reader.model(name)
    assert known is not None
    model = entities.model(known)
    found = {
        "experiment": model.experiment_id,
        "name": model.name,
        "run": model.source_run_id,
        "type": model.model_type,
        "creation_time": str(model.creation_timestamp),
        "status": model.status,
        "lifecycle": model.lifecycle_stage,
        **{f"param.{key}": value for key, value in model.params.items()},
        **{f"tag.{key}": value for key, value in model.tags.items()},
        **{f"metric.{metric.key}": "" for metric in model.metrics},
    }
    return {name: text for name, text in found.items() if text is not None}


# Facts that a record has elsewhere: files are listed; assessments, locations and signatures are
# asked for; what changed the points of a run shows in its points, and in the runs they are from.
ELSEWHERE = (
    *("artifact.", "assessment.", "artifact_location", "signature."),
    *("fork.", "forked_from", "merged.", "withdrawal."),
)


@settings(max_examples=60, deadline=None)
@given(history=HISTORIES)
def test_blame_and_records_have_the_facts_that_differences_compare(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, int, Draft]]
) -> None:
    with recorded(tmp_path_factory, history) as store:
        for stream, facts in all_facts(store).items():
            assert without_points(blamed(store, stream)) == without_points(facts), stream
            with store._context.entities() as entities:
                records = without_points(shown(entities, stream))
            assert records == {
                name: text
                for name, text in without_points(facts).items()
                if not name.startswith(ELSEWHERE)
            }, stream


def planned(store: Store, address: str) -> UndoPlan | str:
    """What undo would do, or why it refuses."""
    try:
        return store.history.plan(address)
    except InvalidStateError as error:
        return error.message


def restored_by_undo(event: EventRecord, lines: list[BlameLine]) -> dict[str, str | None]:
    """The values that facts are to have again; a thing that was born is to be deleted."""
    for line in lines:
        owner = line.fact.removesuffix("creation_time").removesuffix("experiment")
        if event.type in BIRTHS and owner != line.fact and line.before is None:
            return {f"{owner}lifecycle": "deleted"}
    is_of_part = "version_id" in event.body or "assessment_id" in event.body
    return {
        line.fact: INITIAL.get(line.fact.split(".")[-1]) if line.before is None else line.before
        for line in lines
        if is_of_part or not line.fact.startswith("version.")
    }


def changed(before: Facts, after: Facts) -> set[str]:
    """The facts that differ, but for those of versions that go with their model."""
    found = {fact for fact in {*before, *after} if before.get(fact) != after.get(fact)}
    if "lifecycle" in found:
        found = {one for one in found if not one.startswith("version.")}
    return found


@settings(max_examples=100, deadline=None)
@given(history=HISTORIES, choice=st.integers(0, 50))
def test_undoing_any_event_restores_each_fact_that_it_set_or_says_why_not(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[int, int, Draft]],
    choice: int,
) -> None:
    with recorded(tmp_path_factory, history) as store:
        events = [event for event in store.events.read() if not event.recorded_here]
        event = events[choice % len(events)]
        plan = planned(store, event.address)
        if isinstance(plan, str):
            assert f"{event.address} ({event.type}): " in plan
            return
        before = all_facts(store)[event.stream]
        lines = [line for line in store.history.blame(event.stream) if line.event == event]
        store.history.undo(event.address)
        after = all_facts(store)[event.stream]
        wanted = {
            fact: text
            for fact, text in restored_by_undo(event, lines).items()
            if fact not in plan.stays
        }
        assert wanted
        assert {fact: after.get(fact) for fact in wanted} == wanted
        assert changed(before, after) <= wanted.keys()
