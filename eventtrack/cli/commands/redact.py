"""`eventtrack redact`: erase for good."""

import re
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.event_lines import event_body
from eventtrack.cli.resolve import find_run
from eventtrack.cli.tables import Styled

if TYPE_CHECKING:
    from eventtrack.events.envelope import Envelope
    from eventtrack.store import Store

_ADDRESS = re.compile(r"[0-9]{1,19}\.[0-9]{1,19}")
_SHOWN_MAX = 10


@command(
    "redact",
    'eventtrack redact 17.0 --reason "a password was logged as a param"',
    'eventtrack redact 3f2a --reason "consent was withdrawn"',
    'eventtrack redact 3f2a --artifact patients.csv --reason "names in it" --yes',
)
@click.argument("target", required=False)
@click.option("--artifact", metavar="PATH", help="Only this file of the run.")
@click.option("--reason", help="The reason; it stays on record.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--finish", is_flag=True, help="Finish redactions that were interrupted.")
@pass_invocation
def redact(
    call: Invocation,
    target: str | None,
    artifact: str | None,
    reason: str | None,
    yes: bool,
    finish: bool,
) -> None:
    """Erase a run, an event or a file for good; it cannot be undone.

    TARGET is a run, or the address of an event: the whole envelope with that event is erased.
    The contents are erased here, in the views and in the bytes of the files, and on other machines
    when they sync. The record of the redaction and headers without contents stay, so that proofs
    still hold. End other processes that have the store open first: they keep contents in memory
    and in their journals until then.

    JSON: an object with redacted (a number of envelopes) and files (a number).
    """
    store = call.open()
    if finish:
        store.redaction.finish()
        call.out.note("Nothing that was redacted is left in the files.")
        return
    if target is None or not (reason or "").strip():
        raise click.UsageError("Name what to redact, and give the --reason.")
    if artifact is not None:
        run_id = find_run(store, target).info.run_id
        entry = store.artifacts.entry(run_id, artifact)
        _confirm(call, yes, f"Erase {artifact!r} ({text.size(entry.size)}) for good?")
        store.redaction.redact_artifact(run_id, artifact, str(reason))
        _report(call, 0, 1)
        return
    envelopes = _find(store, target)
    _preview(call, store, envelopes)
    question = f"Erase {text.count(len(envelopes), 'envelope')} of {target} for good?"
    _confirm(call, yes, question)
    _report(call, store.redaction.redact_envelopes(envelopes, str(reason)), 0)


def _find(store: "Store", target: str) -> "list[Envelope]":
    if _ADDRESS.fullmatch(target):
        envelope = store.feeds.at(int(target.partition(".")[0]))
        if not envelope.payload:
            return [envelope]  # damaged, or left out by a sync: no event can be read
        return [store.feeds.at(store.events.get(target)[0].position)]
    return store.feeds.of_stream(f"run/{find_run(store, target).info.run_id}")


def _preview(call: Invocation, store: "Store", envelopes: "list[Envelope]") -> None:
    if call.out.json:
        return
    events = [event for envelope in envelopes for event in store.events.records(envelope)]
    for event in events[:_SHOWN_MAX]:
        call.out.line(Styled("- ", "red"), *event_body(event))
    if len(events) > _SHOWN_MAX:
        call.out.note(f"and {text.count(len(events) - _SHOWN_MAX, 'more event')}")


def _confirm(call: Invocation, yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _report(call: Invocation, envelopes: int, files: int) -> None:
    if call.out.json:
        call.out.document({"redacted": envelopes, "files": files})
        return
    what = text.count(files, "file") if files else text.count(envelopes, "envelope")
    call.out.line(Styled(f"Erased {what}.", "green"), " Other machines follow when they sync.")
