"""`eventtrack audit report`: one printable page about a run, for an auditor."""

from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cli.base import Command, Invocation, examples, pass_invocation
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Styled


@click.command(
    "report",
    cls=Command,
    epilog=examples(
        "eventtrack audit report 3f2a -o report.html",
        "eventtrack audit report 3f2a --json",
    ),
)
@click.argument("run", type=RUN)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, not to the screen.",
)
@pass_invocation
def report(call: Invocation, run: str, output: Path | None) -> None:
    """Write one printable page about a run, for an auditor.

    The page has what holds of the run, who changed what, when and why, the signatures and whether
    they hold, and which events are proved by signed heads. It is one file of HTML without scripts,
    and fetches nothing. Signs this store's head first if the run's events need it.

    JSON: an object with run, experiment, digest, signatures, metrics, files, entries (each event
    with session, reason and facts), left_out, authors, feeds, position, replica, version, made_ms.
    """
    from eventtrack.audit.account import account_of

    store = call.open()
    record = find_run(store, run)
    account = account_of(store, record.info.run_id, text.now_ms())
    if call.out.json:
        call.out.document(account)
        return
    from eventtrack.audit.account_page import account_page

    page = account_page(account)
    if output is None:
        call.out.verbatim(page.removesuffix("\n"))
        return
    output.write_text(page, "utf-8")
    name = Styled(text.clean(record.info.run_name), "bold")
    call.out.line("Wrote the account of run ", name, f" to {text.clean(str(output))}.")
    for feed in account.feeds:
        if feed.problem:
            call.out.note(f"feed {feed.replica[:8]} is not proved: {text.clean(feed.problem)}")
