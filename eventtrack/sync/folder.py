"""A remote that is a folder: a USB stick, a shared or a network disk (docs/wire.md, section 4).

Many machines may use it at once, and any of them may die at any instant. So nothing in it is ever
changed: each file is written under a draft's name, synced, and takes its own name only if nobody
has it. Who finds a name taken compares, and goes on behind what is there.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from eventtrack.errors import (
    ChecksumError,
    ConflictError,
    ForkError,
    FormatTooNewError,
    NotFoundError,
    RemoteError,
)
from eventtrack.log import merkle
from eventtrack.log.filesystem import translate_os_error
from eventtrack.store.blobs import not_as_named
from eventtrack.sync.blocks import PREFIX_BYTES, Block, BlockHeader, read_header
from eventtrack.sync.durable import DRAFT, create_file
from eventtrack.sync.protocol import FeedHead

FORMAT = "eventtrack remote 1\n"
_FORMAT_FILE = "REMOTE"
_SEGMENT = ".segment"
# A draft this old was left by a process that died: no block takes that long to write.
_DRAFT_LEFT_OVER_S = 24 * 3600.0
_COPY_BYTES = 2**20


class FolderRemote:
    """A `Remote` in a folder.

    Args:
        path: The folder; made, with `create`, where there is none.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        self._feeds = path / "feeds"
        # The newest segment of each feed seen by this object.
        self._tails: dict[bytes, BlockHeader | None] = {}
        _prepare(path, create=create)

    def heads(self) -> list[FeedHead]:
        """Every feed that it holds: by the header of its last segment."""
        found = []
        with _named(f"read {self._feeds}"):
            for folder in sorted(self._feeds.iterdir()):
                replica = _replica(folder.name)
                tail = None if replica is None else self._look(replica)
                if tail is not None:
                    found.append(FeedHead(tail.replica, tail.stop, tail.root))
        return found

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """What it holds beyond `have`, feed by feed, from the segment in which that ends."""
        sizes = {head.replica: head.size for head in have}
        damage: ChecksumError | None = None
        for head in self.heads():
            size = sizes.get(head.replica, 0)
            if size >= head.size:
                continue
            firsts = self._firsts(head.replica)
            start = max((first for first in firsts if first <= size), default=0)
            try:
                for first in firsts:
                    if first >= start:
                        yield self._segment(head.replica, first)
            except ChecksumError as error:
                damage = damage or error  # told when the other feeds have come
        if damage is not None:
            raise damage

    def append(self, block: Block) -> None:
        """Add a segment behind those that are there; what they hold already is left out."""
        replica = block.header.replica
        if replica not in self._tails:
            self._look(replica)
        while True:
            tail = self._tails[replica]
            size = 0 if tail is None else tail.stop
            if block.header.stop <= size:
                return
            if block.header.first > size:
                raise ConflictError(
                    f"cannot add envelope {block.header.first} of replica {replica.hex()} to "
                    f"{self._path}: it holds {size} of that feed",
                    hint="sync again; if this stays, somebody deleted segments there",
                )
            if block.header.first < size:
                block = block.behind(size)
            root = merkle.root([]) if tail is None else tail.root
            if merkle.root(block.header.frontier) != root:
                raise ForkError(
                    f"{self._path} holds another history of replica {replica.hex()}",
                    hint="two copies of one store wrote under one name; `eventtrack conflicts` "
                    "lists such feeds",
                )
            path = self._place(replica, size)
            with _named(f"write {path}"):
                path.parent.mkdir(exist_ok=True)
                if create_file(path, [block.data]):
                    self._tails[replica] = block.header
                    return
            # Somebody else was faster: what is there is the same feed, so go on behind it.
            self._look(replica)

    def flush(self) -> None:
        """Nothing to do: each segment was durable before it had its name."""

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of the artifacts that it holds."""
        with _named(f"read {self._path}"):
            return {digest for digest in digests if self._blob(digest).is_file()}

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes."""
        try:
            stream = self._blob(digest).open("rb")
        except FileNotFoundError as error:
            raise NotFoundError(
                f"{self._path} does not hold the artifact {digest.hex()}",
                hint="sync a machine that has it with that folder",
            ) from error
        with _named(f"read {self._path}"), stream:
            while chunk := stream.read(_COPY_BYTES):
                yield chunk

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Add an artifact; one that is there is left alone."""
        path = self._blob(digest)
        with _named(f"write {path}"):
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                create_file(path, _verified(digest, chunks))

    def close(self) -> None:
        """Sweep up after processes that died; there is nothing to let go of."""
        oldest = time.time() - _DRAFT_LEFT_OVER_S
        for draft in (*self._feeds.glob(f"*/{DRAFT}*"), *self._path.glob(f"blobs/*/{DRAFT}*")):
            with contextlib.suppress(OSError):
                if draft.stat().st_mtime < oldest:
                    draft.unlink()

    def _blob(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._path / "blobs" / name[:2] / name

    def _place(self, replica: bytes, first: int) -> Path:
        return self._feeds / replica.hex() / f"{first:016x}{_SEGMENT}"

    def _firsts(self, replica: bytes) -> list[int]:
        """At which indexes a feed's segments begin, in order."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._feeds / replica.hex()):  # noqa: PTH208 - thousands of names
                number = name.removesuffix(_SEGMENT)
                if number != name and len(number) == 16:
                    found.append(int(number, 16))
        return sorted(found)

    def _look(self, replica: bytes) -> BlockHeader | None:
        """The header of a feed's newest segment."""
        firsts = self._firsts(replica)
        header = None
        if firsts:
            path = self._place(replica, firsts[-1])
            with path.open("rb") as file:
                header = read_header(file.read(PREFIX_BYTES))[0]
            _refuse_misnamed(path, header, replica, firsts[-1])
        self._tails[replica] = header
        return header

    def _segment(self, replica: bytes, first: int) -> Block:
        path = self._place(replica, first)
        with _named(f"read {path}"):
            try:
                block = Block.decode(path.read_bytes())
            except ChecksumError as error:
                raise ChecksumError(
                    f"{path} is damaged: {error.message}",
                    hint="delete it and the later ones beside it; the next sync of a machine that "
                    "has these envelopes writes them anew",
                ) from error
        _refuse_misnamed(path, block.header, replica, first)
        return block


