"""The report of a salvage: the things it took, the things that are gone, and their runs."""

import msgspec

from eventtrack.views.records import Record

# The most entries in a list of a report; the counts beside the lists go on.
LISTED_MAX = 1000


class Gap(Record):
    """Envelopes of a feed that were written and are lost: from index `first` to before `stop`.

    `streams` counts their events by stream, as far as that is known.
    """

    replica: str
    first: int
    stop: int
    streams: dict[str, int] = msgspec.field(default_factory=dict)


class Loss(Record):
    """A fact that the views of the damaged store knew, and the new store does not.

    `kind` is `metric`, `param`, `tag`, `artifact`, or the kind of a whole stream, for example `run`
    or `experiment`. For a metric, `had` and `has` count points; for all else they are 1 and 0.
    `value` is the value of a param or a tag.
    """

    kind: str
    stream: str
    name: str
    key: str
    had: int
    has: int
    value: str = ""


class SalvageReport(Record):
    """The result of a salvage.

    `moved` counts envelopes that stood behind a gap and came into new feeds, `repaired` headers in
    which one bit had flipped. `notes` name the damage, and facts that could not be known.
    """

    envelopes: int = 0
    events: int = 0
    moved: int = 0
    repaired: int = 0
    journal_events: int = 0
    artifacts: int = 0
    remote_envelopes: int = 0
    remote_artifacts: int = 0
    gaps: list[Gap] = msgspec.field(default_factory=list)
    gap_count: int = 0
    losses: list[Loss] = msgspec.field(default_factory=list)
    loss_count: int = 0
    notes: list[str] = msgspec.field(default_factory=list)
    is_end_known: bool = True

    @property
    def complete(self) -> bool:
        """Whether the new store holds everything that the damaged store ever held."""
        return self.is_end_known and not self.gap_count and not self.loss_count

    def add_gap(self, gap: Gap) -> None:
        """Note a gap."""
        self.gap_count += 1
        if len(self.gaps) < LISTED_MAX:
            self.gaps.append(gap)

    def add_loss(self, loss: Loss) -> None:
        """Note a loss."""
        self.loss_count += 1
        if len(self.losses) < LISTED_MAX:
            self.losses.append(loss)

    def note(self, sentence: str) -> None:
        """Note damage."""
        if len(self.notes) < LISTED_MAX and sentence not in self.notes:
            self.notes.append(sentence)
