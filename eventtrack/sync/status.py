"""The state of each remote: the last success, the current failure, the feeds that it has.

These are notes for people, a small file for each remote; no exchange depends on them. So they are
written without a sync of the disk, and the last of several processes to write wins.
"""

import contextlib
from collections.abc import Iterable

import msgspec

from eventtrack.errors import EventtrackError, StoreError
from eventtrack.store import Store
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.remotes import RemoteAddress, Remotes, without_secrets
from eventtrack.sync.report import Moved, SyncReport
from eventtrack.views.conflicts import Conflict
from eventtrack.views.history.feeds import ForkEnd
from eventtrack.views.records import Record

_KIND = "status"
# A follower exchanges once a second; rounds without changes are noted only this often.
_QUIET_MS = 5_000


class RemoteStatus(Record):
    """The state of one remote. Times are in milliseconds since 1970, by this machine's clock.

    `error` and `hint` describe the current failure, which began at `failing_since_ms` and took
    `failures` tries. `next_ms` is the time of the next try by a process that follows the remote.
    `pulled` and `pushed` are sums over all exchanges. `feeds` is the size of each feed that the
    remote said it has, or was given, by replica in hex.
    """

    url: str
    tried_ms: int
    succeeded_ms: int | None = None
    failing_since_ms: int | None = None
    failures: int = 0
    error: str = ""
    hint: str = ""
    next_ms: int | None = None
    pulled: Moved = msgspec.field(default_factory=Moved)
    pushed: Moved = msgspec.field(default_factory=Moved)
    feeds: dict[str, int] = msgspec.field(default_factory=dict)


def status_of(remotes: Remotes, address: RemoteAddress) -> RemoteStatus | None:
    """The state of a remote; None if it was never tried."""
    try:
        data = remotes.ledger(address, _KIND).read_bytes()
        return msgspec.json.decode(data, type=RemoteStatus)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def all_statuses(remotes: Remotes) -> list[tuple[RemoteAddress, RemoteStatus | None]]:
    """Every remote that has a name, and every other address that was ever tried."""
    named = [(address, status_of(remotes, address)) for address in remotes.list()]
    known = {without_secrets(address.url) for address, _ in named}
    others = []
    for file in remotes.ledgers(_KIND):
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            status = msgspec.json.decode(file.read_bytes(), type=RemoteStatus)
            if status.url not in known:
                others.append((RemoteAddress(name="", url=status.url), status))
    return named + sorted(others, key=lambda pair: pair[1].url)


def note_success(
    remotes: Remotes,
    address: RemoteAddress,
    report: SyncReport,
    feeds: Iterable[FeedHead],
    *,
    next_in_s: float | None = None,
) -> None:
    """Note an exchange that succeeded; `feeds` are the heads of the remote now."""
    now, known = remotes.now_ms(), status_of(remotes, address)
    sizes: dict[str, int] = {}
    for head in feeds:  # a replica has several heads if two copies wrote under its id
        sizes[head.replica.hex()] = max(head.size, sizes.get(head.replica.hex(), 0))
    if (
        known is not None
        and not (report.changed or known.error)
        and known.feeds == sizes
        and (known.next_ms is None) == (next_in_s is None)
        and known.succeeded_ms is not None
        and 0 <= now - known.succeeded_ms < _QUIET_MS
    ):
        return
    before = known or RemoteStatus(url=without_secrets(address.url), tried_ms=now)
    status = RemoteStatus(
        url=before.url,
        tried_ms=now,
        succeeded_ms=now,
        next_ms=None if next_in_s is None else now + int(next_in_s * 1000),
        pulled=before.pulled.plus(report.pulled),
        pushed=before.pushed.plus(report.pushed),
        feeds=sizes,
    )
    _write(remotes, address, status)


def note_failure(
    remotes: Remotes,
    address: RemoteAddress,
    error: EventtrackError,
    *,
    next_in_s: float | None = None,
) -> None:
    """Note an exchange that failed. The sums leave out what it had moved by then."""
    now = remotes.now_ms()
    status = status_of(remotes, address) or RemoteStatus(
        url=without_secrets(address.url), tried_ms=now
    )
    status.tried_ms, status.failures = now, status.failures + 1
    if status.failing_since_ms is None:
        status.failing_since_ms = now
    status.error, status.hint = error.message, error.hint
    status.next_ms = None if next_in_s is None else now + int(next_in_s * 1000)
    _write(remotes, address, status)


def all_conflicts(store: Store) -> list[Conflict]:
    """The conflicts of `Store.conflicts`, and the feeds that two copies of a store wrote to."""
    return store.conflicts() + _forks(store)


def forks_told(store: Store) -> dict[str, str]:
    """The message about each feed that two copies wrote to, by replica in hex."""
    return {
        conflict.subject.removeprefix("feed/"): "; ".join([conflict.kept, *conflict.lost])
        for conflict in _forks(store)
    }


def _forks(store: Store) -> list[Conflict]:
    forks = store.feeds.forks()
    here = {fork.replica for fork in forks}
    return [
        *(
            Conflict(
                subject=f"feed/{fork.replica}",
                fact=f"history.{fork.index}",
                kept=", and ".join(_told_end(store, end) for end in fork.ends),
                lost=[],
            )
            for fork in forks
        ),
        *(
            Conflict(subject=f"feed/{replica}", fact="history", kept="the one here", lost=[what])
            for replica, what in sorted(Remotes(store.replication).forks().items())
            if replica not in here
        ),
    ]


def _told_end(store: Store, end: ForkEnd) -> str:
    """`24 envelopes by ada@gpu1 (3fa91c04, from position 812)`."""
    session = store.sessions.find(end.session)
    who = "an unknown session" if session is None else f"{session.user}@{session.host}"
    what = "1 envelope" if end.envelopes == 1 else f"{end.envelopes} envelopes"
    return f"{what} by {who} ({end.mark[:8]}, from position {end.position})"


def _write(remotes: Remotes, address: RemoteAddress, status: RemoteStatus) -> None:
    with contextlib.suppress(
        OSError, StoreError
    ):  # a full disk, for example, is no reason for an exchange to fail
        remotes.note(remotes.ledger(address, _KIND), status)
