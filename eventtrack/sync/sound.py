"""The check before sending: envelopes leave this store as they were written, never decayed.

A wrong header would give the feed another history in every other store, and a wrong payload would
be refused there with everything behind it. So headers are compared with the roots stored when they
were appended, and payloads with their headers, about 2 us an envelope (decision 0023).
"""

import warnings

from eventtrack.errors import ChecksumError, EventtrackWarning
from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import EventLog, Head
from eventtrack.log.soundness import headers_hold


def sound(
    log: EventLog, feed: bytes, envelopes: list[Envelope], frontier: list[bytes], head: Head
) -> list[Envelope]:
    """The envelopes that may be sent: all, or those before the first damaged envelope.

    A damaged payload is set aside: from then on it counts as missing, and comes with the next pull
    from a store that has it. A warning names it.

    Args:
        envelopes: Contiguous envelopes of the feed.
        frontier: The feed's Merkle frontier before the first envelope; not changed.
        head: The feed's head, read before the envelopes.
    """
    first = envelopes[0].header.index
    if not headers_hold(log, feed, envelopes, frontier, head):
        _warn(
            f"cannot send envelopes {first} to {first + len(envelopes) - 1} of feed {feed.hex()}, "
            f"positions {envelopes[0].position} and behind: they do not have the root that they "
            "had when they were recorded. The feed stops before them",
            "Run `eventtrack check`, then restore the store from a copy",
        )
        return []
    for place, envelope in enumerate(envelopes):
        try:
            envelope.verify()
        except ChecksumError:
            log.set_aside(feed, first + place)
            _warn(
                f"cannot send envelope {first + place} of feed {feed.hex()}, position "
                f"{envelope.position}: its payload is not what was written. It was set aside, and "
                "the feed stops before it",
                "Pull from a machine that has it, which heals it; if there is none, "
                f"`eventtrack redact {envelope.position}.0` lets what follows go on",
            )
            return envelopes[:place]
    return envelopes


def _warn(what: str, hint: str) -> None:
    warnings.warn(f"{what}. {hint}", EventtrackWarning, stacklevel=4)
