"""The columns of the table of runs: which come first, and how a run's values are written."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from eventtrack.cli import text
from eventtrack.cli.output import STATUS_STYLES
from eventtrack.cli.run_table import LIVES
from eventtrack.cli.tables import Cell, Styled

# A row has no more cells of metrics and params: whoever wants all of them asks for one run.
SHOWN_MAX = 24
_METRICS_FIRST = 5
_COUNTERS = frozenset({"epoch", "epochs", "step", "steps", "global_step", "iteration", "tokens"})
_HELD_OUT = ("val", "valid", "eval", "test")


class Shown(NamedTuple):
    """A column: what is asked for, its title, and the clause that sorts by it ("" for none)."""

    name: str
    title: str
    right: bool
    width_max: int
    clause: str


NAME = Shown("name", "run", False, 32, "attributes.run_name")
EXPERIMENT = Shown("experiment", "experiment", False, 16, "")
STATUS = Shown("status", "status", False, 9, "attributes.status")
STARTED = Shown("started", "started", False, 12, "attributes.start_time")
DURATION = Shown("duration", "duration", True, 12, "")
FIXED = frozenset({"name", "experiment", "status", "started", "duration"})


def candidates(names: dict[str, list[str]], needles: str = "") -> list[Shown]:
    """The columns of metrics and params, those that matter most first.

    Args:
        needles: Words, of which a name has to have one; none for all names.
    """
    words = needles.lower().replace(",", " ").split()
    if words:
        names = {
            kind: [key for key in keys if any(word in key.lower() for word in words)]
            for kind, keys in names.items()
        }
    metrics = [_shown("metrics", key) for key in sorted(names["metrics"], key=_rank)]
    params = [_shown("params", key) for key in names["params"]]
    first, rest = metrics[:_METRICS_FIRST], metrics[_METRICS_FIRST:]
    return [*first, *params, *rest][:SHOWN_MAX]


def most_telling(columns: Sequence[Shown], values: dict[str, list[Any]]) -> list[Shown]:
    """The columns again: those in which runs differ first, empty columns last."""

    def rank(column: Shown) -> int:
        cells = values.get(column.name, [])
        given = {repr(cell) for cell in cells if cell is not None}
        return 2 if not given else 1 if len(given) == 1 and len(cells) > 1 else 0

    return sorted(columns, key=rank)


def metric_keys(run: dict[str, Any], *, system: bool, needle: str = "") -> list[str]:
    """The keys of a run's metrics, or of its figures of the machine, in the order of charts."""
    keys = [metric["key"] for metric in run["metrics"]]
    return sorted(
        (
            key
            for key in keys
            if key.startswith("system/") == system and needle.lower() in key.lower()
        ),
        key=_rank,
    )


def cell_of(column: Shown, row: dict[str, Any], now_ms: int) -> Cell:
    """A run's value in a column, as text."""
    match column.name:
        case "name":
            return str(row["run_name"] or text.short_id(row["run_id"]))
        case "experiment":
            return str(row["experiment"])
        case "status":
            return status_of(row)
        case "started":
            return text.relative_time(row["start_time"], now_ms)
        case "duration":
            return text.took(row["start_time"], row["end_time"] or now_ms)
    value = row["values"].get(column.name)
    if isinstance(value, float | int):
        return text.number(float(value))
    return "-" if value is None else str(value)


def status_of(row: dict[str, Any]) -> Styled:
    """The status of a run; a run whose process is gone or silent says so."""
    life = row.get("life") or {}
    state = life.get("state", "")
    return LIVES.get(state) or Styled(
        str(row["status"]).lower(), STATUS_STYLES.get(row["status"], "")
    )


def clause_of(column: Shown, *, descending: bool) -> str:
    """The clause of `--sort` for a column."""
    return f"{column.clause} {'DESC' if descending else 'ASC'}"


def _shown(kind: str, key: str) -> Shown:
    clause = f"{kind}.`{key}`" if "`" not in key else ""
    return Shown(f"{kind}.{key}", key, kind == "metrics", 14, clause)


def _rank(key: str) -> tuple[int, str]:
    """Losses and what was held out first; counters and the machine's load last."""
    lowered = key.lower()
    held_out = any(word in lowered for word in _HELD_OUT)
    if key.startswith("system/"):
        return (9, key)
    if lowered.rpartition("/")[2] in _COUNTERS:
        return (8, key)
    if "loss" in lowered:
        return (0 if held_out else 2, key)
    return (1 if held_out else 3, key)
