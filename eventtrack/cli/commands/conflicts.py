"""`eventtrack conflicts`: facts that two writers disagreed on."""

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.event_lines import short_stream
from eventtrack.cli.tables import Cell, Column, Styled


@command("conflicts", "eventtrack conflicts", "eventtrack conflicts --json")
@pass_invocation
def conflicts(call: Invocation) -> None:
    """List facts that writers disagreed on, with the kept and the lost values.

    Merging never loses a value in silence: a param keeps its earliest value, and the other values
    stay visible here. The list also has feeds that two copies of a store wrote to: the envelope
    from which on they differ (history.17), and what each copy wrote. All of it is kept.

    JSON: a list of conflicts with subject, fact, kept, and lost (a list).
    """
    from eventtrack.sync import all_conflicts

    disputes = all_conflicts(call.look())
    if call.out.json:
        call.out.document(disputes)
    elif not disputes:
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
                text.clean(short_stream(conflict.subject)),
                text.clean(conflict.fact),
                text.value(conflict.kept),
                Styled(", ".join(map(text.value, conflict.lost)), "red"),
            ]
            for conflict in disputes
        ]
        call.out.table(columns, rows)
