"""A store with all that pages warn of: envelopes without an effect, and a clock that is wrong."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.events.types import TagsSet
from eventtrack.store import Store
from tests.attack.damaged import damage_payload
from tests.attack.planted import Mallory

STRANGER = b"ahead of others!"
# An hour more than a year, so that it is a year for as long as a test looks at it.
AHEAD_MS = (365 * 24 + 1) * 3_600_000


@dataclass
class Troubled:
    """A closed store, its run, and the positions of what is the matter with it."""

    store: Path
    run_id: str
    malformed: int
    unknown: int
    damaged: int
    ahead: int
    after: int


def troubled(path: Path) -> Troubled:
    """A run with a malformed and a damaged envelope, a tag of next year, a decision after it."""
    store = Store(path)
    run_id = store.runs.create("0", run_name="troubled").info.run_id
    stream = f"run/{run_id}"
    # A list where a map is promised.
    hold(store, stream, "run.tags_set", [["not", "a map"]])
    malformed = store.events.head()
    hold(store, stream, "run.teleported", ["home"])
    unknown = store.events.head()
    store.runs.set_tags(run_id, {"lost": "by the disk"})
    damaged = store.events.head()
    Mallory(STRANGER).tell(store, stream, TagsSet({"team": "theirs"}), ahead_ms=AHEAD_MS)
    ahead = store.events.head()
    store.runs.set_tags(run_id, {"team": "ours"})
    after = store.events.head()
    store.close()
    damage_payload(path, damaged)
    store = Store(path)
    store.maintenance.rebuild()
    store.close()
    return Troubled(path, run_id, malformed, unknown, damaged, ahead, after)


def hold(store: Store, stream: str, kind: str, fields: list[object]) -> None:
    """Put an event into a log as it is: another eventtrack wrote it, say."""
    body = encode_groups([(kind, 1, [msgspec.msgpack.encode(fields)])])
    store.replication.log.transact(lambda txn: txn.append(Draft(stream, body, 1), bytes(16)))
