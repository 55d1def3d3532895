"""Answers to the pages about envelopes that are here and have no effect."""

from eventtrack.clock import recorded_ms
from eventtrack.events.reading import DAMAGED, MALFORMED
from eventtrack.projections.skipped import FAILED
from eventtrack.store import Store
from eventtrack.views.history.events import EventRecord
from eventtrack.views.skips import SkippedEnvelope
from eventtrack.web.answers import Json, shortened

# Envelopes that a page lists; `eventtrack check --json` names all.
_SHOWN_MAX = 100
_HINTS = {
    MALFORMED: "It was written so, and every machine skips it. A sync refuses it, and what follows "
    "it in its feed: `eventtrack redact POSITION --reason ...` erases what it says, and the feed "
    "goes on with the next sync.",
    DAMAGED: "This disk lost what it says. `eventtrack pull REMOTE` brings it back from a machine "
    "that has it. Where none has it, `eventtrack redact POSITION --reason ...` gives it up. "
    "`eventtrack check` names all damage.",
    FAILED: "This version breaks down over it; the event is kept. Upgrade eventtrack, then run "
    "`eventtrack replay --rebuild`.",
}


def listing(store: Store) -> Json:
    """The number of envelopes without an effect, the first of them, and by kind a way to go on."""
    skipped = store.maintenance.skipped()
    return {
        "total": len(skipped),
        "envelopes": [
            {
                **envelope.to_dictionary(),
                "what": shortened(envelope.what),
                "stream": shortened(envelope.stream),
            }
            for envelope in skipped[:_SHOWN_MAX]
        ],
        "hints": {kind: _HINTS[kind] for kind in sorted({envelope.kind for envelope in skipped})},
    }


def failed(store: Store) -> dict[int, SkippedEnvelope]:
    """By position, the envelopes that this version cannot fold: their events read well."""
    skipped = store.maintenance.skipped()
    return {envelope.position: envelope for envelope in skipped if envelope.kind == FAILED}


def effect(event: EventRecord, broken: dict[int, SkippedEnvelope]) -> Json:
    """The reason why an event has no effect, if so, and the time by which it counts.

    `skipped` has the `kind` and `what` is wrong, or is null. `effective_ms` is the time by which
    the event counts, null where that is when it was recorded.

    Args:
        broken: As of `failed`.
    """
    skipped = None
    if event.skipped is not None:
        skipped = {"kind": event.type, "what": shortened(event.skipped)}
    elif event.position in broken:
        skipped = {"kind": FAILED, "what": shortened(broken[event.position].what)}
    raised = event.effective > event.recorded
    return {
        "skipped": skipped,
        "known": event.known or skipped is not None,
        "effective_ms": recorded_ms(event.effective) if raised else None,
    }
