"""Bundles: one file with the events and artifacts that a store lacks (docs/wire.md, section 6).

Bundles serve machines that share only files that a person carries or mails. A bundle names the
feeds that a store must already have to apply it. Everything in it is verified before any part is
taken.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from eventtrack.errors import (
    AlreadyExistsError,
    ChecksumError,
    ConflictError,
    EventtrackError,
    FormatTooNewError,
    NotFoundError,
)
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.blocks import Block, read_header
from eventtrack.log.durable import open_draft, take_name
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.store import Store
from eventtrack.sync import frames
from eventtrack.sync.exchange import blocks_of, pull
from eventtrack.sync.known import KnownFeeds, Ranges, ranges_beyond
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.report import Progress, SyncReport
from eventtrack.views.places import open_regular
from eventtrack.views.records import Record

MAGIC = b"ETBUNDL1"
_DIGEST_BYTES = 32
_COPY_BYTES = 2**20
# The place of each part is held in memory. An artifact has two parts, and one for each MiB.
PARTS_MAX = 8_000_000


class BundleInfo(Record):
    """The contents of a bundle, in figures. Feeds are named by replica, in hex, with their sizes.

    `needs` is the part of each feed that a store must have to apply the bundle, `brings` the part
    that it has afterwards.
    """

    created_ms: int
    needs: dict[str, int]
    brings: dict[str, int]
    envelopes: int
    artifacts: int
    bytes: int


class _Contents(msgspec.Struct, array_like=True):
    """The first frame of a bundle."""

    created_ms: int
    needs: msgspec.Raw
    brings: msgspec.Raw


class _Place(NamedTuple):
    kind: bytes
    start: int
    length: int


def create_bundle(
    store: Store,
    path: Path,
    since: Sequence[FeedHead] = (),
    *,
    artifacts: bool = True,
    progress: Progress | None = None,
) -> BundleInfo:
    """Write everything that a store holds beyond `since` to a new file, whole or not at all.

    Raises:
        AlreadyExistsError: There is a file of that name.
    """
    source = store.replication
    here = KnownFeeds(source.log, source.heads())
    since = _with_forked(here, since)
    ranges = ranges_beyond(source.log, here, since)
    contents = _Contents(
        source.now_ms(),
        msgspec.Raw(frames.encode_heads(_needs(here, since, ranges))),
        msgspec.Raw(frames.encode_heads(here.tips(source.log.unfilled()))),
    )
    total = sum(stop - start for start, stop in ranges.values())
    draft = None
    try:
        draft, file = open_draft(path)
        with file:
            sink = _Hashed(file)
            sink.write(MAGIC)
            frames.write_frame(sink, frames.HELLO, frames.encode(contents))
            named: dict[bytes, None] = {}
            done = 0
            for block in blocks_of(source.log, ranges):
                frames.write_frame(sink, frames.BLOCK, block.data)
                for data in block.envelopes if artifacts else ():
                    named.update(dict.fromkeys(blobs_named(Envelope(data))))
                done += block.header.count
                if progress is not None:
                    progress("writing events", done, total)
            for digest in filter(source.blobs.holds, named):
                frames.write_frame(sink, frames.PUT, digest)
                with source.blobs.open(digest) as stream:
                    frames.write_chunks(sink, iter(partial(stream.read, _COPY_BYTES), b""))
            frames.write_frame(sink, frames.END)
            file.write(sink.digest())
            file.flush()
            os.fsync(file.fileno())
            take_name(draft, path)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise AlreadyExistsError(
            f"there is a file {path} already", hint="choose another name, or delete it"
        ) from error
    except OSError as error:
        raise translate_os_error(error, f"write {path}") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
    return BundleRemote(path).info()


def _with_forked(here: KnownFeeds, since: Sequence[FeedHead]) -> list[FeedHead]:
    """Heads to start from. A feed that has another end here starts from its beginning."""
    heads = []
    for head in since:
        sizes = [here.heads[feed].size for feed in here.feeds(head.replica)]
        forked = here.find(head) is None and head.size <= max(sizes, default=0)
        heads.append(FeedHead(head.replica, 0, merkle.EMPTY_ROOT) if forked else head)
    return heads


def _needs(here: KnownFeeds, since: Sequence[FeedHead], ranges: Ranges) -> list[FeedHead]:
    """The heads that a store must have to apply a bundle: its parts begin behind these heads."""
    held = [head for head in since if head.size and here.find(head) is not None]
    return [
        head
        for head in held
        if any(feed in ranges for feed in here.feeds(head.replica) if feed in here.held([head]))
    ]


def apply_bundle(store: Store, path: Path, progress: Progress | None = None) -> SyncReport:
    """Take everything that a bundle brings and this store lacks. A second call changes nothing.

    Raises:
        ConflictError: The store lacks envelopes that the bundle is based on.
        CorruptionError: The bundle is damaged, and nothing of it was taken; or an artifact was
            damaged before it came into the bundle, and all else was taken.
    """
    bundle = BundleRemote(path)
    target, report = store.replication, SyncReport()
    bundle.refuse_unmet(KnownFeeds(target.log, target.heads()))
    pull(target, bundle, bundle.heads(), report, progress)
    missing = [digest for digest in bundle.blobs if not target.blobs.holds(digest)]
    damage: ChecksumError | None = None
    for digest in missing:
        try:
            size = target.blobs.receive(digest, bundle.get_blob(digest))
        except ChecksumError as error:
            damage = damage or error  # it was damaged before it came into the bundle
            continue
        report.pulled.artifacts += 1
        report.pulled.artifact_bytes += size
        if progress is not None:
            progress("taking artifacts", report.pulled.artifacts, len(missing))
    if damage is not None:
        raise damage
    return report


class BundleRemote:
    """A bundle as a source of feeds, verified when it is opened. It cannot be written to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._frames = list(_verified(path))
        except OSError as error:
            translated = translate_os_error(error, f"read {path}")
            if isinstance(error, FileNotFoundError):
                translated = NotFoundError(f"there is no file {path}", hint="check the path")
            raise translated from error
        if not self._frames or self._frames[0].kind != frames.HELLO:
            raise _damaged(path, "it does not begin as a bundle does")
        contents = frames.decode(self._body(self._frames[0]), _Contents)
        self.created_ms = contents.created_ms
        self.needs = frames.decode_heads(bytes(contents.needs))
        self._brings = frames.decode_heads(bytes(contents.brings))
        # By digest: the place in the list of frames of an artifact's first piece.
        self.blobs = {
            self._body(place): number + 1
            for number, place in enumerate(self._frames)
            if place.kind == frames.PUT
        }

    def info(self) -> BundleInfo:
        """The bundle's contents, in figures."""
        blocks = [place for place in self._frames if place.kind == frames.BLOCK]
        return BundleInfo(
            created_ms=self.created_ms,
            needs=_by_name(self.needs),
            brings=_by_name(self._brings),
            envelopes=sum(read_header(self._body(place))[0].count for place in blocks),
            artifacts=len(self.blobs),
            bytes=self._path.stat().st_size,
        )

    def heads(self) -> list[FeedHead]:
        """The head of each feed in a store that has applied the bundle."""
        return self._brings

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """No head: `read` gives all blocks in any case."""
        return []

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """All blocks of the bundle: the importer leaves out known envelopes."""
        for place in self._frames:
            if place.kind == frames.BLOCK:
                yield Block.decode(self._body(place))

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes."""
        number = self.blobs[digest]
        while self._frames[number].kind == frames.CHUNK:
            yield self._body(self._frames[number])
            number += 1

    def refuse_unmet(self, own: KnownFeeds) -> None:
        """Refuse a bundle that is based on envelopes that are not here.

        Raises:
            ConflictError: The message names the missing envelopes.
        """
        missing = []
        for head in self.needs:
            if own.find(head) is None:
                sizes = [own.heads[feed].size for feed in own.feeds(head.replica)]
                lacks = head.size - max(sizes, default=0)
                what = f"{lacks} envelopes" if lacks > 0 else "another history"
                missing.append(f"{what} of replica {head.replica.hex()}")
        if missing:
            raise ConflictError(
                f"cannot apply {self._path}: it goes on from what is not here: "
                + ", ".join(missing),
                hint="apply the bundle before it first, or make one without --since",
            )

    def _body(self, place: _Place) -> bytes:
        with _opened(self._path) as file:
            file.seek(place.start)
            body = file.read(place.length)
        if len(body) != place.length:
            raise _damaged(self._path, "it was changed while it was read")
        return body


def _by_name(heads: Sequence[FeedHead]) -> dict[str, int]:
    """Sizes by replica in hex. Two ends of one feed are told apart by the start of their roots."""
    ids = [head.replica for head in heads]
    return {
        head.replica.hex()
        + (f"~{head.root.hex()[:8]}" if ids.count(head.replica) > 1 else ""): head.size
        for head in heads
    }


def _verified(path: Path) -> Iterator[_Place]:
    """The places of a bundle's frames, once its checksum matches its bytes."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        magic = file.read(len(MAGIC))
        if magic != MAGIC:
            if len(magic) == len(MAGIC) and magic[:-1] == MAGIC[:-1]:
                raise FormatTooNewError(
                    f"cannot read {path}: a later version of eventtrack made it",
                    hint="upgrade with `pip install -U eventtrack`",
                )
            raise _damaged(path, "it is no bundle")
        hasher, left = hashlib.sha256(magic), size - len(magic) - _DIGEST_BYTES
        while left > 0 and (part := file.read(min(left, _COPY_BYTES))):
            hasher.update(part)
            left -= len(part)
        if left or file.read() != hasher.digest():
            raise _damaged(path, "its checksum does not match its bytes, or it was cut")
        start, parts = len(MAGIC), 0
        while start < size - _DIGEST_BYTES:
            file.seek(start)
            try:
                kind, length = frames.read_head(file)
            except frames.Ended as error:
                raise _damaged(path, "its last part is not whole") from error
            parts += 1
            if parts > PARTS_MAX or (kind == frames.PUT and length != _DIGEST_BYTES):
                raise _damaged(path, f"its part {parts} cannot be one of a bundle")
            yield _Place(kind, start + frames.HEAD_BYTES, length)
            start += frames.HEAD_BYTES + length
        if start != size - _DIGEST_BYTES:
            raise _damaged(path, "its last part is not whole")


def _opened(path: Path) -> BinaryIO:
    """A bundle that a user names, also by a link; never a pipe, which could block forever."""
    return open_regular(Path(os.path.realpath(path)))


class _Hashed:
    """Writes to a file and hashes the written bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hasher = hashlib.sha256()

    def write(self, data: bytes, /) -> Any:
        """Write on."""
        self._hasher.update(data)
        return self._file.write(data)

    def digest(self) -> bytes:
        """SHA-256 of everything so far."""
        return self._hasher.digest()


def _damaged(path: Path, why: str) -> EventtrackError:
    return ChecksumError(
        f"cannot take {path}: {why}", hint="nothing of it was taken; copy or make it again"
    )
