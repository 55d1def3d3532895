"""Searches of runs as commands make them: short keys to sort by, and the answer as a table."""

from collections.abc import Mapping, Sequence

from eventtrack.cli import text
from eventtrack.cli.base import Invocation
from eventtrack.cli.resolve import chosen_experiments
from eventtrack.cli.run_table import draw_runs
from eventtrack.errors import InvalidValueError
from eventtrack.views.filters.fields import RUNS
from eventtrack.views.filters.plain import filter_of
from eventtrack.views.filters.trees import parse_run_order
from eventtrack.views.records import Experiment, PagedList, Run, ViewType

_DIRECTIONS = ("asc", "desc")


def print_runs(
    call: Invocation,
    typed: Sequence[str],
    filter_string: str,
    order_by: Sequence[str],
    limit: int,
    view: int | None,
) -> None:
    """Print the first `limit` matching runs of the experiments that were typed, or of all.

    Args:
        order_by: Clauses of `--sort`; a metric, param or tag needs no prefix.

    Raises:
        FilterSyntaxError: The filter or a clause cannot be read.
        InvalidValueError: No run has a metric, param or tag of a name to sort by.
    """
    store = call.look()
    experiments = chosen_experiments(store, typed, view_type=ViewType.ALL)
    ids = [experiment.experiment_id for experiment in experiments]
    clauses = list(order_by)
    if any(map(_is_short, clauses)):
        clauses = full_clauses(store.overview.columns(ids).to_dictionary(), clauses)
    page: PagedList[Run] = PagedList()
    if experiments:
        page = store.runs.search(
            ids,
            filter_string=filter_of(filter_string),
            view_type=view or ViewType.ACTIVE_ONLY,
            max_results=limit,
            order_by=clauses,
            by_number=True,
        )
    if page.remark:
        call.out.note(page.remark)
    if call.out.json:
        call.out.document(list(page))
    elif not page:
        say_nothing_found(call, experiments, filtered=bool(filter_string or view))
    else:
        several = len({run.info.experiment_id for run in page}) > 1
        names = (
            {experiment.experiment_id: experiment.name for experiment in experiments}
            if several
            else None
        )
        sorted_by = [term.field.key for term in parse_run_order(clauses)]
        draw_runs(call.out, page, experiments=names, first=sorted_by, liveness=store.liveness)
        if page.token is not None:
            call.out.note(f"These are the first {limit:,}; --limit shows more.")


def say_nothing_found(
    call: Invocation, experiments: Sequence[Experiment], *, filtered: bool
) -> None:
    """Say why there is no run to show, and what to do next."""
    if filtered:
        call.out.note("No runs match. `eventtrack runs list` shows all active runs.")
    elif len(experiments) == 1:
        name = text.clean(experiments[0].name)
        call.out.note(f"No runs in {name} yet. Log one with eventtrack.start_run().")
    else:
        call.out.note("No runs yet. Try `eventtrack demo`, or log one with eventtrack.start_run().")


def full_clauses(names: Mapping[str, Sequence[str]], order_by: Sequence[str]) -> list[str]:
    """The clauses, with `loss DESC` written as "metrics.`loss` DESC".

    Args:
        names: The names of all `metrics`, `params` and `tags`.

    Raises:
        InvalidValueError: None of them is a key to sort by.
    """
    kinds = {kind: names[kind] for kind in ("metrics", "params", "tags")}
    return [_full(clause, kinds) if _is_short(clause) else clause for clause in order_by]


def _is_short(clause: str) -> bool:
    key, _ = _key_and_direction(clause)
    family = key.partition(".")[0]
    known = key in RUNS.attributes or key in RUNS.aliases
    return not (known or "`" in key or '"' in key or ("." in key and family in RUNS.entities))


def _full(clause: str, kinds: Mapping[str, Sequence[str]]) -> str:
    key, direction = _key_and_direction(clause)
    for kind, names in kinds.items():
        if key in names:
            return f"{kind}.`{key}` {direction}"
    raise InvalidValueError(
        f"cannot sort by {key!r}: no run has a metric, param or tag of that name",
        hint=_near(key, [*(name for names in kinds.values() for name in names), *RUNS.attributes]),
    )


def _key_and_direction(clause: str) -> tuple[str, str]:
    key, _, last = clause.strip().rpartition(" ")
    return (key.strip(), last) if key and last.lower() in _DIRECTIONS else (clause.strip(), "")


def _near(key: str, names: list[str]) -> str:
    import difflib

    near = [name for name in names if key and key in name][:3]
    near = near or difflib.get_close_matches(key, names, n=3)
    if not near:
        return "`eventtrack runs list --json` shows all names"
    return f"did you mean {text.either([text.clean(name) for name in near])}?"
