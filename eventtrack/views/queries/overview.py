"""Many runs at a glance: counts, tables of chosen columns, and the names of columns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from eventtrack.errors import InvalidValueError
from eventtrack.lazy import lazy
from eventtrack.projections import counts as run_counts
from eventtrack.projections import index, keys
from eventtrack.projections.rows import end_of
from eventtrack.projections.state import ExperimentState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.tags import FORKED_TAG, PARENT_TAG
from eventtrack.views.context import ReadContext
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import Experiment, Record, RunInfo, RunStatus, ViewType

# For all but the list of experiments, which reads what the fold keeps: it starts sooner without.
if TYPE_CHECKING:
    from eventtrack.views.filters import plain, trees
    from eventtrack.views.search import forks, values
    from eventtrack.views.search import runs as run_search
    from eventtrack.views.search.groups import RunGroup
else:
    plain = lazy("eventtrack.views.filters.plain")
    trees = lazy("eventtrack.views.filters.trees")
    forks = lazy("eventtrack.views.search.forks")
    run_search = lazy("eventtrack.views.search.runs")
    values = lazy("eventtrack.views.search.values")

_KINDS = {"metrics": index.METRIC, "params": index.PARAM, "tags": index.TAG}
# Kinds of the fields that make groups, as filters call them, and the attributes among them.
_GROUP_KINDS: dict[str, Literal["param", "tag", "attribute"]] = {
    "params": "param",
    "tags": "tag",
    "attributes": "attribute",
}
_GROUPS = ("status", "user_id")
Cell = float | str | None
_DAY_MS = 86_400_000
# The spans of time over which the activity of experiments is shown.
_SPANS_MS = tuple(days * _DAY_MS for days in (1, 7, 30, 90, 360))


class ExperimentSummary(Record):
    """An experiment with counts of its active runs and of those that run, and its last activity.

    `last_activity` is the latest start or end of a run, or the experiment's own last change, in
    milliseconds since 1970.
    """

    experiment: Experiment
    runs: int
    running: int
    last_activity: int


class RunRow(Record):
    """A run in a table, and a cell for each column.

    `forked_from` is the run that it was forked from, `@` and the step, as the tag says.
    """

    info: RunInfo
    parent_run_id: str | None
    forked_from: str | None
    cells: list[Cell]


class RunTable(Record):
    """Rows `[offset, offset + len(rows))` of `total`; `remark` is as in `PagedList`."""

    total: int
    rows: list[RunRow]
    remark: str = ""


class Activity(Record):
    """The number of runs that began in each of equal stretches of time, by experiment.

    Stretch `i` begins at `low + i * width`, in milliseconds since 1970. Experiments that began no
    run in any stretch are left out.
    """

    low: int
    width: int
    counts: dict[str, list[int]]


class Columns(Record):
    """The names of metrics, params and tags of the runs of some experiments, each list sorted."""

    metrics: list[str]
    params: list[str]
    tags: list[str]


class Overview:
    """Lists and tables of a store's experiments and runs."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def experiments(self) -> list[ExperimentSummary]:
        """Every experiment, even deleted ones, by latest activity first.

        Costs a few reads for each experiment, and a walk of two index fields for an experiment
        that was deleted or restored.
        """
        with self._context.entities() as entities:
            states = [state for state in entities.reader.experiments() if state.exists]
            summaries = [_summary(entities, state) for state in states]
        summaries.sort(
            key=lambda summary: (-summary.last_activity, summary.experiment.experiment_id)
        )
        return summaries

    def activity(self, now_ms: int, buckets: int = 30) -> Activity:
        """The numbers of runs that began in the last day, week, month, quarter or year.

        It takes the shortest of these spans that holds every run, else a year. Costs a walk of the
        index over the runs of that time.
        """
        with self._context.entities() as entities:
            states = [state for state in entities.reader.experiments() if state.exists]
            searches = {
                state.experiment_id: _search(entities, [state.experiment_id]) for state in states
            }
            oldest = [
                start
                for search in searches.values()
                if (start := search.oldest_start()) is not None
            ]
            age = now_ms - min(oldest, default=now_ms)
            span = next((span for span in _SPANS_MS if age < span), _SPANS_MS[-1])
            width = span // buckets
            low = now_ms - width * buckets + 1
            starts = {
                experiment_id: search.starts(low, width, buckets)
                for experiment_id, search in searches.items()
            }
            counts = {experiment_id: many for experiment_id, many in starts.items() if any(many)}
        return Activity(low=low, width=width, counts=counts)

    def table(
        self,
        experiment_ids: Sequence[str],
        columns: Sequence[tuple[str, str]] = (),
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        view_type: int = ViewType.ACTIVE_ONLY,
        group: tuple[tuple[str, str], str | None] | None = None,
        offset: int = 0,
        limit: int = 200,
    ) -> RunTable:
        """Some rows of the matching runs, and the number of all of them.

        Params and tags that are numbers are compared and sorted as numbers. Plain words for a
        filter find runs by name.

        Args:
            columns: The kind (`metrics`, `params` or `tags`) and key of each cell.
            group: Leaves only the runs of one group: `by` as for `groups`, and the group's value.

        Raises:
            FilterSyntaxError: The filter or the order cannot be read.
            InvalidValueError: Runs cannot be grouped by that.
        """
        expression = trees.parse_run_filter(plain.filter_of(filter_string), numbers=True)
        if group is not None:
            expression = _within(expression, *group)
        order = trees.parse_run_order(order_by, numbers=True)
        with self._context.entities() as entities:
            search = _search(entities, experiment_ids)
            states = search.find(expression, view_type, order, offset, offset + limit)
            total = search.count(expression, view_type)
            rows = [_row(entities, state, columns) for state in states]
            return RunTable(total=total, rows=rows, remark=search.remark)

    def groups(
        self,
        experiment_ids: Sequence[str],
        by: tuple[str, str],
        columns: Sequence[tuple[str, str]] = (),
        *,
        filter_string: str = "",
        view_type: int = ViewType.ACTIVE_ONLY,
    ) -> "list[RunGroup]":
        """All matching runs in groups by a value, the largest group first.

        Args:
            by: The kind (`params`, `tags` or `attributes`) and key of the value.
            columns: As for `table`.

        Raises:
            FilterSyntaxError: The filter cannot be read.
            InvalidValueError: Runs cannot be grouped by that.
        """
        field = values.name_of(_group_field(by))
        expression = trees.parse_run_filter(plain.filter_of(filter_string), numbers=True)
        with self._context.entities() as entities:
            search = _search(entities, experiment_ids)
            names = [(_KINDS[kind], key) for kind, key in columns]
            return search.groups(expression, view_type, field, names)

    def columns(self, experiment_ids: Sequence[str]) -> Columns:
        """The names of metrics, params and tags of the runs of some experiments, even deleted runs.

        Names of more than 400 bytes are left out: the index keeps only their hash.
        """
        with self._context.entities() as entities:
            states = map(entities.experiment_state, experiment_ids)
            numbers = [state.number for state in states if state is not None]
            names = {kind: _names(entities.reader, kind, numbers) for kind in _KINDS}
            # The index has a run's own points: metrics that a fork only inherits are looked up.
            joined = (
                run for number in numbers for run in forks.joined_runs(entities.reader, number)
            )
            inherited = {key for run in joined for key in entities.reader.curves(run)}
            if inherited:
                names["metrics"] = sorted(inherited.union(names["metrics"]))
        return Columns(**names)


