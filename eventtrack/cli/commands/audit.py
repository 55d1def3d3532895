"""`eventtrack audit`: signed heads, and proofs that hold without the store."""

import re
from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, LazyNames, examples, pass_invocation
from eventtrack.cli.event_lines import short_stream
from eventtrack.cli.resolve import find_run
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.errors import InvalidValueError

if TYPE_CHECKING:
    from eventtrack.audit.auditor import Auditor
    from eventtrack.audit.notes import Note, VerifierKey
    from eventtrack.audit.verify import ProvedEvent
    from eventtrack.events.envelope import Envelope
    from eventtrack.store import Store

_ADDRESS = re.compile(r"[0-9]{1,19}\.[0-9]{1,19}")
_FILE = click.Path(dir_okay=False, path_type=Path)
_GIVEN = click.Path(exists=True, dir_okay=False, path_type=Path)
_output = click.option("-o", "--output", type=_FILE, help="Write to this file, not to the screen.")
_keys = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="The signer's public key, or a file of keys.",
)


class AuditGroup(LazyNames):
    """The group of commands of audits; the largest has a module of its own."""

    lazy_targets: ClassVar[Mapping[str, str]] = {
        "report": "eventtrack.cli.commands.audit_report:report",
    }


@click.group(
    "audit",
    cls=AuditGroup,
    epilog=examples(
        "eventtrack audit key",
        "eventtrack audit prove 3f2a -o run.tlog-proof",
        "eventtrack audit verify run.tlog-proof --key eventtrack/5d...+d0c1f2a3+AZ...",
    ),
)
def audit() -> None:
    """Sign the history, and prove to others what is in it.

    `eventtrack/docs/audit.md` says what this shows and what it does not.
    """


def _auditor(store: "Store") -> "Auditor":
    from eventtrack.audit.auditor import Auditor

    return Auditor(store)


@audit.command("key", epilog=examples("eventtrack audit key", "eventtrack audit key --json"))
@pass_invocation
def key(call: Invocation) -> None:
    """Show the public keys of feeds.

    This store's own key stands first; the first call makes it. Give it to everybody who should
    check your proofs. Then come the keys of other stores: compare each once with the key that its
    own machine shows.

    JSON: a list of objects with replica, own, size and keys (a list).
    """
    store = call.open()
    auditor = _auditor(store)
    auditor.key()
    feeds = store.feeds.list()
    keys = {feed.replica: list(map(str, auditor.keys(feed.replica))) for feed in feeds}
    if call.out.json:
        call.out.document(
            [
                {"replica": f.replica, "own": f.own, "size": f.size, "keys": keys[f.replica]}
                for f in feeds
            ]
        )
        return
    for feed in feeds:
        whose = "this store" if feed.own else "another store"
        call.out.note(f"{whose}, {text.count(feed.size, 'envelope')}:")
        for line in keys[feed.replica] or ["(no key announced)"]:
            call.out.wrapped(text.clean(line))


@audit.command(
    "seal", epilog=examples("eventtrack audit seal", "eventtrack audit seal -o head.txt")
)
@_output
@pass_invocation
def seal(call: Invocation, output: Path | None) -> None:
    """Sign the head of this store's feed.

    The signature is recorded in the log as well.

    Keep the signed head, or give it to somebody: it fixes everything recorded so far.

    JSON: an object with origin, size, root (hex) and note.
    """
    _show_note(call, _auditor(call.open()).seal(), output)


