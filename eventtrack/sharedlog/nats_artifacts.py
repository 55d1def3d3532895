"""Artifacts in the object store of the JetStream that carries the log."""

import contextlib
import tempfile
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

from eventtrack.errors import NotFoundError
from eventtrack.sharedlog.nats_client import ANSWER_S, NatsClient
from eventtrack.sharedlog.nats_streams import Names

_SLOWEST = 2**20
_PIECE_BYTES = 2**20


class NatsBlobs:
    """`SharedBlobs` in a bucket of objects, which is made when the first artifact comes.

    It has as many copies as the stream of the log. It takes the name of the log, `-artifacts`.
    """

    def __init__(self, url: str) -> None:
        self._client = NatsClient(url)
        self._bucket = f"{self._client.address.name}-artifacts"
        self._store: Any = None

    def holds(self, digest: bytes) -> bool:
        """Whether it is there."""
        return self._info(digest) is not None

    def put(self, digest: bytes, path: Path) -> None:
        """Upload it, unless it is there."""
        if self.holds(digest):
            return

        async def upload() -> None:
            with path.open("rb") as file:
                await self._store.put(digest.hex(), file)

        self._client.run(upload(), ANSWER_S + path.stat().st_size / _SLOWEST)

    def get(self, digest: bytes) -> Iterator[bytes]:
        """Its bytes."""
        info = self._info(digest)
        if info is None:
            raise NotFoundError(
                f"the artifact {digest.hex()} is not at {self._client.shown}",
                hint="`eventtrack cluster check` lists what is missing",
            )

        with tempfile.TemporaryFile() as file:
            download = self._store.get(digest.hex(), writeinto=file)
            self._client.run(download, ANSWER_S + info.size / _SLOWEST)
            file.seek(0)
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def delete(self, digest: bytes) -> None:
        """Delete it, if it is there: all servers obey a redaction, perhaps at the same time."""
        self._open()
        self._client.run(_or_none(self._store.delete(digest.hex())))

    def _info(self, digest: bytes) -> Any:
        self._open()
        return self._client.run(_or_none(self._store.get_info(digest.hex())))

    def _open(self) -> None:
        if self._store is not None:
            return
        from nats.js.errors import BucketNotFoundError

        stream = Names(self._client.address.name).stream
        replicas = self._client.ask(f"STREAM.INFO.{stream}")["config"]["num_replicas"]

        async def opened() -> Any:
            jetstream = self._client.jetstream()
            try:
                return await jetstream.object_store(self._bucket)
            except BucketNotFoundError:
                return await jetstream.create_object_store(self._bucket, replicas=replicas)

        self._store = self._client.run(opened())


async def _or_none(question: Awaitable[Any]) -> Any:
    """The answer about an object; None if there is no such object."""
    from nats.js.errors import NotFoundError as Missing

    with contextlib.suppress(Missing):
        return await question
    return None
