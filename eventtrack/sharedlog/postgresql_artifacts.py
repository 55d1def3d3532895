"""Artifacts in a table of the database that carries the log, in pieces of a megabyte."""

from collections.abc import Iterator
from pathlib import Path

from eventtrack.errors import NotFoundError
from eventtrack.sharedlog.postgresql_connections import ANSWER_S, Connections

TABLE = """
CREATE TABLE eventtrack_artifacts (
    sha256 bytea NOT NULL,
    piece integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (sha256, piece)
)
"""
_PIECE_BYTES = 2**20
# The slowest upload that is waited for, in bytes a second.
_SLOWEST = 2**20
_HOLDS = "SELECT 1 FROM eventtrack_artifacts WHERE sha256 = %s AND piece = 0"
_PUT = "INSERT INTO eventtrack_artifacts VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_GET = "SELECT data FROM eventtrack_artifacts WHERE sha256 = %s AND piece = %s"
_DELETE = "DELETE FROM eventtrack_artifacts WHERE sha256 = %s"


class PostgresqlBlobs:
    """`SharedBlobs` in a database. An artifact is there wholly or not at all."""

    def __init__(self, url: str) -> None:
        self._connections = Connections(url)

    def holds(self, digest: bytes) -> bool:
        """Whether its first piece is there: all pieces come in one transaction."""
        with self._connections.use() as connection:
            return connection.execute(_HOLDS, (digest,)).fetchone() is not None

    def put(self, digest: bytes, path: Path) -> None:
        """Insert its pieces, unless they are there. An empty file has one empty piece."""
        if self.holds(digest):
            return
        within_s = ANSWER_S + path.stat().st_size / _SLOWEST
        with (
            path.open("rb") as file,
            self._connections.use(within_s) as connection,
            connection.transaction(),
        ):
            number = 0
            while (piece := file.read(_PIECE_BYTES)) or not number:
                connection.execute(_PUT, (digest, number, piece), binary=True)
                number += 1

    def get(self, digest: bytes) -> Iterator[bytes]:
        """Its pieces, one question for each."""
        if not self.holds(digest):
            raise NotFoundError(
                f"the artifact {digest.hex()} is not at {self._connections.shown}",
                hint="`eventtrack cluster check` lists what is missing",
            )
        number = 0
        while True:
            with self._connections.use() as connection:
                row = connection.execute(_GET, (digest, number), binary=True).fetchone()
            if row is None:
                return
            yield bytes(row[0])
            number += 1

    def delete(self, digest: bytes) -> None:
        """Delete its pieces."""
        with self._connections.use() as connection:
            connection.execute(_DELETE, (digest,))
