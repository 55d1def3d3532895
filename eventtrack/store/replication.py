"""The store for other machines: feeds of envelopes, and artifacts by their hash."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from eventtrack.events.envelope import Envelope, split_name
from eventtrack.events.reading import DAMAGED
from eventtrack.log import files
from eventtrack.log.protocol import EventLog, Head, PublishedTransaction
from eventtrack.projections import skipped
from eventtrack.projections.tables import Reader
from eventtrack.store.blobs import Blobs, live_blobs
from eventtrack.store.engine import Engine
from eventtrack.store.locations import Locations
from eventtrack.store.redaction import Redaction
from eventtrack.views.search.forks import joined_runs

Result = TypeVar("Result")


class Replication:
    """The part of a store that only sync needs."""

    def __init__(self, engine: Engine, redaction: Redaction) -> None:
        self._engine = engine
        self._redaction = redaction
        self._locations = Locations(engine)
        self.blobs = Blobs(engine)

    @property
    def folder(self) -> Path:
        """The folder with this store's notes about its remotes."""
        return self._engine.path / files.REMOTES

    @property
    def log(self) -> EventLog:
        """The log, for reading feeds; call `heads` first, which flushes."""
        return self._engine.log

    def now_ms(self) -> int:
        """The store's clock."""
        return self._engine.clock.now_ms()

    def heads(self) -> dict[bytes, Head]:
        """Every feed by its id, with everything that this process has logged."""
        self._engine.flush()
        return self._engine.log.heads()

    def set_damage_aside(self) -> None:
        """Turn payloads that this disk lost into payloads that are not here, so that they may come.

        Knows of those that the views have met so far, without folding anything new.
        """
        with self._engine.views.in_use().read() as reader:
            rows = [row for row in skipped.read(reader) if row.kind == DAMAGED]
        branches = self.log.branches() if rows else {}
        for row in rows:
            replica = split_name(row.name)[0]
            feeds = [feed for feed, end in branches.items() if end.replica == replica]
            for feed in (replica, *feeds):
                if self.log.locate(feed, row.index) == row.position:
                    self.log.set_aside(feed, row.index)
                    break

    def begins_whole(self, stream: str) -> bool | None:
        """Whether the first envelope of a stream here has its payload; None for no envelope."""
        with self._engine.read() as reader:
            position = next(iter(reader.timeline(stream)), None)
        envelope = None if position is None else self._engine.log.get(position)
        return None if envelope is None else bool(envelope.payload)

    def moves_of(self, stream: str) -> set[str]:
        """The ids of the experiments that a run was ever moved to; none for other streams."""
        kind, _, name = stream.partition("/")
        if kind != "run":
            return set()
        with self._engine.read() as reader:
            run = reader.run(name)
        return set() if run is None else set(run.moves)

    def related(self, run_ids: Iterable[str], experiment_ids: Iterable[str]) -> set[str]:
        """The ids of runs whose points and files count for some runs: ancestors and merged runs.

        Args:
            run_ids: Runs in question.
            experiment_ids: Experiments whose runs are in question too.
        """
        with self._engine.read() as reader:
            states = [run for run_id in run_ids if (run := reader.run(run_id)) is not None]
            experiments = filter(None, map(reader.experiment, experiment_ids))
            for experiment in experiments:
                states += joined_runs(reader, experiment.number)
            related: set[str] = set()
            for run in states:
                for run_id in set(run.sources()) - related:
                    related.add(run_id)
                    source = reader.run(run_id)
                    states += [] if source is None else [source]
        return related

    def beginning(self, stream: str, limit: int) -> list[Envelope]:
        """The first envelopes of a stream here, at most `limit`."""
        with self._engine.read() as reader:
            positions = list(islice(reader.timeline(stream), limit))
        return self._engine.log.get_many(positions) if positions else []

    @contextmanager
    def views(self) -> Iterator[Reader]:
        """The present views."""
        with self._engine.read() as reader:
            yield reader

    def live_blobs(self) -> set[bytes]:
        """The SHA-256 of every artifact that is named now."""
        with self._engine.read() as reader:
            return set(live_blobs(reader))

    def note(self, name: bytes) -> bytes:
        """A small value that a publisher keeps beside the log; b"" if there is none."""
        return self._engine.log.note(name)

    def receive(self, work: Callable[[PublishedTransaction], Result]) -> Result:
        """Append other replicas' envelopes in one durable commit; see `EventLog.transact`.

        Redactions among them are obeyed before this returns.
        """
        self._locations.adopt()
        result = self._engine.log.transact(work)
        self.obey()
        return result

    def obey(self) -> None:
        """Finish what redactions ordered, if that failed before; see `Redaction.finish`."""
        if self._redaction.unfinished:
            self._redaction.finish()
