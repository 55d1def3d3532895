"""Which machines write to this store, how exchanges go, and what was disagreed on."""

from collections.abc import Iterable
from typing import Any

from eventtrack.audit.checkpoints import Checkpoint
from eventtrack.audit.notes import Note
from eventtrack.errors import EventtrackError
from eventtrack.events.types import HeadSealed
from eventtrack.store import Store
from eventtrack.store.feeds import Feed
from eventtrack.sync import Remotes, RemoteStatus, all_conflicts, all_statuses
from eventtrack.sync.remotes import without_secrets
from eventtrack.web.answers import Json, shortened

# Envelopes of one feed's stream that are looked at for its newest signed head.
_SEALS_LOOKED_AT = 64


def sync(store: Store) -> Json:
    """The remotes and the replicas. Costs a few reads for each feed."""
    remotes = Remotes(store.replication)
    statuses = all_statuses(remotes)
    feeds = store.feeds.list()
    sizes = {feed.replica: feed.size for feed in feeds}
    told: dict[str, int] = {}
    for _, status in statuses:
        for replica, size in status.feeds.items() if status is not None else ():
            told[replica] = max(size, told.get(replica, 0))
    forks = remotes.forks()
    return {
        "now_ms": remotes.now_ms(),
        "remotes": [
            {
                "name": address.name,
                "url": without_secrets(address.url),
                "wanted": address.wanted.to_dictionary(),
                "status": None if status is None else _status(status, sizes),
            }
            for address, status in statuses
        ],
        "replicas": _replicas(store, feeds, told, forks)
        # Of what was only told nothing is known but that it is there.
        + [
            {"replica": replica, "own": False, "size": 0, "behind": size}
            for replica, size in sorted(told.items())
            if replica not in sizes
        ],
    }


def conflicts(store: Store, offset: int, limit: int) -> Json:
    """Some of what writers disagreed on, and how many there are. Reads the params of all runs."""
    found = all_conflicts(store)
    return {
        "total": len(found),
        "conflicts": [
            {
                "subject": one.subject,
                "fact": one.fact,
                "rule": _rule(one.fact),
                "kept": shortened(one.kept),
                "lost": [shortened(value) for value in one.lost],
            }
            for one in found[offset : offset + limit]
        ],
    }


def _rule(fact: str) -> str:
    """By which rule the conflict was settled: docs/format.md has them."""
    kind = fact.partition(".")[0]
    return {
        "param": "the earliest value is kept",
        "name": "the older keeps the name",
        "version": "the older keeps the number",
        "history": "each machine keeps the history that it has",
    }.get(kind, "")


def _status(status: RemoteStatus, sizes: dict[str, int]) -> Json:
    """What is known of a remote, and how far this store and it are apart, in envelopes."""
    found = status.to_dictionary()
    feeds = found.pop("feeds")
    found.pop("url")
    return {
        **found,
        "ahead": sum(max(size - feeds.get(replica, 0), 0) for replica, size in sizes.items()),
        "behind": sum(max(size - sizes.get(replica, 0), 0) for replica, size in feeds.items()),
    }


def _replicas(
    store: Store, feeds: Iterable[Feed], told: dict[str, int], forks: dict[str, str]
) -> list[Json]:
    unfilled = store.replication.log.unfilled()
    return [
        {
            "replica": feed.replica,
            "own": feed.own,
            "size": feed.size,
            "root": feed.root,
            "recorded_ms": feed.recorded_ms,
            "behind": max(told.get(feed.replica, 0) - feed.size, 0),
            "whole": unfilled.get(bytes.fromhex(feed.replica), feed.size) == feed.size,
            "forked": forks.get(feed.replica),
            "author": _author(store, feed),
            "sealed": _sealed(store, feed.replica),
        }
        for feed in feeds
    ]


def _author(store: Store, feed: Feed) -> Json | None:
    """Who wrote the newest envelope of a feed, and where; None where that is not known here."""
    newest = next(iter(store.feeds.envelopes(feed.replica, feed.size - 1, feed.size)), None)
    session = None if newest is None else store.sessions.find(newest.header.session.hex())
    if session is None:
        return None
    return {"host": session.host, "user": session.user, "source": session.source}


def _sealed(store: Store, replica: str) -> dict[str, Any] | None:
    """The newest signed head of a feed, as it says of itself: `eventtrack audit` verifies them."""
    for envelope in reversed(store.feeds.of_stream(f"replica/{replica}", _SEALS_LOOKED_AT)):
        if envelope.header.replica.hex() != replica:
            continue
        for event in reversed(envelope.events()):
            if isinstance(event, HeadSealed):
                try:
                    head = Checkpoint.of(Note.parse(event.note))
                except EventtrackError:
                    continue
                return {"size": head.size, "root": head.root.hex()}
    return None