@audit.command(
    "prove",
    epilog=examples(
        "eventtrack audit prove 3f2a -o run.tlog-proof",
        "eventtrack audit prove 17.0",
        "eventtrack audit prove experiment/8421 -o experiment.tlog-proof",
    ),
)
@click.argument("target")
@_output
@pass_invocation
def prove(call: Invocation, target: str, output: Path | None) -> None:
    """Prove a run's events under a signed head.

    TARGET is a run, the address of an event, or a stream as `eventtrack log --json` names it. The
    proof holds the events themselves: everybody who gets the proof can read them.

    JSON: an object with subject, envelopes (a number) and proof (the file's text).
    """
    store = call.open()
    subject, envelopes = _find(store, target)
    proofs = _auditor(store).prove(envelopes)
    written = "".join(map(str, proofs))
    if output is not None:
        output.write_text(written, "utf-8")
    if call.out.json:
        call.out.document({"subject": subject, "envelopes": len(proofs), "proof": written})
    elif output is None:
        call.out.verbatim(written.removesuffix("\n"))
    else:
        call.out.line(
            Styled(f"Proved {text.count(len(proofs), 'envelope')} of {subject}", "green"),
            f" in {text.clean(str(output))}.",
        )


@audit.command(
    "verify",
    epilog=examples(
        "eventtrack audit verify run.tlog-proof --key eventtrack/5d...+d0c1f2a3+AZ...",
        "eventtrack audit verify run.tlog-proof --key keys.txt --witness witness.txt",
        "eventtrack audit verify grown.txt --old head.txt --key keys.txt",
    ),
)
@click.argument("file", type=_GIVEN)
@_keys
@click.option("--witness", metavar="KEY", help="Demand a countersignature of this key as well.")
@click.option("--old", type=_GIVEN, help="The older signed head, for a proof of consistency.")
@pass_invocation
def verify(
    call: Invocation, file: Path, keys: tuple[str, ...], witness: str | None, old: Path | None
) -> None:
    """Check a proof with a public key alone.

    Needs no store and no network.

    The exit code is 0 when everything holds and 8 when anything does not.

    JSON: an object with verified, origin, size, witnessed_s, and events (a list with index,
    recorded_ms, stream, type and body; type is null if the payload was erased).
    """
    from eventtrack.audit.verify import verify_file

    given = [key for source in keys for key in read_keys(source)]
    if not given:
        raise click.UsageError("Give the signer's public key with --key.")
    witnesses = read_keys(witness) if witness is not None else []
    older = old.read_text("utf-8", "replace") if old is not None else None
    report = verify_file(file.read_text("utf-8", "replace"), given, witnesses, older)
    if call.out.json:
        call.out.document({"verified": True, **report.to_dictionary()})
        return
    if report.events:
        call.out.table(
            [Column("index"), Column("recorded"), Column("stream", style="cyan"), Column("event")],
            [
                _row(list(events))
                for _, events in groupby(report.events, key=attrgetter("index", "type"))
            ],
        )
    call.out.line(Styled(report.summary, "green"))


@audit.command(
    "consistency",
    epilog=examples(
        "eventtrack audit consistency head-may.txt head-june.txt",
        "eventtrack audit consistency head-may.txt head-june.txt -o grown.txt",
    ),
)
@click.argument("older", type=_GIVEN)
@click.argument("newer", type=_GIVEN)
@_output
@pass_invocation
def consistency(call: Invocation, older: Path, newer: Path, output: Path | None) -> None:
    """Show that one signed head extends another.

    Then nothing that the older head covers was changed or taken out.

    OLDER and NEWER are files with signed heads of a feed that this store has. With --output the
    proof is written for `eventtrack audit verify FILE --old OLDER`.

    JSON: an object with old, new (sizes) and proof (the file's text).
    """
    from eventtrack.audit.checkpoints import Checkpoint
    from eventtrack.audit.notes import Note

    notes = [Note.parse(path.read_text("utf-8", "replace")) for path in (older, newer)]
    proof = _auditor(call.open()).consistency(notes[0], notes[1])
    new = Checkpoint.of(proof.note).size
    if output is not None:
        output.write_text(str(proof), "utf-8")
    if call.out.json:
        call.out.document({"old": proof.old, "new": new, "proof": str(proof)})
    else:
        call.out.line(
            Styled(f"The head of {new} envelopes extends that of {proof.old}.", "green"),
        )


