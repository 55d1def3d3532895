"""Facts from any number of replicas, folded in any order into views of their own."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import TypeVar

from eventtrack.events.envelope import Draft, Envelope, seal
from eventtrack.events.types import Event
from eventtrack.log.memory import MemoryLog
from eventtrack.projections import index
from eventtrack.projections.build import Build
from eventtrack.projections.digest import digest
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader

RUN_ID = "a" * 32
RUN = f"run/{RUN_ID}"
SESSION = b"s" * 16
Answer = TypeVar("Answer")


def fact(replica: int, time_ms: int, stream: str, *events: Event) -> bytes:
    """What a replica recorded at a time, as an envelope's bytes."""
    data, _ = seal(
        Draft.of(stream, *events),
        replica=bytes((replica,)) * 16,
        index=time_ms,
        recorded=time_ms << 16,
        session=SESSION,
        salt=bytes(16),
    )
    return data


def fold_into(build: Build, facts: Sequence[bytes], batch: int = 1) -> None:
    """Fold more facts, so many in each transaction."""
    done = build.checkpoint().position
    for start in range(0, len(facts), batch):
        with build.begin() as fold:
            fold.apply(
                MemoryLog(),
                [
                    Envelope(data, done + start + place + 1)
                    for place, data in enumerate(facts[start : start + batch])
                ],
            )


def run_of(reader: Reader) -> RunState:
    """The run of the facts."""
    run = reader.run(RUN_ID)
    assert run is not None
    return run


def history(reader: Reader, key: str) -> list[tuple[int, int, float]]:
    """Time, step and value of each point of a metric, in order."""
    points = reader.history(run_of(reader).metrics[key])
    return list(zip(points.timestamps, points.steps, points.values, strict=True))


@contextmanager
def folded(facts: Sequence[bytes], batch: int = 1) -> Iterator[Reader]:
    """The views of some facts, folded in this order."""
    with tempfile.TemporaryDirectory() as folder:
        build = Build(Path(folder))
        try:
            fold_into(build, facts, batch)
            with build.read() as reader:
                yield reader
        finally:
            build.close()


def in_every_order(facts: Sequence[bytes], ask: Callable[[Reader], Answer]) -> Answer:
    """The answer of the views, and proof that no order of arrival gives another."""
    answers: list[tuple[Answer, str]] = []
    for order in permutations(facts):
        for batch in (1, len(facts)):
            with folded(order, batch) as reader:
                answers.append((ask(reader), digest(reader)))
    first = answers[0]
    for answer in answers:
        assert answer == first
    return first[0]


def index_of(reader: Reader) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """The search index, without local numbers: {experiment: {field: [(value, run)]}}."""
    # First: a past gives numbers meanwhile.
    rows = [row for table in index.TABLES for row in reader.rows.scan(table)]
    streams = {
        int.from_bytes(number, "big"): bytes(stream).decode()
        for stream, number in reader.rows.scan("streams")
    }
    fields = {
        int.from_bytes(number, "big"): bytes(name).decode()
        for name, number in reader.rows.scan("fields")
    }
    found: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for key, _ in rows:
        experiment = streams[int.from_bytes(key[:4], "big")]
        name = fields[int.from_bytes(key[4:8], "big")]
        entry = index.value_of(key).hex(), streams[index.run_of(key)]
        found.setdefault(experiment, {}).setdefault(name, []).append(entry)
    return {
        experiment: {name: sorted(entries) for name, entries in by_field.items()}
        for experiment, by_field in found.items()
    }


def traces_by_time(reader: Reader) -> list[tuple[str, str, str]]:
    """The order of traces, without local numbers: (experiment, time, trace)."""
    rows = list(reader.rows.scan("traces_by_time"))
    streams = {
        int.from_bytes(number, "big"): bytes(stream).decode()
        for stream, number in reader.rows.scan("streams")
    }
    return sorted(
        (streams[int.from_bytes(key[:4], "big")], key[4:12].hex(), streams[index.run_of(key)])
        for key, _ in rows
    )
