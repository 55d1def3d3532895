"""Tables of runs: columns for frequent metrics and params, and the tree of child runs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING

from eventtrack.cli import tables, text
from eventtrack.cli.output import Output, status_cell
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.views.records import LifecycleStage, Run, RunStatus

if TYPE_CHECKING:
    from eventtrack.views.queries.liveness import Life, Liveness
    from eventtrack.views.queries.run_trees import RunTree

# Nobody reads wider tables, and --json has everything.
_METRICS_MAX, _PARAMS_MAX = 6, 6
# Begins the metrics of the machine's load, which stand behind what a program measures.
LOAD = "system/"
# The line of a tree that leads to a fork.
BROKEN = "╌"
# A running run without its process, and one that has been silent for long on another machine.
LIVES = {"gone": Styled("lost", "red"), "quiet": Styled("quiet", "yellow")}
# The first three metrics matter more than the first param; the others take turns with params.
_METRIC_RANKS = (10, 11, 12, 14, 16, 18)
_PARAM_RANKS = (13, 15, 17, 19, 21, 23)


def draw_runs(
    out: Output,
    runs: Iterable[Run],
    *,
    experiments: Mapping[str, str] | None = None,
    trees: Sequence[str] | None = None,
    first: Sequence[str] = (),
    indent: int = 0,
    liveness: "Liveness | None" = None,
) -> None:
    """Draw a row for each run. The first of them decide about columns: see `Output.table`.

    Args:
        experiments: Names by id; adds a column with each run's experiment.
        trees: The branch to draw before each run's name, for nested runs.
        first: Keys of metrics and params whose columns come first, as far as runs have them.
        liveness: Judges running runs; without it, as in the past, they are what they said.
    """
    runs = iter(runs)
    beginning = list(islice(runs, tables.LAYOUT_ROWS))
    metrics = _most_common((run.data.metrics for run in beginning), _METRICS_MAX, first)
    params = _most_common((run.data.params for run in beginning), _PARAMS_MAX, first)
    columns = [
        Column("run", style="cyan"),
        Column("name", width_max=36),
        *([Column("experiment", rank=30, width_max=20)] if experiments is not None else []),
        Column("status"),
        Column("started", rank=13),
        Column("duration", right=True, rank=40),
        *_key_columns(metrics, _METRIC_RANKS),
        *_key_columns(params, _PARAM_RANKS, style="dim"),
    ]
    time = text.relative_time if out.is_terminal else text.local_time
    now = text.now_ms()

    def row(run: Run, branch: str) -> list[Cell]:
        info = run.info
        return [
            text.short_id(info.run_id),
            branch + (text.clean(info.run_name) or "-"),
            *([text.clean(experiments.get(info.experiment_id, "?"))] if experiments else []),
            run_status(run, life_of(run, liveness)),
            time(info.start_time),
            text.took(info.start_time, info.end_time or now),
            *(_metric(run, key) for key in metrics),
            *(text.clean(run.data.params.get(key, "-")) for key in params),
        ]

    rows = map(row, chain(beginning, runs), trees or repeat(""))
    dropped = out.table(columns, rows, indent=indent)
    if dropped:
        noun = text.count(dropped, "more column")
        out.note(f"{noun} with a wider terminal; everything with --json")


def run_status(run: Run, life: "Life | None" = None) -> Cell:
    """The run's status in its colour; `deleted` for a deleted run, `lost` without its process."""
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        return Styled("deleted", "red")
    if life is not None and life.state in LIVES:
        return LIVES[life.state]
    return status_cell(run.info.status)


def life_of(run: Run, liveness: "Liveness | None") -> "Life | None":
    """The verdict on a run that says that it runs; None for others."""
    if liveness is None or run.info.status != RunStatus.RUNNING:
        return None
    return liveness.of(run.info.run_id)


def draw_tree(out: Output, tree: "RunTree", liveness: "Liveness | None" = None) -> None:
    """Draw runs under their parents; forks hang on broken lines."""
    trees = branches(tree.depths, tree.forks)
    draw_runs(out, (run for run, _ in tree), trees=trees, liveness=liveness)
    if any(BROKEN in branch for branch in trees):
        out.note(f"{BROKEN} leads to a fork")


def branches(depths: Sequence[int], forks: Sequence[bool] = ()) -> list[str]:
    """The branch drawn before each row of a depth-first tree: `├─ `, `└─ `, `│  `.

    Args:
        depths: Of each row; roots have 0.
        forks: For each row whether it is a fork, whose line is broken: `├╌ `.
    """
    drawn = [""] * len(depths)
    # By depth: whether a row further below hangs under the same parent.
    open_below: list[bool] = []
    for index in range(len(depths) - 1, -1, -1):
        depth = depths[index]
        has_next = depth < len(open_below) and open_below[depth]
        stems = ["│  " if is_open else "   " for is_open in open_below[1:depth]]
        stems += ["   "] * (depth - 1 - len(stems))
        if depth:
            line = BROKEN if forks and forks[index] else "─"
            drawn[index] = "".join((*stems, "├" if has_next else "└", line, " "))
        open_below = [*open_below[:depth], *[False] * (depth - len(open_below)), True]
    return drawn


def _key_columns(keys: Sequence[str], ranks: Sequence[int], style: str = "") -> list[Column]:
    return [
        Column(text.clean(key), right=True, style=style, rank=rank)
        for key, rank in zip(keys, ranks, strict=False)
    ]


def _metric(run: Run, key: str) -> str:
    return text.number(run.data.metrics.get(key))


def _most_common(
    mappings: Iterable[Mapping[str, object]], limit: int, first: Sequence[str]
) -> list[str]:
    """At most `limit` keys: those of `first` that a run has, then those that most runs have."""
    counts: Counter[str] = Counter()
    for mapping in mappings:
        counts.update(mapping.keys())
    common = (key for key, _ in counts.most_common() if not key.startswith(LOAD))
    keys = [*(key for key in first if key in counts), *common]
    return list(dict.fromkeys(keys))[:limit]
