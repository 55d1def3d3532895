"""Runs, read: one by one, searched, as a tree."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from eventtrack import collector, limits, validate
from eventtrack.errors import NotFoundError
from eventtrack.lazy import lazy
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.tags import PARENT_TAG
from eventtrack.views.context import ReadContext
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import (
    Metric,
    PagedList,
    Record,
    Run,
    ViewType,
)

if TYPE_CHECKING:
    from eventtrack.projections import run_digest
    from eventtrack.views import answers, paging
    from eventtrack.views.filters import trees
    from eventtrack.views.queries import run_trees
    from eventtrack.views.search import ordering, places
    from eventtrack.views.search import runs as run_search
else:
    run_digest = lazy("eventtrack.projections.run_digest")
    answers = lazy("eventtrack.views.answers")
    paging = lazy("eventtrack.views.paging")
    trees = lazy("eventtrack.views.filters.trees")
    ordering = lazy("eventtrack.views.search.ordering")
    run_search = lazy("eventtrack.views.search.runs")
    run_trees = lazy("eventtrack.views.queries.run_trees")

T = TypeVar("T")
# What a search asks, in the order of its parameters.
_Asked = tuple[
    Sequence[str],
    str | None,
    int,
    int,
    Sequence[str] | None,
    str | None,
    Callable[[RunState, str], str] | None,
]
# Makes what a search gives for the run of a number.
_Record = Callable[[EntityReader, "run_search.RunSearch", bytes], T]


class Wanted(NamedTuple):
    """A page of runs that is asked for."""

    experiment_ids: Sequence[str]
    expression: "trees.Expression | None"
    view_type: int
    order: "Sequence[trees.OrderTerm]"
    start: "paging.Token | None" = None
    size: int = limits.SEARCH_RESULTS_MAX
    shown: Callable[[RunState, str], str] | None = None


class Signature(Record):
    """A signature of a run.

    `digest` is the run's state that was signed, in hex; `holds` says whether that is its state.
    `signed_ms` is the signer's clock, in milliseconds since 1970.
    """

    meaning: str
    by: str
    reason: str
    signed_ms: int
    digest: str
    holds: bool


class RunQueries:
    """Reads of the runs of a store."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._answers: answers.KeptAnswers | None = None

    def get(self, run_id: str) -> Run:
        """A run with all its data, even if it is deleted.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.entities() as entities:
            return entities.run(existing_run(entities.reader, run_id))

    def at_hand(self, run_id: str) -> Run:
        """A run as this machine knows it, without asking a server; in a store, as `get`."""
        return self.get(run_id)

    def experiments_of(self, run_id: str) -> list[str]:
        """The ids of the experiments that a run was in, the present one first.

        Its traces and logged models are in the experiment that it was in when they were logged.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.read() as reader:
            run = existing_run(reader, run_id)
        return list(dict.fromkeys((run.experiment, run.experiment_id, *sorted(run.moves))))

    def digest(self, run_id: str) -> str:
        """The digest of a run's state, in hex (docs/format.md, section 5, "Signatures").

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.entities() as entities:
            return self._digest(entities, existing_run(entities.reader, run_id))

    def merged_of(self, run_id: str) -> list[str]:
        """The ids of the runs that were merged into a run, sorted.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.read() as reader:
            return existing_run(reader, run_id).live_merged()

    def signatures(self, run_id: str) -> list[Signature]:
        """The last signature of each person and meaning, oldest first.

        Costs a read of the run's points if there is a signature.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.entities() as entities:
            run = existing_run(entities.reader, run_id)
            if not run.signatures:
                return []
            digest = self._digest(entities, run)
        latest = sorted(run.signatures.values(), key=lambda pair: (pair[1], pair[0].key))
        return [
            Signature(
                meaning=signed.meaning,
                by=signed.by,
                reason=signed.reason,
                signed_ms=signed.at_ms,
                digest=signed.digest.hex(),
                holds=signed.digest.hex() == digest,
            )
            for signed, _ in latest
        ]

    @staticmethod
    def _digest(entities: EntityReader, run: RunState) -> str:
        return run_digest.run_digest(entities.reader, run, entities.lifecycle(run)).hex()

    def ids_starting_with(self, prefix: str, limit: int = 10) -> list[str]:
        """At most `limit` run ids that begin with `prefix`, sorted, to complete typed ids."""
        with self._context.read() as reader:
            ids = [name.partition("/")[2] for name in reader.streams(f"run/{prefix}", limit)]
            runs = [(run_id, reader.run(run_id)) for run_id in ids]
        return [run_id for run_id, run in runs if run is not None and run.experiment_id]

    def search(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = limits.SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        shown: Callable[[RunState, str], str] | None = None,
        *,
        by_number: bool = False,
    ) -> PagedList[Run]:
        """One page of runs; by default the newest first.

        The filter may compare params and tags with numbers, as in `params.lr < 0.01`.

        Args:
            shown: Turns the store's `artifact_uri` of a run into the URI that the caller knows; the
                filter compares with that.
            by_number: Whether params and tags that are numbers are sorted as numbers; by default
                they are sorted as texts, as MLflow does.
        """
        asked = (experiment_ids, filter_string, view_type, max_results, order_by, page_token, shown)
        expression = trees.parse_run_filter(filter_string, numbers=True)
        order = trees.parse_run_order(order_by, numbers=by_number)
        return self._page(asked, expression, order, _record)

    def search_with_latest(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = limits.SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        shown: Callable[[RunState, str], str] | None = None,
        *,
        numbers: bool = False,
    ) -> PagedList[tuple[Run, list[Metric]]]:
        """As `search`, each run with the latest point of each of its metrics, in one look.

        Args:
            numbers: Whether filters may compare params and tags with numbers; MLflow's do not.
        """
        asked = (experiment_ids, filter_string, view_type, max_results, order_by, page_token, shown)
        return self._page(asked, *_of_mlflow(asked, numbers), _record_with_latest)

    def search_answers(
        self,
        answer: "answers.Make",
        experiment_ids: Sequence[str],
        filter_string: str | None = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = limits.SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        shown: Callable[[RunState, str], str] | None = None,
        *,
        numbers: bool = False,
    ) -> PagedList[bytes]:
        """As `search_with_latest`, with the answer about each run in place of its records.

        Args:
            answer: Makes the answer about a run and the latest points of its metrics, from these
                alone. Answers are kept, so it should be the same function each time.
            numbers: See `search_with_latest`.
        """
        asked = (experiment_ids, filter_string, view_type, max_results, order_by, page_token, shown)
        if self._answers is None:
            self._answers = answers.KeptAnswers()
        kept = self._answers

        def record(entities: EntityReader, search: "run_search.RunSearch", number: bytes) -> bytes:
            return kept.of(entities, number, search.state, answer)

        return self._page(asked, *_of_mlflow(asked, numbers), record)

    def _page(
        self,
        asked: _Asked,
        expression: "trees.Expression | None",
        order: "Sequence[trees.OrderTerm]",
        record: "_Record[T]",
    ) -> PagedList[T]:
        experiment_ids, filter_string, view_type, max_results, order_by, page_token, shown = asked
        size = validate.max_results(max_results)
        sorting = [*(order_by or ()), *("by number" for term in order if term.numbers)]
        search = paging.search_of(
            list(map(str, experiment_ids)), filter_string or "", view_type, sorting
        )
        token = paging.token_of(page_token, search, ordering.complete(order))
        wanted = Wanted(experiment_ids, expression, view_type, order, token, size, shown)
        runs, last, remark = self._find(wanted, record)
        return paging.page(runs, token.offset, size, search, last, remark)

    def children(self, run_id: str) -> list[Run]:
        """The active runs nested directly in a run, oldest first."""
        experiment_id = self.get(run_id).info.experiment_id
        nested = trees.Comparison(trees.Field("tag", PARENT_TAG), "=", run_id)
        oldest = (trees.OrderTerm(trees.Field("attribute", "start_time"), True),)
        most = limits.SEARCH_RESULTS_MAX
        wanted = Wanted([experiment_id], nested, ViewType.ACTIVE_ONLY, oldest, size=most)
        return self._find(wanted, _record)[0]

    def tree(self, experiment_id: str) -> "run_trees.RunTree":
        """The active runs of an experiment, each with its depth, as a tree read downwards.

        Roots come newest first; each is followed by the runs nested in it, oldest first.
        """
        return run_trees.RunTree(self._context, experiment_id)

    def _find(
        self, wanted: Wanted, record: "_Record[T]"
    ) -> "tuple[list[T], places.Place | None, str]":
        """The runs of a page and one more if there are more; the place of the last; the remark."""
        with self._context.entities() as entities, collector.paused():
            known = [
                entities.experiment_state(str(experiment_id))
                for experiment_id in dict.fromkeys(wanted.experiment_ids)
            ]
            experiments = [state for state in known if state is not None]

            def location(state: RunState) -> str:
                uri = entities.artifact_uri(state)
                return uri if wanted.shown is None else wanted.shown(state, uri)

            search = run_search.RunSearch(entities.reader, experiments, location)
            start, size = wanted.start or paging.Token(0), wanted.size
            after = start.after
            skip = start.offset if after is None else 0
            numbers = search.numbers(
                wanted.expression, wanted.view_type, wanted.order, skip, skip + size + 1, after
            )
            last = None
            if len(numbers) > size:
                last = search.place(search.state(numbers[size - 1]), wanted.order)
            return [record(entities, search, number) for number in numbers], last, search.remark


def _of_mlflow(
    asked: _Asked, numbers: bool
) -> "tuple[trees.Expression | None, Sequence[trees.OrderTerm]]":
    """The filter and the order of a search, as MLflow reads them."""
    return trees.parse_run_filter(asked[1], numbers=numbers), trees.parse_run_order(asked[4])


def _record_with_latest(
    entities: EntityReader, search: "run_search.RunSearch", number: bytes
) -> tuple[Run, list[Metric]]:
    return entities.run_with_latest(search.state(number))


def _record(entities: EntityReader, search: "run_search.RunSearch", number: bytes) -> Run:
    return entities.run(search.state(number))


def existing_run(reader: Reader, run_id: str) -> RunState:
    """The state of a run.

    Raises:
        NotFoundError: There is no such run, or it is known by hearsay only.
    """
    state = reader.run(run_id) if validate.may_be_run_id(run_id) else None
    if state is None or not state.experiment_id:
        raise NotFoundError(
            f"Run with id={run_id} not found",
            hint="`eventtrack runs list` shows the ids of this store; is it the right store?",
        )
    return state