@audit.command(
    "witness", epilog=examples("eventtrack audit witness", "eventtrack audit witness 5d0e77")
)
@click.argument("replica", required=False)
@pass_invocation
def witness(call: Invocation, replica: str | None) -> None:
    """Countersign another store's signed head.

    The command first checks the head's signature, every envelope under the head, and that the head
    extends all earlier signed heads. The next sync brings the countersignature to the other store.

    JSON: a list of objects with origin, size, root (hex) and note.
    """
    store = call.open()
    auditor = _auditor(store)
    others = list(dict.fromkeys(feed.replica for feed in store.feeds.list() if not feed.own))
    if replica is not None:
        chosen = [other for other in others if other.startswith(replica)]
        if len(chosen) != 1:
            raise InvalidValueError(
                f"{text.count(len(chosen), 'feed')} of another store begin with {replica!r}",
                hint="`eventtrack audit key` lists the feeds",
            )
    else:
        chosen = [other for other in others if auditor.seals(other)]
    if not chosen:
        call.out.note(
            "No other store's signed head is here: seal there (`eventtrack audit seal`), then sync."
        )
    notes = [auditor.witness(other) for other in chosen]
    if call.out.json:
        call.out.document([_note_fields(note) for note in notes])
    else:
        for note in notes:
            call.out.verbatim(str(note).removesuffix("\n"))


@audit.command("export", epilog=examples("eventtrack audit export public/log"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@pass_invocation
def export(call: Invocation, folder: Path) -> None:
    """Write the feed as static files.

    The files are those of a transparency log (tlog-tiles). They hold headers (sessions, streams and
    times), and no payloads. A second export into the same folder adds what is new.

    JSON: an object with folder and files (a number).
    """
    auditor = _auditor(call.open())
    with call.out.progress("exporting") as progress:
        files = auditor.export(folder, progress)
    if call.out.json:
        call.out.document({"folder": str(folder), "files": files})
    else:
        call.out.line(f"Wrote {text.count(files, 'file')} to {text.clean(str(folder))}.")


def _find(store: "Store", target: str) -> tuple[str, "list[Envelope]"]:
    if _ADDRESS.fullmatch(target):
        [first, *_] = store.events.get(target)
        return f"event {target}", [store.feeds.at(first.position)]
    kind, slash, _ = target.partition("/")
    stream = target if slash and kind != "run" else f"run/{find_run(store, target).info.run_id}"
    envelopes = store.feeds.of_stream(stream)
    if not envelopes:
        raise InvalidValueError(
            f"nothing was ever recorded in the stream {stream!r}",
            hint="`eventtrack log --json` shows the streams",
        )
    return stream, envelopes


def read_keys(source: str) -> "list[VerifierKey]":
    """The public keys that an option gives: a key itself, or a file of keys."""
    from eventtrack.audit.notes import VerifierKey

    path = Path(source)
    lines = (
        path.read_text("utf-8").split("\n") if "+" not in source and path.is_file() else [source]
    )
    return [VerifierKey.parse(line) for line in lines if line.strip()]


def _note_fields(note: "Note") -> dict[str, Any]:
    from eventtrack.audit.checkpoints import Checkpoint

    head = Checkpoint.of(note)
    return {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "note": str(note),
    }


def _show_note(call: Invocation, note: "Note", output: Path | None) -> None:
    if output is not None:
        output.write_text(str(note), "utf-8")
    if call.out.json:
        call.out.document(_note_fields(note))
    elif output is None:
        call.out.verbatim(str(note).removesuffix("\n"))
    else:
        call.out.line(f"Signed {_note_fields(note)['size']} envelopes: {text.clean(str(output))}.")


def _row(events: "list[ProvedEvent]") -> list[Cell]:
    """A row for all events of a type in an envelope: points come by the thousand."""
    first = events[0]
    what: Cell = Styled("(erased)", "dim")
    if first.type is not None and len(events) == 1:
        what = f"{first.type}  {text.summary(first.body)}"
    elif first.type is not None:
        what = f"{text.count(len(events))} x {first.type}"
    return [
        str(first.index),
        text.local_time(first.recorded_ms),
        text.clean(short_stream(first.stream)),
        what,
    ]
