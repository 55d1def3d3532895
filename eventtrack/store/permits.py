"""Permits: streams that may take points without a look at the views.

Points change no decision. A run may take them if it and its experiment are active. So a run that
was active once stays active until an envelope, of any writer, says something else about the run or
its experiment. A look at the few envelopes since then is much cheaper than a look at the views,
which would have to be folded first.
"""

import contextlib
import threading
from collections.abc import Iterable

from eventtrack.errors import MalformedError
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import EXPLAINED, read
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import RunMoved
from eventtrack.facts.experiment import EXPERIMENT
from eventtrack.facts.run import RUN
from eventtrack.log.protocol import LogReader

# Types that do not change the stage of a run: those of a run except its birth, its moves and its
# stages, and those of an experiment except its stages. An unknown type counts as forbidding.
_HARMLESS = frozenset(
    entry.name
    for entry in REGISTRY
    if (entry.struct in RUN.says and entry.struct not in {*RUN.births, *RUN.stages, RunMoved})
    or (entry.struct in EXPERIMENT.says and entry.struct not in EXPERIMENT.stages)
    or entry.name == EXPLAINED
)
# Streams that cannot change a run's stage. An envelope of any other stream, one that erases or one
# of a later version say, counts as forbidding everything.
_OTHER_KINDS = frozenset({"session", "model", "trace", "dataset", "scorer"})
# Up to this many envelopes are looked at one by one; after more of them the views are asked anew.
_GAP_MAX = 8192
_STREAMS_MAX = 100_000


class Permits:
    """The streams that may take points, as of a position of the log. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[str] = set()  # guarded by _lock
        self._position = 0  # guarded by _lock: all envelopes up to there were looked at
        self._taken_at = 0  # guarded by _lock: nothing behind it took more than a run's own permit
        self._rewrites = 0  # guarded by _lock: at another number, older envelopes may have changed

    def __contains__(self, stream: str) -> bool:
        return stream in self._streams

    def stood_at(self, position: int) -> bool:
        """Whether nothing behind a position took rights of more than one run, as far as known."""
        return position >= self._taken_at

    def follow(self, log: LogReader, head: int) -> None:
        """Look at the envelopes committed since the last look, up to `head`."""
        with self._lock:
            position, rewrites = self._position, log.rewrites()
            if rewrites != self._rewrites:
                self._streams.clear()
                self._taken_at = head
            self._position, self._rewrites = head, rewrites
            if not 0 <= head - position <= _GAP_MAX or len(self._streams) > _STREAMS_MAX:
                self._streams.clear()
            while self._streams and position < head:
                for envelope in log.read(position, head - position):
                    position = envelope.position
                    stream = envelope.header.stream
                    kind = stream.partition("/")[0]
                    if kind in _OTHER_KINDS or _is_harmless(envelope):
                        continue
                    if kind == "run":
                        self._streams.discard(stream)
                    else:
                        self._streams.clear()
                        self._taken_at = head
            if position != head:
                self._taken_at = head  # nobody looked at the rest

    def pass_own(self, start: int, stop: int) -> None:
        """Pass the envelopes `(start, stop]`: this process committed them, and they hold points."""
        with self._lock:
            if self._position == start:
                self._position = stop

    def grant(self, streams: Iterable[str], position: int) -> None:
        """Allow streams that were active in the state at `position`."""
        with self._lock:
            if self._position <= position:
                self._streams.update(streams)


def _is_harmless(envelope: Envelope) -> bool:
    """Whether an envelope leaves all runs in their stage; one that is skipped does."""
    with contextlib.suppress(MalformedError, RecursionError):
        # Of points, which are most of all, the values need not be decoded.
        if _are_harmless({group.type for group in envelope.groups()}):
            return True
    reading = read(envelope)
    return reading.fault is not None or _are_harmless({part.type for part in reading.parts})


def _are_harmless(types: set[str]) -> bool:
    return bool(types) and types <= _HARMLESS
