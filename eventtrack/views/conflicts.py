"""Conflicts: rival claims about a fact, with the claim that counts and the claims that lost."""

from typing import Any

from eventtrack.facts.fact import Noun
from eventtrack.facts.run import RUN
from eventtrack.projections import counts, registered_state
from eventtrack.projections.merging import held, rivals
from eventtrack.projections.tables import Reader
from eventtrack.views import registered
from eventtrack.views.entities import shown_name
from eventtrack.views.records import Record


class Conflict(Record):
    """A fact with rival claims: the kept value, and the lost values, which stay on record."""

    subject: str
    fact: str
    kept: str
    lost: list[str]


def find_conflicts(reader: Reader) -> list[Conflict]:
    """Params with several values, things that share a name, and versions that share a number."""
    conflicts: list[Conflict] = []
    for value in reader.rows.keys(counts.DISPUTED):
        run = reader.run_by_number(int.from_bytes(value, "big"))
        if run is not None:
            conflicts += _rivals(f"run/{run.run_id}", RUN, run)
    for experiment in reader.experiments():
        name = shown_name(reader, experiment)
        if name != experiment.name[0]:
            subject = f"experiment/{experiment.experiment_id}"
            lost = [experiment.name[0]]
            conflicts.append(Conflict(subject=subject, fact="name", kept=name, lost=lost))
    return conflicts + _moved_versions(reader)


def _rivals(subject: str, noun: Noun, state: Any) -> list[Conflict]:
    """The facts of a thing for which machines claimed different values."""
    return [
        Conflict(subject=subject, fact=fact.called(key), kept=held(fact, state, key), lost=lost)
        for fact in noun.facts
        for key, lost in rivals(fact, state).items()
    ]


def _moved_versions(reader: Reader) -> list[Conflict]:
    """Models that share a name, and versions that were given a number already taken."""
    conflicts: list[Conflict] = []
    for model in registered_state.models(reader):
        name = registered.shown_name(reader, model)
        subject = f"registered/{model.registered_id}"
        if name != model.name[0]:
            lost = [model.name[0]]
            conflicts.append(Conflict(subject=subject, fact="name", kept=name, lost=lost))
        for version in registered.version_records(reader, model):
            if version.version != version.given:
                fact, kept = f"version.{version.version_id}", str(version.version)
                lost = [str(version.given)]
                conflicts.append(Conflict(subject=subject, fact=fact, kept=kept, lost=lost))
    return conflicts
