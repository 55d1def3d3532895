"""`eventtrack conflicts`: facts that two writers disagreed on."""

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.event_lines import short_stream
from eventtrack.cli.tables import Cell, Column, Styled


@command("conflicts", "eventtrack conflicts", "eventtrack conflicts --json")
@pass_invocation
def conflicts(call: Invocation) -> None:
    """List facts that writers disagreed on: what was kept, and what lost.

    Merging never loses a value in silence: of a param the earliest value is kept, and the others
    stay visible here. Feeds that two copies of a store wrote to are listed too: from which envelope
    on they differ (history.17), and what each copy wrote. All of it is kept.

    JSON: a list of conflicts with subject, fact, kept, and lost (a list).
    """
    from eventtrack.sync import all_conflicts

    found = all_conflicts(call.open())
    if call.out.json:
        call.out.document(found)
    elif not found:
        call.out.note("No conflicts: nobody disagreed.")
    else:
        columns = [
            Column("subject", style="cyan"),
            Column("fact", style="bold"),
            Column("kept"),
            Column("lost"),
        ]
        rows: list[list[Cell]] = [
            [
                text.clean(short_stream(one.subject)),
                text.clean(one.fact),
                text.value(one.kept),
                Styled(", ".join(map(text.value, one.lost)), "red"),
            ]
            for one in found
        ]
        call.out.table(columns, rows)
