"""Conflicts: what was claimed in two ways, which claim counts, and which lost."""

from typing import Any

from eventtrack.facts.fact import Noun
from eventtrack.facts.run import RUN
from eventtrack.projections import registered_state
from eventtrack.projections.merging import held, rivals
from eventtrack.projections.tables import Reader
from eventtrack.views import registered
from eventtrack.views.entities import shown_name
from eventtrack.views.records import Record


class Conflict(Record):
    """One fact with rival claims: what was kept, and what lost and is still on record."""

    subject: str
    fact: str
    kept: str
    lost: list[str]


def find_conflicts(reader: Reader) -> list[Conflict]:
    """Params with different values, things that came to share a name, versions a number."""
    found: list[Conflict] = []
    for value in reader.txn.cursor(reader.tables["runs"]).iternext(values=False):
        run = reader.run_by_number(int.from_bytes(value, "big"))
        if run is not None:
            found += _rivals(f"run/{run.run_id}", RUN, run)
    for experiment in reader.experiments():
        name = shown_name(reader, experiment)
        if name != experiment.name[0]:
            subject = f"experiment/{experiment.experiment_id}"
            lost = [experiment.name[0]]
            found.append(Conflict(subject=subject, fact="name", kept=name, lost=lost))
    return found + _moved_versions(reader)


def _rivals(subject: str, noun: Noun, state: Any) -> list[Conflict]:
    """The facts of a thing of which several values were claimed, each on its own machine."""
    return [
        Conflict(subject=subject, fact=fact.called(key), kept=held(fact, state, key), lost=lost)
        for fact in noun.facts
        for key, lost in rivals(fact, state).items()
    ]


def _moved_versions(reader: Reader) -> list[Conflict]:
    """Models that came to share a name, and versions that were given a number that was taken."""
    found: list[Conflict] = []
    for model in registered_state.models(reader):
        name = registered.shown_name(reader, model)
        subject = f"registered/{model.registered_id}"
        if name != model.name[0]:
            lost = [model.name[0]]
            found.append(Conflict(subject=subject, fact="name", kept=name, lost=lost))
        for one in registered.version_records(reader, model):
            if one.version != one.given:
                fact, kept = f"version.{one.version_id}", str(one.version)
                lost = [str(one.given)]
                found.append(Conflict(subject=subject, fact=fact, kept=kept, lost=lost))
    return found
