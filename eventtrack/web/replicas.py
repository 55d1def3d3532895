"""The replicas that write to this store, the state of its exchanges, and its conflicts."""

from collections.abc import Iterable

from eventtrack.audit.checkpoints import Checkpoint, origin_of
from eventtrack.audit.notes import Note, VerifierKey
from eventtrack.errors import EventtrackError
from eventtrack.events.reading import events_of
from eventtrack.events.types import HeadSealed, KeyAnnounced
from eventtrack.limits import CLOCK_WRONG_MS
from eventtrack.log import merkle
from eventtrack.store import Store
from eventtrack.sync import Remotes, RemoteStatus, all_conflicts, all_statuses, forks_told
from eventtrack.sync.remotes import without_secrets
from eventtrack.views.history.feeds import Feed
from eventtrack.web import skips
from eventtrack.web.answers import Json, shortened

# A feed's events about itself are searched for keys and the newest head: this many envelopes from
# the first on, and this many of the newest.
_LOOKED_AT = 64


def sync(store: Store) -> Json:
    """The remotes and the replicas. Costs a few reads for each feed."""
    remotes = Remotes(store.replication)
    statuses = all_statuses(remotes)
    feeds = store.feeds.list()
    sizes = {feed.replica: feed.size for feed in feeds}
    reported: dict[str, int] = {}
    for _, status in statuses:
        for replica, size in status.feeds.items() if status is not None else ():
            reported[replica] = max(size, reported.get(replica, 0))
    forks, now_ms = forks_told(store), remotes.now_ms()
    return {
        "now_ms": now_ms,
        "remotes": [
            {
                "name": address.name,
                "url": without_secrets(address.url),
                "wanted": address.wanted.to_dictionary(),
                "status": None if status is None else _status(status, sizes),
            }
            for address, status in statuses
        ],
        "replicas": _replicas(store, feeds, reported, forks, now_ms)
        # Feeds that only remotes report: no more than their sizes is known.
        + [
            {"replica": replica, "own": False, "size": 0, "behind": size}
            for replica, size in sorted(reported.items())
            if replica not in sizes
        ],
        "skipped": skips.listing(store),
    }


def conflicts(store: Store, offset: int, limit: int) -> Json:
    """Some of the conflicts, and the number of all. Reads the params of all runs."""
    disputes = all_conflicts(store)
    return {
        "total": len(disputes),
        "conflicts": [
            {
                "subject": conflict.subject,
                "fact": conflict.fact,
                "rule": _rule(conflict.fact),
                "kept": shortened(conflict.kept),
                "lost": [shortened(value) for value in conflict.lost],
            }
            for conflict in disputes[offset : offset + limit]
        ],
    }


def _rule(fact: str) -> str:
    """The rule that settled the conflict (docs/format.md)."""
    kind = fact.partition(".")[0]
    return {
        "param": "the earliest value is kept",
        "name": "the older keeps the name",
        "version": "the older keeps the number",
        "history": "all histories are kept",
    }.get(kind, "")


def _status(status: RemoteStatus, sizes: dict[str, int]) -> Json:
    """The state of a remote, and how many envelopes each side has that the other lacks."""
    fields = status.to_dictionary()
    feeds = fields.pop("feeds")
    fields.pop("url")
    return {
        **fields,
        "ahead": sum(max(size - feeds.get(replica, 0), 0) for replica, size in sizes.items()),
        "behind": sum(max(size - sizes.get(replica, 0), 0) for replica, size in feeds.items()),
    }


def _replicas(
    store: Store,
    feeds: Iterable[Feed],
    reported: dict[str, int],
    forks: dict[str, str],
    now_ms: int,
) -> list[Json]:
    unfilled = store.replication.log.unfilled()
    return [
        {
            "replica": feed.replica,
            "own": feed.own,
            "size": feed.size,
            "root": feed.root,
            "recorded_ms": feed.recorded_ms,
            "ahead_ms": _wrong(feed.recorded_ms - now_ms),
            "behind": max(reported.get(feed.replica, 0) - feed.size, 0),
            "whole": unfilled.get(bytes.fromhex(feed.feed), feed.size) == feed.size,
            "forked": forks.get(feed.replica),
            "author": _author(store, feed),
            "sealed": _sealed(store, feed),
        }
        for feed in feeds
    ]


def _wrong(ahead_ms: int) -> int | None:
    """A feed's lead on the clock here; None if both clocks may be right."""
    return ahead_ms if ahead_ms > CLOCK_WRONG_MS else None


def _author(store: Store, feed: Feed) -> Json | None:
    """The author of a feed's newest envelope, and the author's host; None if not known here."""
    newest = next(iter(store.feeds.envelopes(feed.feed, feed.size - 1, feed.size)), None)
    session = None if newest is None else store.sessions.find(newest.header.session.hex())
    if session is None:
        return None
    return {"host": session.host, "user": session.user, "source": session.source}


def _sealed(store: Store, feed: Feed) -> Json | None:
    """The newest signed head of a feed, and its problem: "" for a head that holds."""
    stream = f"replica/{feed.replica}"
    looked_at = (
        *store.replication.beginning(stream, _LOOKED_AT),
        *store.feeds.of_stream(stream, _LOOKED_AT),
    )
    # A replica's events count only in its own feed.
    own = (envelope for envelope in looked_at if envelope.header.replica.hex() == feed.replica)
    said = [event for envelope in own for event in events_of(envelope)]
    keys = [event.key for event in said if isinstance(event, KeyAnnounced)]
    for event in reversed(said):
        if isinstance(event, HeadSealed):
            return _held_against(store, feed, event.note, keys)
    return None


def _held_against(store: Store, feed: Feed, text: str, keys: Iterable[str]) -> Json:
    replica = bytes.fromhex(feed.replica)
    try:
        note = Note.parse(text)
        head = Checkpoint.of(note)
        known = map(VerifierKey.parse, keys)
        note.verify([key for key in known if key.name == head.origin == origin_of(replica)])
    except EventtrackError as error:
        return {"size": 0, "root": "", "problem": error.message}
    problem, log = "", store.replication.log
    # If two copies wrote to the feed, it has two ends: the head belongs to one of them.
    ends = [end.feed for end in store.feeds.of_replica(feed.replica) if end.size >= head.size]
    roots = [merkle.root(log.frontier(bytes.fromhex(end), head.size)) for end in ends]
    if not roots:
        problem = f"it is of {head.size} envelopes, and {feed.size} are here"
    elif head.root not in roots:
        problem = f"the first {head.size} envelopes here are not those that were signed"
    return {"size": head.size, "root": head.root.hex(), "problem": problem}
