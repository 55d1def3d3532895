"""Which streams may take points without being asked about: allowed once, and nothing since forbids.

Points change no decision. Whether a run may take them is decided by its own life and by its
experiment's, so a run that was found active stays so until an envelope says something else of
either, whoever wrote it. To look at the few envelopes since is much cheaper than at the views,
which then need not be folded for it.
"""

import threading
from collections.abc import Iterable

from eventtrack.events.reading import read
from eventtrack.events.registry import REGISTRY
from eventtrack.facts.experiment import EXPERIMENT
from eventtrack.facts.run import RUN
from eventtrack.log.protocol import LogReader

# Types that leave a run as active, or as deleted, as it was: those of a run, but for its birth and
# its stages, and those of an experiment but for its stages. A type that this eventtrack does not
# know is taken to forbid.
_HARMLESS = frozenset(
    entry.name
    for entry in REGISTRY
    if (entry.struct in RUN.says and entry.struct not in {*RUN.births, *RUN.stages})
    or (entry.struct in EXPERIMENT.says and entry.struct not in EXPERIMENT.stages)
)
# Streams that have no say in it. Whatever stands in any other, in one that erases or in one of a
# later day, is taken to forbid everything.
_OTHER_KINDS = frozenset({"session", "model", "trace"})
# Envelopes of others that are looked at one by one; after more than that the views are asked anew.
_GAP_MAX = 1024
_STREAMS_MAX = 100_000


class Permits:
    """The streams that may take points, as of a position of the log. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[str] = set()  # guarded by _lock
        self._position = 0  # guarded by _lock: everything up to there was looked at
        self._rewrites = 0  # guarded by _lock: what was there before may say something else now

    def __contains__(self, stream: str) -> bool:
        return stream in self._streams

    def follow(self, log: LogReader, head: int) -> None:
        """Look at what was committed since, up to `head`."""
        with self._lock:
            position, rewrites = self._position, log.rewrites()
            if rewrites != self._rewrites:
                self._streams.clear()
            self._position, self._rewrites = head, rewrites
            if not 0 <= head - position <= _GAP_MAX or len(self._streams) > _STREAMS_MAX:
                self._streams.clear()
            while self._streams and position < head:
                for envelope in log.read(position, head - position):
                    position = envelope.position
                    stream = envelope.header.stream
                    kind = stream.partition("/")[0]
                    reading = read(envelope)
                    types = {part.type for part in reading.parts}
                    if kind in _OTHER_KINDS or reading.fault or (types and types <= _HARMLESS):
                        continue
                    if kind == "run":
                        self._streams.discard(stream)
                    else:
                        self._streams.clear()

    def pass_own(self, start: int, stop: int) -> None:
        """The envelopes `(start, stop]` were committed by this process and hold points only."""
        with self._lock:
            if self._position == start:
                self._position = stop

    def grant(self, streams: Iterable[str], position: int) -> None:
        """Allow streams that were found active in the state at `position`."""
        with self._lock:
            if self._position <= position:
                self._streams.update(streams)
