"""The places for the artifacts of a cluster: a bucket, a folder that all mount, or the engine.

`eventtrack cluster init --artifacts URL` chooses one; without it the engine of the log keeps them.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from eventtrack.errors import InvalidValueError
from eventtrack.sharedlog.addresses import NATS, POSTGRESQL, without_password
from eventtrack.sharedlog.nats_artifacts import NatsBlobs
from eventtrack.sharedlog.postgresql_artifacts import PostgresqlBlobs
from eventtrack.spaces.bucket import BucketSpace
from eventtrack.spaces.folder import FolderSpace
from eventtrack.spaces.space import Space
from eventtrack.store.shared_blobs import SharedBlobs

_PIECE_BYTES = 2**20


class SpaceBlobs:
    """Artifacts in a bucket or a folder, laid out as in a remote (docs/wire.md, section 4).

    Args:
        opened: Opens the space; called once for each thread.
    """

    def __init__(self, opened: Callable[[], Space]) -> None:
        self._opened = opened
        self._of_thread = threading.local()

    def holds(self, digest: bytes) -> bool:
        """Whether the artifact is there."""
        return bool(self._space().present([_name(digest)]))

    def put(self, digest: bytes, path: Path) -> None:
        """Upload it, unless it is there."""
        if not self.holds(digest):
            self._space().upload(_name(digest), _pieces(path))

    def get(self, digest: bytes) -> Iterator[bytes]:
        """Its bytes in pieces."""
        return self._space().stream(_name(digest))

    def delete(self, digest: bytes) -> None:
        """Delete it."""
        self._space().delete([_name(digest)])

    def _space(self) -> Space:
        space: Space | None = getattr(self._of_thread, "space", None)
        if space is None:
            space = self._of_thread.space = self._opened()
            space.make()
        return space


def open_artifacts(log_url: str, artifacts: str | None) -> SharedBlobs:
    """The artifacts of the log at a URL.

    Args:
        artifacts: As in the log's description.

    Raises:
        InvalidValueError: No artifacts can lie at such an address.
    """
    url = artifacts or log_url
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme in POSTGRESQL:
        return PostgresqlBlobs(url)
    if scheme in NATS:
        return NatsBlobs(url)
    if scheme == "s3":
        place = artifacts or f"{log_url.rstrip('/')}/artifacts"
        return SpaceBlobs(lambda: BucketSpace(place))
    if not scheme and url:
        return SpaceBlobs(lambda: FolderSpace(Path(url)))
    raise InvalidValueError(
        f"no artifacts can lie at {without_password(url)}",
        hint="use s3://BUCKET/PREFIX, or a folder that all servers mount",
    )


def _name(digest: bytes) -> str:
    name = digest.hex()
    return f"blobs/{name[:2]}/{name}"


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
