"""The outbox's events as parts of requests, grouped by run.

The facts of a run commute, as they do in a store, except that a later tag or status wins. So all
facts of the same kind in a window go together, the start of a run first and its end last.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from eventtrack.errors import EventtrackWarning, FormatTooNewError
from eventtrack.events import types
from eventtrack.events.envelope import Envelope
from eventtrack.events.items import ItemsLogged
from eventtrack.events.reading import events_of, read, reason_of
from eventtrack.facts.fact import Correction, Fact
from eventtrack.facts.run import ARTIFACT, PARAM, RUN, TAG
from eventtrack.outbox.item_parts import CALL_BYTES_MAX, calls_of, size_of
from eventtrack.store.receiving import CALLS_MAX
from eventtrack.views.records import Metric

# The order in which the kinds of a run are sent.
START, PARAMS, POINTS, ITEMS, TAGS, INPUTS, OUTPUTS, FILE, UPDATE = KINDS = (
    "start",
    "param",
    "points",
    "series",
    "tag",
    "inputs",
    "outputs",
    "file",
    "update",
)

# Tags by which an outbox marks its runs; they are not delivered. A run that the server had first
# is only mirrored in the outbox, to hold its facts. A run that began here names its experiment.
MIRROR_MARK = "eventtrack.outbox.mirror"
EXPERIMENT_MARK = "eventtrack.outbox.experiment"
MARKS = frozenset((MIRROR_MARK, EXPERIMENT_MARK))
# This tag identifies a run on a server that draws the ids of runs itself.
OUTBOX_ID_TAG = "eventtrack.outbox_id"


# MLflow (utils/validation.py): the bounds of a batch.
BATCH_POINTS_MAX = 1000
BATCH_TEXTS_MAX = 100
# A fifth of MLflow's megabyte, because a letter may take several bytes once it is encoded.
BATCH_LETTERS_MAX = 200_000
# The events that are sent as they are, and the facts that are sent one by one. Nothing else can be
# delivered: an outbox cannot delete things that only the server may have.
_WHOLE: dict[type[types.Event], str] = {
    types.RunStarted: START,
    types.RunUpdated: UPDATE,
    types.InputsLogged: INPUTS,
    types.OutputsLogged: OUTPUTS,
}
_SINGLE: dict[Fact, str] = {PARAM: PARAMS, TAG: TAGS, ARTIFACT: FILE}


class Part(NamedTuple):
    """A fact to deliver: its position in the outbox, its content, and the reason that was given.

    Args:
        label: The metric's, series', param's or tag's key, or the file's path; else "".
        content: For points a list of `Metric`, for items of series a `SentItems`, for params and
            tags the text, else the event.
    """

    position: int
    kind: str
    label: str
    content: Any
    reason: str | None = None

    @property
    def name(self) -> tuple[str, str]:
        """The name of the part within its envelope."""
        return self.kind, self.label


class Batch(NamedTuple):
    """Parts of one run, one kind and one reason that go into one request."""

    run_id: str
    parts: Sequence[Part]

    @property
    def reason(self) -> str | None:
        """The reason that was given for all parts; None for none."""
        return self.parts[0].reason


def batches_of(envelopes: Iterable[Envelope]) -> Iterator[Batch]:
    """The batches for some envelopes: by run, in the order of the runs' first appearance."""
    by_run: dict[str, dict[str, list[Part]]] = {}
    for envelope in envelopes:
        kind, _, name = envelope.header.stream.partition("/")
        if kind == "run":
            of_run = by_run.setdefault(name, {})
            for part in _parts_of(envelope):
                of_run.setdefault(part.kind, []).append(part)
        elif kind == "model":
            for run_id, part in _parts_of_model(envelope, name):
                by_run.setdefault(run_id, {}).setdefault(part.kind, []).append(part)
    for run_id, of_run in by_run.items():
        for kind in KINDS:
            for parts in _portions(kind, of_run.get(kind, ())):
                yield Batch(run_id, parts)