def _group_field(by: tuple[str, str]) -> "trees.Field":
    kind, key = by
    if kind not in _GROUP_KINDS or (kind == "attributes" and key not in _GROUPS):
        raise InvalidValueError(
            f"cannot group runs by {kind}.{key}",
            hint="name a param, a tag, attributes.status or attributes.user_id",
        )
    return trees.Field(_GROUP_KINDS[kind], key)


def _within(
    expression: "trees.Expression | None", by: tuple[str, str], value: str | None
) -> "trees.Expression":
    """An expression with a further part: the run is one of a group."""
    operator = "IS NULL" if value is None else "="
    of_group = trees.Comparison(_group_field(by), operator, value)
    if expression is None:
        return of_group
    parts = expression.parts if isinstance(expression, trees.And) else (expression,)
    return trees.And((*parts, of_group))


def _search(entities: EntityReader, experiment_ids: Sequence[str]) -> "run_search.RunSearch":
    known = [
        entities.experiment_state(experiment_id) for experiment_id in dict.fromkeys(experiment_ids)
    ]
    present = [state for state in known if state is not None]
    return run_search.RunSearch(entities.reader, present, entities.artifact_uri)


def _summary(entities: EntityReader, state: ExperimentState) -> ExperimentSummary:
    experiment, reader = entities.experiment(state), entities.reader
    # Where an experiment was deleted or restored, the stages of its runs are compared with it.
    kept = None if state.lifecycle[1] else run_counts.of_experiment(reader.rows, state.number)
    if kept is None:
        search = _search(entities, [state.experiment_id])
        status = trees.Comparison(trees.Field("attribute", "status"), "=", RunStatus.RUNNING)
        runs = search.count(None, ViewType.ACTIVE_ONLY)
        running = search.count(status, ViewType.ACTIVE_ONLY)
    else:
        runs, running = kept.runs - kept.deleted, kept.running
    moments = (_newest(reader, state.number, name) for name in ("start_time", "end_time"))
    return ExperimentSummary(
        experiment=experiment,
        runs=runs,
        running=running,
        last_activity=max(experiment.last_update_time, *moments),
    )


def _newest(reader: Reader, experiment: int, attribute: str) -> int:
    """The greatest `start_time` or `end_time` of any run, in milliseconds; 0 for none."""
    field = reader.field((index.ATTRIBUTE, attribute))
    if field is None:
        return 0
    first = index.prefix(experiment, field) + index.NUMBER
    key = next(
        reader.rows.keys(
            index.table_of((index.ATTRIBUTE, attribute)), first, end_of(first), reverse=True
        ),
        None,
    )
    return 0 if key is None else int(index.decode_number(index.value_of(key)))


def _row(entities: EntityReader, state: RunState, columns: Sequence[tuple[str, str]]) -> RunRow:
    cells: list[Cell] = []
    for kind, key in columns:
        if kind == "metrics":
            metric = entities.reader.curve(state, key)
            cells.append(None if metric is None else metric.value)
        elif kind == "params":
            param = state.params.get(key)
            cells.append(None if param is None else param.value)
        else:
            cells.append(state.tags.get(key, (None,))[0])
    parent, forked = (state.tags.get(key, (None,))[0] for key in (PARENT_TAG, FORKED_TAG))
    info = entities.run_info(state)
    return RunRow(info=info, parent_run_id=parent, forked_from=forked, cells=cells)


def _names(reader: Reader, kind: str, experiments: Sequence[int]) -> list[str]:
    letter = _KINDS[kind].encode()
    table = index.table_of((_KINDS[kind], ""))
    names = []
    for key, number in reader.rows.scan("fields"):
        name = bytes(key)
        if not name.startswith(letter) or len(name) > keys.TEXT_BYTES_MAX:
            continue
        for experiment in experiments:
            prefix = index.prefix(experiment, int.from_bytes(number, "big"))
            if next(reader.rows.keys(table, prefix, end_of(prefix)), None) is not None:
                names.append(name[1:].decode("utf-8", "replace"))
                break
    return names
