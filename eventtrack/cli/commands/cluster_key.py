"""`eventtrack cluster key`: another key for the tokens of a shared log, or its first."""

import contextlib
from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cli.base import Command, Invocation, examples, pass_invocation


@click.command(
    "key",
    cls=Command,
    epilog=examples(
        "eventtrack cluster key postgresql://tracking@db.example/lab",
        "eventtrack cluster key postgresql://tracking@db.example/lab --key new.pem",
    ),
)
@click.argument("url")
@click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of the new key; made if it is missing.  [default: a new key, below "
    "EVENTTRACK_STATE]",
)
@pass_invocation
def key(call: Invocation, url: str, key_file: Path | None) -> None:
    """Let a new key give the tokens of a shared log, as after the old one was lost or stolen.

    Tokens go on as they are, for the new key signs them anew. The old key gives and revokes nothing
    from then on. A log that was made without a key gets its first. Needs the rights of an
    administrator of the log, and not the old key.

    JSON: an object with url, access_key (public), key_file and signed, the number of facts that the
    new key signed anew.
    """
    from eventtrack.cli.shared_tokens import key_for_log, replace_key
    from eventtrack.sharedlog.making import open_shared_log

    with contextlib.closing(open_shared_log(url)) as log:
        private, path = key_for_log(key_file)
        signed, public = replace_key(log, url, private)
        shown = text.clean(log.url)
    if call.out.json:
        call.out.document(
            {"url": shown, "access_key": public, "key_file": str(path), "signed": signed}
        )
        return
    facts = text.count(signed, "fact")
    call.out.wrapped(f"{shown} has a new key for tokens, which signed {facts} anew.")
    call.out.note(f"{text.clean(str(path))} is that key: keep a copy, and secret.")
