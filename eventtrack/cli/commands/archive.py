"""`eventtrack archive`: the whole history in a folder, verifiable with a public key alone."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.commands.audit import read_keys
from eventtrack.cli.sync_report import progress_bars
from eventtrack.cli.tables import Styled
from eventtrack.errors import ChecksumError, NotFoundError

if TYPE_CHECKING:
    from eventtrack.events.envelope import Envelope
    from eventtrack.sync.segments import SegmentRemote

_CHECKPOINT = "checkpoint"


@click.group(
    "archive",
    cls=Group,
    epilog=examples(
        "eventtrack archive write /mnt/cold/runs",
        "eventtrack archive verify /mnt/cold/runs --key eventtrack/5d...+d0c1f2a3+AZ...",
    ),
)
def archive() -> None:
    """Lay down the history in a folder, signed and complete.

    `eventtrack clone FOLDER` makes a store of it again.
    """


@archive.command("write", epilog=examples("eventtrack archive write /mnt/cold/runs"))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@pass_invocation
def write(call: Invocation, folder: Path) -> None:
    """Write everything new since the last time: events, artifacts, tiles and a signed head.

    Nothing is taken out of the store.

    JSON: an object with folder, size (envelopes of this store's feed under the head), envelopes,
    artifacts and bytes (what was added).
    """
    from eventtrack.audit.auditor import Auditor
    from eventtrack.audit.checkpoints import Checkpoint
    from eventtrack.sync import Ways, synchronize

    store = call.open()
    auditor = Auditor(store)
    note = auditor.seal()
    with progress_bars(call.out) as progress:
        # Segments first: a head without the envelopes that it signs would be a false promise.
        moved = synchronize(store, str(folder.absolute()), Ways(pull=False), progress).pushed
    auditor.export(folder, note=note)
    head = Checkpoint.of(note)
    added = moved.bytes + moved.artifact_bytes
    if call.out.json:
        call.out.document(
            {
                "folder": str(folder),
                "size": head.size,
                "envelopes": moved.envelopes,
                "artifacts": moved.artifacts,
                "bytes": added,
            }
        )
        return
    call.out.line(
        Styled(f"Added {text.count(moved.envelopes, 'envelope')}", "green"),
        f" and {text.count(moved.artifacts, 'artifact')} ({text.size(added)}) to "
        f"{text.clean(str(folder))}, under a signed head of {head.size}.",
    )


@archive.command(
    "verify",
    epilog=examples("eventtrack archive verify /mnt/cold/runs --key keys.txt"),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--key", "key", required=True, metavar="KEY", help="The public key, or its file.")
@pass_invocation
def verify(call: Invocation, folder: Path, key: str) -> None:
    """Check an archive with the public key of the store that wrote it, and nothing else.

    The exit code is 0 when everything holds.

    Artifacts without their bytes are counted, not refused: the store may have lacked them too.

    JSON: an object with verified, origin, size, artifacts and missing (numbers).
    """
    from eventtrack.audit.checkpoints import Checkpoint
    from eventtrack.audit.notes import Note
    from eventtrack.audit.verify import verify_feed
    from eventtrack.spaces.folder import FolderSpace
    from eventtrack.sync.segments import SegmentRemote

    file = folder / _CHECKPOINT
    if not file.is_file():
        raise NotFoundError(
            f"there is no archive in {folder}: it has no signed head",
            hint="`eventtrack archive write FOLDER` makes one",
        )
    note = Note.parse(file.read_text("utf-8", "replace"))
    named: set[bytes] = set()
    feeds = _by_feed(SegmentRemote(FolderSpace(folder)), named)
    replica = Checkpoint.of(note).replica
    head = verify_feed(
        note, read_keys(key), (envelope for name, envelope in feeds if name == replica)
    )
    for _ in feeds:
        pass  # the rest of the segments: each is checked as it is read
    present = _check_blobs(folder / "blobs")
    missing = len({digest.hex() for digest in named} - present)
    if call.out.json:
        call.out.document(
            {
                "verified": True,
                "origin": head.origin,
                "size": head.size,
                "artifacts": len(present),
                "missing": missing,
            }
        )
        return
    call.out.line(
        Styled(
            f"Verified: {text.count(head.size, 'envelope')} of {text.clean(head.origin)} under "
            f"its signed head, and {text.count(len(present), 'artifact')}.",
            "green",
        )
    )
    if missing:
        call.out.note(f"The bytes of {text.count(missing, 'artifact')} are not in the archive.")


def _by_feed(remote: "SegmentRemote", named: set[bytes]) -> "Iterator[tuple[str, Envelope]]":
    """Every envelope once, with its feed; adds the blobs that envelopes name to `named`.

    Raises:
        ChecksumError: A segment does not follow the last segment, or does not match its header.
    """
    from eventtrack.events.attachments import blobs_named
    from eventtrack.events.envelope import Envelope
    from eventtrack.log import merkle
    from eventtrack.sync.protocol import FeedHead

    ends: set[FeedHead] = set()
    for block in remote.read([]):
        header, frontier = block.header, list(block.header.frontier)
        before = FeedHead(header.replica, header.first, merkle.root(frontier))
        # If two copies wrote to the feed, its other end begins within the segments already read.
        if header.first and before not in ends and not remote.known([before]):
            raise ChecksumError(
                f"the segment from {header.first} of replica {header.replica.hex()} does not "
                "follow the envelopes before it",
                hint="segments are missing or were changed; write the archive anew",
            )
        ends.discard(before)
        for place, data in enumerate(block.envelopes, header.first):
            envelope = Envelope(data)
            envelope.verify()
            merkle.append_leaf(frontier, place, envelope.leaf_hash)
            named.update(blobs_named(envelope))
            yield header.replica.hex(), envelope
        ends.add(FeedHead(header.replica, header.stop, header.root))
        if merkle.root(frontier) != header.root:
            raise ChecksumError(
                f"the segment from {header.first} of replica {header.replica.hex()} is not what "
                "its header says",
                hint="write the archive anew",
            )


def _check_blobs(folder: Path) -> set[str]:
    """The names of the artifacts in the archive, after checking each."""
    from eventtrack.views.places import open_regular

    names: set[str] = set()
    for path in sorted(folder.glob("??/[0-9a-f]*")):
        with open_regular(path) as file:  # opening a pipe would block
            if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
                raise ChecksumError(
                    f"{path} does not hold the bytes of its name",
                    hint="delete it, and write the archive again",
                )
        names.add(path.name)
    return names
