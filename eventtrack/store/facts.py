"""The state of things as flat facts, so that two moments or two runs can be compared.

A fact is a name such as `param.lr`, `metric.loss` or `status`, with a value as text.
"""

from eventtrack.projections import model_points, registered_state
from eventtrack.projections.registered_state import RegisteredState, numbers
from eventtrack.projections.state import BEYOND, ExperimentState, ModelState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.projections.trace_tables import find_trace
from eventtrack.store.sessions import Session
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import Record

Facts = dict[str, str]


class Change(Record):
    """One difference: `kind` is added, removed or changed; `before` and `after` may be None.

    Between moments it names the event that set the fact last, of those that only one of them holds,
    when that was recorded there and when it arrived here (None where it was `recorded_here`, or
    where that is not known), and who recorded it. Where no single
    event sets a fact, a count of points for example, it is the newest that touched the subject.
    """

    kind: str
    subject: str
    fact: str
    before: str | None
    after: str | None
    address: str | None = None
    recorded_ms: int | None = None
    arrived_ms: int | None = None
    recorded_here: bool | None = None
    session: Session | None = None


def run_facts(entities: EntityReader, run: RunState) -> Facts:
    """What holds of a run. Metrics count their points, so that a longer history differs."""
    found = {
        "experiment": run.experiment_id,
        "name": run.name[0],
        "status": run.status[0],
        "user": run.user,
        "start_time": str(run.start_ms),
        "lifecycle": entities.lifecycle(run),
    }
    if run.end_ms[0] is not None:
        found["end_time"] = str(run.end_ms[0])
    found.update({f"param.{key}": value for key, value in run.live_params().items()})
    found.update({f"tag.{key}": value for key, value in run.live_tags().items()})
    for key, metric in sorted(run.metrics.items()):
        found[f"metric.{key}"] = f"{metric.value:.12g} (step {metric.step}, {metric.count} points)"
    for dataset, _ in run.datasets.values():
        found[f"input.{dataset.name}"] = dataset.digest
    for model_id in run.models_read:
        found[f"input.model.{model_id}"] = model_id
    for model_id in run.models_written:
        found[f"output.model.{model_id}"] = model_id
    found.update(_artifact_facts(entities.reader, run.number))
    return found


def experiment_facts(experiment: ExperimentState) -> Facts:
    """What holds of an experiment."""
    found = {"name": experiment.name[0], "lifecycle": experiment.lifecycle[0]}
    if experiment.artifact_location is not None:
        found["artifact_location"] = experiment.artifact_location
    found.update({f"tag.{key}": value for key, value in experiment.live_tags().items()})
    return found


def trace_facts(trace: TraceState) -> Facts:
    """What holds of a trace. Its spans are counted, its assessments named."""
    found = {
        "experiment": trace.experiment_id,
        "state": trace.state,
        "lifecycle": trace.lifecycle[0],
        "spans": str(trace.spans),
    }
    found.update({f"tag.{key}": value for key, value in trace.live_tags().items()})
    for one in trace.live_assessments():
        found[f"assessment.{one.name[0]}.{one.assessment_id}"] = one.value[0][0]
    return found


def model_facts(reader: Reader, model: ModelState) -> Facts:
    """What holds of a logged model."""
    found = {
        "experiment": model.experiment_id,
        "name": model.name,
        "status": model.status[0],
        "lifecycle": model.lifecycle[0],
    }
    if model.source_run_id is not None:
        found["run"] = model.source_run_id
    if model.model_type is not None:
        found["type"] = model.model_type
    found.update({f"param.{key}": value for key, value in model.live_params().items()})
    found.update({f"tag.{key}": value for key, value in model.live_tags().items()})
    points = model_points.read(reader, model.number)
    for key in dict.fromkeys(one.key for one in points):
        those = [one for one in points if one.key == key]
        last = max(those, key=lambda one: (one.step, one.timestamp_ms, one.stamp))
        found[f"metric.{key}"] = f"{last.value:.12g} (step {last.step}, {len(those)} points)"
    found.update(_artifact_facts(reader, model.number))
    return found


def registered_facts(reader: Reader, model: RegisteredState) -> Facts:
    """What holds of a registered model and its versions, deleted ones too."""
    shown = numbers(model.claims)
    found = {"name": model.name[0], "lifecycle": "active" if model.exists else "deleted"}
    if model.description[0] is not None:
        found["description"] = model.description[0]
    found.update({f"tag.{key}": value for key, value in model.live_tags().items()})
    for alias, (version_id, _) in sorted(model.aliases.items()):
        if version_id is not None:
            found[f"alias.{alias}"] = f"version {shown.get(version_id, version_id)}"
    for one in registered_state.versions(reader, model):
        if one.born == BEYOND:
            continue
        facts = {
            "source": one.source,
            "run": one.run_id,
            "model": one.model_id,
            "user": one.user,
            "stage": one.stage[0],
            "description": one.description[0],
            "lifecycle": "active" if one.exists(model) else "deleted",
            **{f"tag.{key}": value for key, value in one.live_tags().items()},
        }
        prefix = f"version.{shown[one.version_id]}"
        found.update({f"{prefix}.{fact}": text for fact, text in facts.items() if text is not None})
    return found


def _artifact_facts(reader: Reader, owner: int) -> Facts:
    return {
        f"artifact.{file.path}": f"{file.size} bytes, sha256 {file.sha256.hex()[:12]}"
        for file in reader.artifacts(owner)
    }


def compare(subject: str, before: Facts, after: Facts) -> list[Change]:
    """The differences between two sets of facts, sorted by fact."""
    changes: list[Change] = []
    for fact in sorted({*before, *after}):
        old, new = before.get(fact), after.get(fact)
        if old != new:
            kind = "added" if old is None else "removed" if new is None else "changed"
            changes.append(Change(kind=kind, subject=subject, fact=fact, before=old, after=new))
    return changes


def facts_of(entities: EntityReader, reader: Reader, stream: str) -> Facts:
    """The facts of a stream's entity; none for one that does not exist (yet)."""
    kind, _, name = stream.partition("/")
    if kind == "run":
        run = reader.run(name)
        return run_facts(entities, run) if run is not None and run.experiment_id else {}
    if kind == "trace":
        trace = find_trace(reader, name)
        return trace_facts(trace) if trace is not None and trace.experiment_id else {}
    if kind == "experiment":
        experiment = reader.experiment(name)
        return experiment_facts(experiment) if experiment is not None and experiment.exists else {}
    if kind == "model":
        model = reader.model(name)
        return model_facts(reader, model) if model is not None and model.experiment_id else {}
    if kind == "registered":
        registered = registered_state.model(reader, name)
        if registered is not None and registered.born != BEYOND:
            return registered_facts(reader, registered)
    return {}
