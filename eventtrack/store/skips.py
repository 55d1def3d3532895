"""Envelopes that are here and have no effect, as `check`, `stats` and `replay` tell of them."""

from eventtrack.projections import skipped
from eventtrack.projections.tables import Reader
from eventtrack.views.records import Record


class SkippedEnvelope(Record):
    """One envelope that the views hold nothing of, though it is here.

    `kind` is `damaged` (this disk lost what it said), `malformed` (it was written so; every machine
    skips it) or `not folded` (this version breaks down over it). `events` is how many it says it
    holds; `feed` is the replica that wrote it.
    """

    position: int
    kind: str
    what: str
    stream: str
    feed: str
    index: int
    events: int

    def __str__(self) -> str:
        """Its place, its name and what is wrong."""
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
