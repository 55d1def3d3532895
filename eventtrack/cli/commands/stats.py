"""`eventtrack stats`: how much the store holds."""

from typing import Any

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.tables import Cell, Styled


@command("stats", "eventtrack stats", "eventtrack stats --json")
@pass_invocation
def stats(call: Invocation) -> None:
    """Show how much the store holds: events, runs, metrics, and bytes on disk.

    JSON: an object with path, replica and format, then counts of envelopes, feeds, sessions,
    experiments, runs, points, series, artifacts and journals, bytes_log, bytes_views,
    bytes_journal and bytes_blobs (on disk), unknown_events, a count by type, and
    skipped_envelopes, a count of those without an effect by kind (see `eventtrack check`).
    """
    store = call.open()
    figures = store.stats().to_dictionary()
    if call.out.json:
        call.out.document(figures)
        return
    rows: list[tuple[str, Cell]] = [
        (name.replace("_", " "), _shown(name, value))
        for name, value in figures.items()
        if value != {}
    ]
    call.out.fields(rows)


def _shown(name: str, value: Any) -> Cell:
    if "bytes" in name and isinstance(value, int):
        return text.size(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Styled(text.count(value), "bold")
    return text.value(value)
