"""The origin of a run for its page: command, code, packages, machine, and its last output."""

from eventtrack.running.differing import flat_origin
from eventtrack.store import Queries
from eventtrack.store.items import CONSOLE
from eventtrack.views.items import TextItem
from eventtrack.web.answers import Json, shortened

LINES_MAX = 20


def origin(store: Queries, run_id: str) -> Json:
    """The groups of a run's origin, each with names and values, and its last lines of output.

    Raises:
        NotFoundError: There is no such run.
    """
    groups = flat_origin(store, run_id)
    return {
        "groups": {
            group: {name: shortened(value) for name, value in pairs.items()}
            for group, pairs in groups.items()
        },
        "last_lines": last_lines(store, run_id),
    }


def last_lines(store: Queries, run_id: str) -> list[str]:
    """The last lines that a run's program printed; empty if its output was not recorded."""
    if not any(series.key == CONSOLE for series in store.items.list(run_id)):
        return []
    items = store.items.read(run_id, CONSOLE, "text", start=-LINES_MAX)
    return [shortened(item.text) for item in items if isinstance(item, TextItem)]
