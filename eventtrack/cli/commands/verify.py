"""`eventtrack verify`: is the log what was written, and what was signed?"""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.tables import Styled
from eventtrack.errors import CorruptionError


@command("verify", "eventtrack verify", "eventtrack verify --json")
@pass_invocation
def verify(call: Invocation) -> None:
    """Prove the whole log: every envelope, every feed, every signed head.

    Names the place of the first damage, and then ends with exit code 8. `eventtrack check` also
    looks at journals, views and files.

    JSON: an object with ok, envelopes, feeds, heads, countersignatures, and damage (null, or an
    object with where, what and hint).
    """
    from eventtrack.audit.auditor import Auditor

    store = call.open()
    with call.out.progress("verifying") as progress:
        report = store.maintenance.check_log(progress)
    damage = report.problems[0] if report.problems else None
    heads, countersignatures = (0, 0) if damage else Auditor(store).check_heads()
    if call.out.json:
        call.out.document(
            {
                "ok": damage is None,
                "envelopes": report.envelopes,
                "feeds": report.feeds,
                "heads": heads,
                "countersignatures": countersignatures,
                "damage": damage,
            }
        )
    elif damage is None:
        call.out.wrapped(
            Styled("Every byte is what was written: ", "green"),
            f"{text.count(report.envelopes, 'envelope')} in {text.count(report.feeds, 'feed')}, "
            f"{text.count(heads, 'signed head')}, "
            f"{text.count(countersignatures, 'countersignature')}.",
        )
    else:
        call.out.wrapped(Styled(f"First damage: {text.clean(damage.where)}", "bold red"))
        call.out.wrapped(f"  {text.clean(damage.what)}")
        call.out.wrapped(Styled(f"  hint: {text.clean(damage.hint)}", "cyan"))
    if damage is not None:
        click.get_current_context().exit(exit_code(CorruptionError))