def _parts_of(envelope: Envelope) -> Iterator[Part]:
    """The parts of an envelope, its points gathered by metric; a damaged envelope has none."""
    points: dict[str, list[Metric]] = {}
    items: list[ItemsLogged] = []
    reading = read(envelope)
    fault, reason = reading.fault, reason_of(reading)
    if fault is not None:
        warnings.warn(
            f"envelope {envelope.position} of the outbox is {fault.kind} and cannot be delivered: "
            f"{fault.what}",
            EventtrackWarning,
            stacklevel=2,
        )
        return
    for event in events_of(envelope):
        if event is None:
            raise FormatTooNewError(
                f"this eventtrack cannot read the event at {envelope.position} of the outbox",
                hint="deliver it with the eventtrack that logged it: upgrade with "
                "`pip install -U eventtrack`",
            )
        if isinstance(event, types.MetricLogged):
            key, value, step, at_ms = event.key, event.value, event.step, event.timestamp_ms
            point = Metric(key=key, value=value, timestamp=at_ms, step=step)
            points.setdefault(key, []).append(point)
        elif isinstance(event, types.MetricsLogged):
            for point in _points(event):
                points.setdefault(point.key, []).append(point)
        elif isinstance(event, ItemsLogged):
            items.append(event)
        else:
            yield from _parts(envelope.position, event, reason)
    yield from _pieces(envelope.position, points)
    for call in calls_of(envelope, items):
        yield Part(envelope.position, ITEMS, call.key, call)


def _parts_of_model(envelope: Envelope, model_id: str) -> Iterator[tuple[str, Part]]:
    """Points that name a model, each with its run; the run's own envelope omits the model."""
    for event in events_of(envelope):
        if not isinstance(event, types.ModelMetricsLogged):
            continue
        points: dict[str, list[Metric]] = {}
        for logged in event.points:
            point = Metric(
                key=logged.key,
                value=logged.value,
                timestamp=logged.timestamp_ms,
                step=logged.step,
                model_id=model_id,
                dataset_name=logged.dataset_name,
                dataset_digest=logged.dataset_digest,
            )
            points.setdefault(logged.key, []).append(point)
        for part in _pieces(envelope.position, points):
            yield event.run_id, part


def _pieces(position: int, points: Mapping[str, list[Metric]]) -> Iterator[Part]:
    for key, same in points.items():
        for start in range(0, len(same), BATCH_POINTS_MAX):
            yield Part(position, POINTS, key, same[start : start + BATCH_POINTS_MAX])


def _portions(kind: str, parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts of a kind and a run, cut into requests: in order, each within MLflow's bounds."""
    if kind in (PARAMS, TAGS):
        # Only the last text of a key is sent: the others would be overwritten at once.
        yield from _portioned({part.label: part for part in parts}.values(), BATCH_TEXTS_MAX)
    elif kind == POINTS:
        yield from _portioned(parts, BATCH_POINTS_MAX)
    elif kind == ITEMS:
        yield from _portioned_items(parts)
    else:
        yield from ([part] for part in parts)


def _portioned(parts: Iterable[Part], most: int) -> Iterator[list[Part]]:
    portion: list[Part] = []
    count = letters = 0
    for part in parts:
        is_text = isinstance(part.content, str)
        more, size = (1, len(part.label) + len(part.content)) if is_text else (len(part.content), 0)
        full = count + more > most or letters + size > BATCH_LETTERS_MAX
        if portion and (full or part.reason != portion[0].reason):
            yield portion
            portion, count, letters = [], 0, 0
        portion.append(part)
        count, letters = count + more, letters + size
    if portion:
        yield portion


def _portioned_items(parts: Iterable[Part]) -> Iterator[list[Part]]:
    portion: list[Part] = []
    size = 0
    for part in parts:
        more = size_of(part.content)
        if portion and (size + more > CALL_BYTES_MAX or len(portion) == CALLS_MAX):
            yield portion
            portion, size = [], 0
        portion.append(part)
        size += more
    if portion:
        yield portion


def _parts(position: int, event: types.Event, reason: str | None) -> Iterator[Part]:
    """The parts of an event of a run that logs no points."""
    kind, says = _WHOLE.get(type(event)), RUN.says.get(type(event))
    if kind is not None:
        yield Part(position, kind, "", event, reason)
    elif says is not None:
        for fact, key, value in says(event):
            # A correction was made at the server first; here it is only noted.
            if fact in _SINGLE and value is not None and not isinstance(value, Correction):
                yield Part(position, _SINGLE[fact], key, value, reason)


def _points(event: types.MetricsLogged) -> Iterator[Metric]:
    count = len(event.keys)
    steps = event.steps if isinstance(event.steps, list) else [event.steps] * count
    times = (
        event.timestamps_ms
        if isinstance(event.timestamps_ms, list)
        else [event.timestamps_ms] * count
    )
    for key, value, step, at_ms in zip(event.keys, event.values, steps, times, strict=True):
        yield Metric(key=key, value=value, timestamp=at_ms, step=step)
