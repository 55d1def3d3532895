"""The subjects of histories: turns the names that people use into streams."""

from collections.abc import Mapping
from typing import NamedTuple

from eventtrack.errors import NotFoundError
from eventtrack.facts.fact import Noun
from eventtrack.facts.nouns import NOUNS
from eventtrack.projections import dataset_state, names, registered_state, scorer_state
from eventtrack.projections.registered_state import RegisteredState, numbers
from eventtrack.projections.state import BEYOND
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_tables import find_trace
from eventtrack.views.history.blame import NO_NUMBERS
from eventtrack.views.queries.experiments import existing_experiment
from eventtrack.views.queries.runs import existing_run
from eventtrack.views.registered import find_by_name

REGISTRY_URI = "models:/"


class Subject(NamedTuple):
    """A stream, or the events of one version in the stream of a registered model.

    Args:
        numbers: The number that each version of a registered model shows, by version id.
    """

    stream: str
    version_id: str | None = None
    numbers: Mapping[str, int] = NO_NUMBERS

    @property
    def noun(self) -> Noun:
        """The noun of the stream: the table of its facts."""
        return NOUNS[self.stream.partition("/")[0]]

    @property
    def prefix(self) -> str:
        """The beginning of the names of the subject's facts."""
        return "" if self.version_id is None else f"version.{self.numbers[self.version_id]}."


def find(reader: Reader, text: str) -> Subject:
    """The subject of a name, even if it is deleted.

    Args:
        text: A run's id; or `run/ID`, `experiment/ID`, `model/ID` (a logged model), `trace/ID`,
            `dataset/ID` (an evaluation dataset); or
            MLflow's `models:/NAME`, `models:/NAME/3`, `models:/NAME@alias`, `models:/m-ID`.

    Raises:
        NotFoundError: No thing has that name.
    """
    if text.startswith(REGISTRY_URI):
        return _of_uri(reader, text.removeprefix(REGISTRY_URI))
    kind, separator, name = text.partition("/")
    if not separator or kind == "run":
        return Subject(f"run/{existing_run(reader, name if separator else text).run_id}")
    if kind == "experiment":
        return Subject(f"experiment/{existing_experiment(reader, name).experiment_id}")
    if kind == "registered":
        registered = registered_state.model(reader, name)
        if registered is not None and registered.born != BEYOND:
            return _of_registered(registered)
    scorer = scorer_state.scorer(reader, name) if kind == "scorer" else None
    if scorer is not None and scorer.born != BEYOND:
        return Subject(text, numbers=numbers(scorer.claims))
    dataset = dataset_state.dataset(reader, name) if kind == "dataset" else None
    if dataset is not None and dataset.born != BEYOND:
        return Subject(text)
    model = reader.model(name) if kind == "model" else None
    trace = find_trace(reader, name) if kind == "trace" else None
    state = model or trace
    if state is None or not state.experiment_id:
        raise NotFoundError(
            f"There is no {text!r}",
            hint="a history is of a run (its id), experiment/ID, model/ID, trace/ID, "
            "dataset/ID, models:/NAME",
        )
    return Subject(text)


def _of_uri(reader: Reader, rest: str) -> Subject:
    logged = reader.model(rest)
    if logged is not None and logged.experiment_id:
        return Subject(f"model/{rest}")
    name, _, number = rest.partition("/")
    name, _, alias = name.partition("@")
    model = find_by_name(reader, name) or _deleted(reader, name)
    if model is None:
        raise NotFoundError(
            f"Registered Model with name={name} not found",
            hint="`eventtrack models list` shows those of this store; is it the right store?",
        )
    subject = _of_registered(model)
    if not number and not alias:
        return subject
    version_id = model.aliases.get(alias, (None,))[0] if alias else None
    versions = {str(shown): version_id for version_id, shown in subject.numbers.items()}
    version_id = versions.get(number, version_id)
    if version_id not in subject.numbers:
        raise NotFoundError(
            f"Model Version ({REGISTRY_URI}{rest}) not found",
            hint=f"`eventtrack models show {name}` lists its versions",
        )
    return subject._replace(version_id=version_id)


def _of_registered(model: RegisteredState) -> Subject:
    stream = registered_state.PREFIX + model.registered_id
    return Subject(stream, numbers=numbers(model.claims))


def _deleted(reader: Reader, name: str) -> RegisteredState | None:
    """The last model that had a name which no model has now."""
    holders = names.find(reader, names.REGISTERED, name).holders
    known = [registered_state.model(reader, registered_id) for registered_id in holders]
    return max(
        (model for model in known if model is not None), key=lambda model: model.born, default=None
    )
