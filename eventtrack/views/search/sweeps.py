"""Sweeps for a text: each walks everything of a kind, and yields a hit or None for each step.

The caller may stop between two steps. So a step costs little: some rows of an index, or a record.
Names and values of runs come from the search index, where equal values stand side by side. A value
that many runs share is looked at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from eventtrack import limits
from eventtrack.projections import dataset_state, index, registered_state
from eventtrack.projections.index import FieldName
from eventtrack.projections.rows import end_of
from eventtrack.projections.state import ExperimentState, RunState, effective_lifecycle
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.projections.trace_tables import newest_traces, trace_by_number
from eventtrack.tags import (
    GIT_BRANCH_TAG,
    GIT_COMMIT_TAG,
    NOTE_TAG,
    TRACE_NAME_TAG,
    TRACE_SESSION_KEY,
    TRACE_USER_KEY,
)
from eventtrack.views.entities import shown_name as experiment_name
from eventtrack.views.records import LifecycleStage, Record
from eventtrack.views.registered import shown_name as model_name
from eventtrack.views.search.values import texts_of

# Tags of MLflow that people search by; the others repeat what a run shows elsewhere.
_FOUND = (GIT_BRANCH_TAG, GIT_COMMIT_TAG)
# So many letters stand before the text in a shown part of a longer text, and so many are shown.
_BEFORE, _SHOWN = 24, 160
# A walk over rows of an index yields at least once in so many rows.
_ROWS_A_STEP = 32
# After so many rows of one value the walk seeks the next value.
_SAME_MAX = 16
_IDS_MAX = 20
# Greater than the number of every run, with which a row of the index ends.
_BEYOND_RUNS = b"\xff" * 5
# Behind the path, a key of the files' table has a zero and the hash of the path.
_PATH_END = -9


class Hit(Record):
    """A thing that holds the text.

    Args:
        title: The name of the thing.
        where: The field that holds the text: a tag, `description`, `id`; "" for the name itself.
        text: The text of that field around the place; "" if it is the name.
        filter: Selects the runs that a value belongs to, in MLflow's language.
        model: The name of a registered model, `model_id` the id of a logged model.
        dataset_id: The id of an evaluation dataset.
    """

    title: str
    where: str = ""
    text: str = ""
    experiment_id: str | None = None
    run_id: str | None = None
    model: str | None = None
    model_id: str | None = None
    trace_id: str | None = None
    dataset_id: str | None = None
    path: str | None = None
    filter: str | None = None


Sweep = Iterator[Hit | None]


class Needle:
    """A text to look for, whatever its case; blank edges do not count."""

    def __init__(self, text: str) -> None:
        self.text = text.strip().lower()
        self.data = self.text.encode("utf-8", "surrogatepass")
        self._plain = self.text.isascii()

    def within(self, text: str) -> bool:
        """Whether a text holds this one."""
        return self.text in text.lower()

    def within_bytes(self, data: bytes) -> bool:
        """The same for UTF-8."""
        if self._plain:
            return self.data in data.lower()
        return self.text in data.decode("utf-8", "replace").lower()

    def around(self, text: str) -> str:
        """The part of a text around the place."""
        start = max(text.lower().find(self.text) - _BEFORE, 0)
        part = text[start : start + _SHOWN].strip()
        return ("…" if start else "") + part + ("…" if start + _SHOWN < len(text) else "")

    def place(self, fields: Iterable[tuple[str, str | None]]) -> tuple[str, str] | None:
        """The first field that holds the text, and the part around it; no part of a name ("")."""
        for name, text in fields:
            if text and self.within(text):
                return name, self.around(text) if name else ""
        return None


def experiments(reader: Reader, active: Sequence[ExperimentState], needle: Needle) -> Sweep:
    """Experiments by name, id, tags and note."""
    for state in active:
        name, tags = experiment_name(reader, state), state.live_tags()
        fields = [("", name), ("id", state.experiment_id), *_called(tags)]
        place = needle.place(fields)
        yield (
            None
            if place is None
            else Hit(title=name, where=place[0], text=place[1], experiment_id=state.experiment_id)
        )


def registered(reader: Reader, needle: Needle) -> Sweep:
    """Registered models by name, description, tags and aliases."""
    for state in registered_state.models(reader):
        name = model_name(reader, state)
        aliases = [("alias", alias) for alias, (version, _) in state.aliases.items() if version]
        description = ("description", state.description[0])
        place = needle.place([("", name), description, *aliases, *_called(state.live_tags())])
        yield None if place is None else Hit(title=name, where=place[0], text=place[1], model=name)


def logged(reader: Reader, needle: Needle) -> Sweep:
    """Logged models by name, id, params and tags."""
    for state in reader.models():
        texts = {**state.live_params(), **state.live_tags()}
        place = needle.place([("", state.name), ("id", state.model_id), *_called(texts)])
        active = state.lifecycle[0] == LifecycleStage.ACTIVE
        yield (
            None
            if place is None or not active
            else Hit(title=state.name, where=place[0], text=place[1], model_id=state.model_id)
        )


def datasets(reader: Reader, active: Sequence[ExperimentState], needle: Needle) -> Sweep:
    """Evaluation datasets by name, and datasets that runs read by name and digest."""
    for state in dataset_state.datasets(reader):
        fits = state.shown and needle.within(state.name)
        yield (
            Hit(title=state.name, where="evaluation dataset", dataset_id=state.dataset_id)
            if fits
            else None
        )
    for key in ("name", "digest"):
        for experiment in active:
            for value in _values(reader, experiment, (index.DATASET, key), needle):
                yield (
                    None
                    if value is None
                    else Hit(
                        title=value[0],
                        where=f"dataset, {key}",
                        experiment_id=experiment.experiment_id,
                        filter=_equals(f"datasets.{key}", value[0]),
                    )
                )


_NAMES = {"m": "metrics", "p": "params", "t": "tags"}


def names(reader: Reader, active: Sequence[ExperimentState], needle: Needle) -> Sweep:
    """Names of metrics, params and tags, with the first experiment that has each."""
    for key, number in reader.rows.scan("fields"):
        kind = _NAMES.get(chr(key[0]))
        fits = kind is not None and needle.within_bytes(bytes(key[1:]))
        if not fits:
            yield None
            continue
        name = bytes(key[1:]).decode("utf-8", "replace")
        table = index.table_of((chr(key[0]), name))
        for experiment in active:
            prefix = index.prefix(experiment.number, int.from_bytes(number, "big"))
            if next(reader.rows.keys(table, prefix, end_of(prefix)), None) is not None:
                yield Hit(
                    title=f"{kind}.{name}",
                    where="in",
                    text=experiment_name(reader, experiment),
                    experiment_id=experiment.experiment_id,
                    filter=f"{kind}.`{name}` IS NOT NULL" if "`" not in name else None,
                )
                break
            yield None


def ids(reader: Reader, needle: Needle) -> Sweep:
    """Runs, logged models and traces whose ids begin with the text."""
    for stream in reader.streams(f"run/{needle.text}", _IDS_MAX):
        state = reader.run(stream.partition("/")[2])
        known = state is not None and bool(state.experiment_id)
        yield _run_hit(state, "id", state.run_id) if state is not None and known else None
    for stream in reader.streams(f"trace/{needle.text}", _IDS_MAX):
        trace_id = stream.partition("/")[2]
        yield Hit(title=trace_id, where="trace", trace_id=trace_id)


def runs(reader: Reader, active: Sequence[ExperimentState], needle: Needle) -> Sweep:
    """Runs by name."""
    yield from _of_runs(reader, active, (index.ATTRIBUTE, "run_name"), needle, "")


def notes(reader: Reader, active: Sequence[ExperimentState], needle: Needle) -> Sweep:
    """Runs by their note."""
    yield from _of_runs(reader, active, (index.TAG, NOTE_TAG), needle, "note")


def values(reader: Reader, active: Sequence[ExperimentState], needle: Needle, letter: str) -> Sweep:
    """Values of params or tags, each once for each experiment, with the filter for their runs."""
    start = letter.encode()
    for key in reader.rows.keys("fields", start, end_of(start)):
        name = bytes(key[1:]).decode("utf-8", "replace")
        if (name.startswith("mlflow.") and name not in _FOUND) or "`" in name:
            yield None
            continue
        for experiment in active:
            for value in _values(reader, experiment, (letter, name), needle):
                yield (
                    None
                    if value is None
                    else Hit(
                        title=f"{name} = {needle.around(value[0])}",
                        where="in",
                        text=experiment_name(reader, experiment),
                        experiment_id=experiment.experiment_id,
                        run_id=value[1],
                        filter=_equals(f"{_NAMES[letter]}.`{name}`", value[0]),
                    )
                )


def traces(reader: Reader, active: Sequence[ExperimentState], needle: Needle) -> Sweep:
    """Traces by name, request, response, tags, metadata and assessments, newest first."""
    for experiment in active:
        for _, number in newest_traces(
            reader, experiment.number, limits.INT64_MIN, limits.INT64_MAX
        ):
            state = trace_by_number(reader, number)
            place = None if state is None else needle.place(_texts_of_trace(state))
            yield (
                None
                if state is None or place is None
                else Hit(
                    title=state.live_tags().get(TRACE_NAME_TAG) or state.trace_id,
                    where=place[0],
                    text=place[1],
                    trace_id=state.trace_id,
                )
            )


def _texts_of_trace(state: TraceState) -> Iterator[tuple[str, str | None]]:
    tags, metadata = state.live_tags(), state.live_metadata()
    yield "", tags.get(TRACE_NAME_TAG)
    yield "request", state.shown_request
    yield "response", state.shown_response
    yield "session", metadata.get(TRACE_SESSION_KEY)
    yield "user", metadata.get(TRACE_USER_KEY)
    own = {key: text for key, text in {**tags, **metadata}.items() if not key.startswith("mlflow.")}
    yield from _called(own)
    for assessment in state.live_assessments():
        name = assessment.name[0]
        yield name, f"{name}: {assessment.value[0][0]}"
        yield name, assessment.rationale[0]


def files(reader: Reader, needle: Needle) -> Sweep:
    """Files of runs by path."""
    for place, key in enumerate(reader.rows.keys("artifacts")):
        if place % _ROWS_A_STEP == 0:
            yield None
        path = bytes(key[4:_PATH_END])
        if needle.within_bytes(path):
            hit = _file_hit(reader, int.from_bytes(key[:4], "big"), path, needle)
            if hit is not None:
                yield hit


def _file_hit(reader: Reader, number: int, path: bytes, needle: Needle) -> Hit | None:
    run = reader.run_by_number(number)
    if run is None or not run.experiment_id:
        return None
    files = reader.artifacts(number, path.decode("utf-8", "ignore"))
    known = next((state.path for state in files if needle.within(state.path)), None)
    if known is None:
        return None
    return Hit(title=known, where="in", text=run.name[0], run_id=run.run_id, path=known)


def _of_runs(
    reader: Reader,
    active: Sequence[ExperimentState],
    name: FieldName,
    needle: Needle,
    where: str,
) -> Sweep:
    """The runs whose text under a field holds the needle, without deleted ones."""
    for experiment in active:
        for place, key in enumerate(_rows(reader, experiment, name)):
            if place % _ROWS_A_STEP == 0:
                yield None
            value = key[8:-4]
            if value[-1:] == index.WHOLE and not needle.within_bytes(value):
                continue
            run = reader.run_by_number(index.run_of(key))
            if run is None or effective_lifecycle(run, experiment) != LifecycleStage.ACTIVE:
                continue
            text = next(filter(needle.within, texts_of(run, name)), None)
            if text is not None:
                shown = needle.around(text) if where else experiment_name(reader, experiment)
                yield _run_hit(run, where or "in", shown)


def _run_hit(run: RunState, where: str, text: str) -> Hit:
    return Hit(
        title=run.name[0],
        where=where,
        text=text,
        run_id=run.run_id,
        experiment_id=run.experiment,
    )


def _values(
    reader: Reader, experiment: ExperimentState, name: FieldName, needle: Needle
) -> Iterator[tuple[str, str | None] | None]:
    """Each value of a field that holds the needle, and None now and then for the others.

    The index has only the beginning of a long text: such a text comes with the id of its run.
    """
    last, same, start = b"", 0, b""
    ended = False
    while not ended:
        ended = True
        for place, key in enumerate(_rows(reader, experiment, name, start)):
            if place % _ROWS_A_STEP == 0:
                yield None
            value = key[8:-4]
            same = same + 1 if value == last else 0
            last = value
            if same == 0 or value[-1:] == index.CUT:
                fitting = _fitting(reader, key, name, needle)
                if fitting is not None:
                    yield fitting
            elif same == _SAME_MAX:
                start, ended = value + _BEYOND_RUNS, False
                break


def _fitting(
    reader: Reader, key: bytes, name: FieldName, needle: Needle
) -> tuple[str, str | None] | None:
    """The value of a row of the index, with the run if the text is long; None without needle."""
    value = index.value_of(key)
    if value[-1:] == index.WHOLE:
        if not needle.within_bytes(value):
            return None
        text, _ = index.decode_text(value)
        return (text, None) if needle.within(text) else None
    run = reader.run_by_number(index.run_of(key))
    known = None if run is None else next(filter(needle.within, texts_of(run, name)), None)
    return None if run is None or known is None else (known, run.run_id)


def _rows(
    reader: Reader, experiment: ExperimentState, name: FieldName, start: bytes = b""
) -> Iterator[bytes]:
    """The rows of a field in an experiment, from a value on."""
    number = reader.field(name)
    if number is None:
        return iter(())
    prefix = index.prefix(experiment.number, number)
    return reader.rows.keys(index.table_of(name), prefix + start, end_of(prefix))


def _called(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Tags or params as fields: their names may hold the needle as well as their values."""
    for key, value in texts.items():
        yield ("note", value) if key == NOTE_TAG else (key, f"{key}: {value}")


def _equals(field: str, value: str) -> str | None:
    """The filter for a value; None for a long text."""
    quoted = value.replace("'", "''")
    return f"{field} = '{quoted}'" if len(value) <= _SHOWN else None
