"""`eventtrack check`: look for damage."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.tables import Styled
from eventtrack.errors import CorruptionError
from eventtrack.events.reading import MALFORMED

_SHOWN_MAX = 20


@command("check", "eventtrack check", "eventtrack check --json", "eventtrack check && echo intact")
@pass_invocation
def check(call: Invocation) -> None:
    """Look for damage in the log, the journals, the views and the files; change nothing.

    Reads every envelope and recomputes its hashes. The exit code is 0 when all is well and 8 when
    anything is damaged. Envelopes that are not well-formed are listed, but are no damage: their
    writers wrote them so, and they have no effect.

    JSON: an object with ok, counts of envelopes, events, unknown_events, feeds, journals and blobs,
    the views' digest, problems, each with where, what and hint, and skipped: envelopes without an
    effect, each with position, kind (damaged, malformed or not folded), what, stream, feed, index
    and events; clocks, texts about feeds that are ahead of this machine's clock; and hidden, texts
    about files in no list, as their paths lead out of every folder.
    """
    call.go_on_in_a_child()
    from eventtrack.folders import resolve_path
    from eventtrack.store.check import check_files

    path = resolve_path(call.uri)
    started = text.now_ms()
    report = check_files(path)
    if report.ok:
        store = call.open()
        with call.out.progress("checking") as progress:
            report = store.maintenance.check(progress)
    took = text.duration(text.now_ms() - started)
    if call.out.json:
        call.out.document({"ok": report.ok, **report.to_dictionary()})
    else:
        envelopes = text.count(report.envelopes, "envelope")
        call.out.wrapped(f"Examined {text.clean(str(path))} in {took}:")
        call.out.wrapped(
            f"{envelopes} with {text.count(report.events, 'event')} in "
            f"{text.count(report.feeds, 'feed')}, {text.count(report.journals, 'journal')}, "
            f"{text.count(report.blobs, 'blob')}, and the views against the log."
        )
        for problem in report.problems:
            call.out.line("")
            call.out.wrapped(Styled(text.clean(problem.where), "bold red"))
            call.out.wrapped(f"  {text.clean(problem.what)}")
            if problem.hint:
                call.out.wrapped(Styled(f"  hint: {text.clean(problem.hint)}", "cyan"))
        for what in report.clocks:
            call.out.wrapped(Styled(f"clock: {text.clean(what)}", "yellow"))
        for what in report.hidden[:_SHOWN_MAX]:
            call.out.wrapped(Styled(f"hidden: {text.clean(what)}", "yellow"))
        if report.hidden:
            count = text.count(len(report.hidden), "file")
            call.out.note(
                f"{count} in no list, as paths lead out of the folder they are copied to."
            )
        malformed = [envelope for envelope in report.skipped if envelope.kind == MALFORMED]
        for envelope in malformed[:_SHOWN_MAX]:
            call.out.wrapped(Styled(f"skipped: {text.clean(str(envelope))}", "yellow"))
        if malformed:
            count = text.count(len(malformed), "envelope")
            call.out.note(
                f"{count} without an effect. `eventtrack redact POSITION` erases what it says."
            )
        if report.ok:
            call.out.line(Styled("No damage found.", "green"))
    if not report.ok:
        if not call.out.json:
            call.out.line("")
            count = text.count(len(report.problems), "problem")
            call.out.line(Styled(f"{count} found.", "bold red"))
        click.get_current_context().exit(exit_code(CorruptionError))
