"""Live views made for tests, and what they show."""

import multiprocessing
import random
from itertools import count
from pathlib import Path

from eventtrack.events.envelope import Draft
from eventtrack.events.types import MetricLogged, TagsSet
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.protocol import EventLog
from eventtrack.projections.digest import digest
from eventtrack.projections.runner import Views
from eventtrack.projections.shape import fingerprint
from tests.contracts.event_log import SESSION

SPAWN = multiprocessing.get_context("spawn")
RUN = f"run/{'a' * 32}"


def open_views(folder: Path, log: EventLog) -> Views:
    names = count()
    unique = f"{random.randrange(16**4):04x}"
    return Views(folder, log, lambda: f"{unique}{next(names):04}")


def record(log: EventLog, *values: int) -> None:
    """One envelope for each value: a tag that says it, and a point of it."""
    for value in values:
        events = TagsSet({"value": str(value)}), MetricLogged("loss", float(value), value, value)
        log.transact(lambda txn, events=events: txn.append(Draft.of(RUN, *events), SESSION))  # type: ignore[misc]


def value(views: Views) -> str | None:
    """What the views say was recorded last."""
    with views.read() as reader:
        run = reader.run(RUN.partition("/")[2])
        return None if run is None else run.live_tags()["value"]


def digest_of(views: Views) -> str:
    with views.read() as reader:
        return digest(reader)


def builds(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"{fingerprint()}-*"))


def in_process(folder: Path, what: str) -> None:
    """Let another process record or rebuild."""
    child = SPAWN.Process(target=_in_process, args=(folder, what))
    child.start()
    child.join()
    assert child.exitcode == 0


def _in_process(folder: Path, what: str) -> None:
    log = LmdbLog(folder / "log")
    views = open_views(folder / "views", log)
    if what == "rebuild":
        views.rebuild()
    elif what == "append":
        record(log, 100)
    elif what == "rebuild, then append":
        views.rebuild()
        record(log, 100)
    views.close()
    log.close()
