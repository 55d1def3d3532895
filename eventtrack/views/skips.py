"""Records of skipped envelopes, for `check`, `stats` and `replay`."""

from eventtrack.projections import skipped
from eventtrack.projections.tables import Reader
from eventtrack.views.records import Record


class SkippedEnvelope(Record):
    """One envelope that is in the log, but has no effect on the views.

    `kind` is `damaged` (this disk lost its payload), `malformed` (it was written so; every machine
    skips it) or `not folded` (this version breaks down over it). `events` is its number of events,
    by its header. `feed` is the replica that wrote it.
    """

    position: int
    kind: str
    what: str
    stream: str
    feed: str
    index: int
    events: int

    def __str__(self) -> str:
        """The envelope's position, its name and its fault."""
        return (
            f"position {self.position}, envelope {self.index} of feed {self.feed}, in "
            f"{self.stream[:80]}: {self.kind}: {self.what}"
        )


def skipped_envelopes(reader: Reader) -> list[SkippedEnvelope]:
    """Every envelope that is skipped, in order of positions."""
    return [
        SkippedEnvelope(
            position=row.position,
            kind=row.kind,
            what=row.what,
            stream=row.stream,
            feed=row.name[:16].hex(),
            index=row.index,
            events=row.count,
        )
        for row in skipped.read(reader)
    ]
