"""`eventtrack backup`: copy a store that is in use, and later only what is new."""

from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.sync_report import progress_bars


@command(
    "backup",
    "eventtrack backup /mnt/backup/runs",
    "eventtrack --store /data/runs backup /mnt/backup/runs --json",
)
@click.argument("folder", type=click.Path(path_type=Path))
@pass_invocation
def backup(call: Invocation, folder: Path) -> None:
    """Copy into FOLDER all that the store holds and FOLDER lacks, while others go on writing.

    The first backup has everything, later ones add only what is new. `eventtrack clone FOLDER PATH`
    makes a store of the backup. Private keys are not copied; the names of remotes and the hashes of
    tokens are.

    JSON: an object with made_ms, heads (the sizes of all feeds in the backup, by replica), counts
    of envelopes, artifacts and bytes copied by this call, and artifacts_missing.
    """
    from eventtrack.rescue import back_up

    store = call.open()
    with progress_bars(call.out) as progress:
        report = back_up(store, folder, progress)
    if call.out.json:
        call.out.document(report.to_dictionary())
        return
    if report.envelopes or report.artifacts:
        call.out.wrapped(
            f"copied {text.count(report.envelopes, 'envelope')} and "
            f"{text.count(report.artifacts, 'artifact')}, {text.size(report.bytes)}"
        )
    else:
        call.out.wrapped("Nothing is new since the last backup.")
    if report.artifacts_missing:
        count = text.count(report.artifacts_missing, "artifact")
        call.out.note(f"The bytes of {count} are not in the store: `eventtrack check` names them.")
    call.out.wrapped(
        f"{text.clean(str(folder))} holds the store as of {text.moment(report.made_ms)}."
    )