def _prepare(path: Path, *, create: bool) -> None:
    file = path / _FORMAT_FILE
    with _named(f"use {path} as a remote"):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            if not create:
                raise RemoteError(
                    f"there is no remote at {path}",
                    hint="is the disk mounted? `eventtrack push` makes the folder where it is new",
                ) from None
            text = FORMAT
            path.mkdir(exist_ok=True)
            present = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
            if present - {"feeds", "blobs", _FORMAT_FILE}:
                raise RemoteError(
                    f"cannot use {path} as a remote: it already holds {min(present)!r}",
                    hint="choose an empty folder or a new name",
                ) from None
            for name in ("feeds", "blobs"):
                (path / name).mkdir(exist_ok=True)
            create_file(file, [FORMAT.encode()])
    if text != FORMAT:
        raise FormatTooNewError(
            f"cannot use {path} as a remote: its file {_FORMAT_FILE} says {text[:40]!r}",
            hint="upgrade with `pip install -U eventtrack`; nothing was changed",
        )


def _verified(digest: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a blob; raises behind the last one if they have another hash."""
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
    if hasher.digest() != digest:
        raise not_as_named(digest, hasher.digest())


def _replica(name: str) -> bytes | None:
    try:
        replica = bytes.fromhex(name)
    except ValueError:
        return None
    return replica if len(replica) == 16 else None


def _refuse_misnamed(path: Path, header: BlockHeader, replica: bytes, first: int) -> None:
    if (header.replica, header.first) != (replica, first):
        raise ChecksumError(
            f"{path} holds envelopes from {header.first} of replica {header.replica.hex()}: "
            "somebody renamed it",
            hint="give it back its name, or delete it and the later ones beside it: the next sync "
            "writes them anew",
        )


@contextlib.contextmanager
def _named(doing: str) -> Iterator[None]:
    """In the block, errors of the system say what was being done and what to do about it."""
    try:
        yield
    except OSError as error:
        translated = translate_os_error(error, doing)
        if translated is error:
            raise RemoteError(
                f"cannot {doing}: {error.strerror or error}",
                hint="is the disk still mounted? Then sync again; nothing was lost",
            ) from error
        raise translated from error
