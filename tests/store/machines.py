"""What tests of the store do to whole stores: watch what is written, exchange events."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.views.records import Dataset, DatasetInput, InputTag

Error = TypeVar("Error", bound=EventtrackError)


@contextmanager
def refused(store: Store, error: type[Error], words: str = "") -> Iterator[None]:
    """The block raises just this error, with a hint, and writes nothing."""
    head = store.events.head()
    with pytest.raises(EventtrackError) as caught:
        yield
    assert type(caught.value) is error, caught.value
    assert words in caught.value.message
    assert caught.value.hint
    assert store.events.head() == head


def send(source: Store, target: Store) -> None:
    """Copy to `target` every envelope of `source` that it lacks."""
    envelopes = []
    after = 0
    source.flush()
    log = source._engine.log
    while page := log.read(after, 1000):
        envelopes += page
        after = page[-1].position

    def take(transaction: object) -> None:
        for envelope in envelopes:
            if envelope.header.replica != target._engine.log.replica:
                transaction.append_foreign(envelope.data)  # type: ignore[attr-defined]

    target._engine.log.transact(take)


def exchange(one: Store, two: Store) -> None:
    """Both stores then hold the events of both."""
    send(one, two)
    send(two, one)


def types_of(store: Store, run_id: str) -> list[str]:
    """The types of a run's events, in the order of the log."""
    return [event.type for event in store.history.timeline(run_id)]


def dataset(name: str, digest: str = "d", context: str | None = None) -> DatasetInput:
    """A run's use of a dataset."""
    tags = [InputTag(key="mlflow.data.context", value=context)] if context is not None else []
    used = Dataset(name=name, digest=digest, source_type="local", source="{}")
    return DatasetInput(dataset=used, tags=tags)
