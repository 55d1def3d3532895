"""`eventtrack flush`: deliver calls that programs logged while a server did not answer."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.tables import Styled
from eventtrack.errors import RemoteRefusedError, RemoteUnavailableError
from eventtrack.folders import chosen_uri
from eventtrack.outbox.flushing import FlushReport, flush_outbox, waiting_servers
from eventtrack.rest import address_of, is_server_uri


@command(
    "flush",
    "eventtrack flush",
    "eventtrack flush http://127.0.0.1:5000",
    "eventtrack flush --retry --json",
)
@click.argument("uri", required=False)
@click.option("--retry", is_flag=True, help="Send refused calls again.")
@click.option("--forget", is_flag=True, help="Drop refused calls from the list, for good.")
@pass_invocation
def flush(call: Invocation, uri: str | None, retry: bool, forget: bool) -> None:
    """Deliver calls that wait on this machine for the server at URI, by default for every server.

    Programs deliver their calls themselves; this command delivers the calls of programs that ended
    while their server did not answer. It also lists refused calls with the server's reasons. The
    exit code is 0 when all has arrived, 9 when a server does not answer, and 10 when a server
    refused calls.

    JSON: a list of objects with url, folder, delivered and waiting (counts of calls), error, and
    refused: objects with number, position, run_id, kind, label, error and at_ms.
    """
    import logging

    # The report says all that the log would tell a running program.
    logging.getLogger("eventtrack").setLevel(logging.ERROR)
    if uri is not None:
        addresses = [address_of(uri)]
    else:
        chosen = chosen_uri()
        addresses = waiting_servers(chosen if is_server_uri(chosen) else None)
    reports = [flush_outbox(address, retry=retry, forget=forget) for address in addresses]
    if call.out.json:
        call.out.document([report.to_dictionary() for report in reports])
    else:
        if not reports:
            call.out.line("Nothing waits on this machine.")
        for report in reports:
            _show(call, report)
    if any(report.error for report in reports):
        click.get_current_context().exit(exit_code(RemoteUnavailableError))
    if any(report.refused for report in reports):
        click.get_current_context().exit(exit_code(RemoteRefusedError))


def _show(call: Invocation, report: FlushReport) -> None:
    call.out.wrapped(Styled(text.clean(report.url), "bold"))
    call.out.wrapped(
        f"  {text.count(report.delivered, 'call')} delivered, {report.waiting} waiting, "
        f"{len(report.refused)} refused"
    )
    if report.error:
        for line in report.error.split("\n"):
            call.out.wrapped(Styled(f"  {text.clean(line)}", "red"))
    for refusal in report.refused:
        what = text.clean(f"{refusal.kind} {refusal.label}".strip())
        call.out.wrapped(f"  run {refusal.run_id}  {what}: {text.clean(refusal.error)}")
