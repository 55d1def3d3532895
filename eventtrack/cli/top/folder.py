"""A store in a folder as a source: its answers are those that a server would give."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from eventtrack.cli.top.sources import Change, Curve, Json, unpacked
from eventtrack.errors import EventtrackError
from eventtrack.log.living import NO_MARK
from eventtrack.store import Store
from eventtrack.store.items import CONSOLE
from eventtrack.watch import watch
from eventtrack.web import answers, items, series

# More envelopes than this between two looks are not read to learn which streams they change.
_ENVELOPES_MAX = 1024
# Seconds before a store that could not be read is watched again.
_AGAIN_S = 2.0


class FolderSource:
    """A store that this process opened."""

    local = True

    def __init__(self, store: Store) -> None:
        self.name = str(store.path)
        self._store = store

    def experiments(self) -> list[Json]:
        """All experiments, by latest activity first."""
        entries: list[Json] = answers.experiments(self._store)["experiments"]
        return entries

    def columns(self, experiment_ids: Sequence[str]) -> dict[str, list[str]]:
        """The names of metrics, params and tags of the runs of experiments."""
        return answers.columns(self._store, experiment_ids)

    def table(self, experiment_ids: Sequence[str], names: Sequence[str], **asked: Any) -> Json:
        """Rows of the table of runs."""
        filter_string = asked.pop("filter", "")
        return answers.table(
            self._store, experiment_ids, names, filter_string=filter_string, **asked
        )

    def run(self, run_id: str) -> Json:
        """A run without its points and files."""
        return answers.run(self._store, run_id)

    def series(self, asked: Json) -> list[Curve]:
        """Curves, thinned out."""
        return unpacked(series.answer(self._store, msgspec.json.encode(asked)))

    def lines(self, run_id: str, start: int, limit: int) -> Json:
        """Lines of a run's console."""
        return items.part(self._store, run_id, CONSOLE, "text", start, limit)

    def changes(self, stop: threading.Event) -> Iterator[Change]:
        """The streams that each fold brought something new for."""
        seen, mark = self._store.events.head(), NO_MARK
        while not stop.is_set():
            try:
                for head in watch(self._store, stop=stop):
                    waiting = self._store.waiting()
                    held = set() if waiting is None else waiting.since(mark)
                    mark = mark if waiting is None else waiting.mark
                    yield self._since(seen, held)
                    seen = max(seen, head)
            except EventtrackError as error:
                yield Change(None, error.message)
                stop.wait(_AGAIN_S)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _since(self, position: int, held: set[str]) -> Change:
        envelopes = self._store.events.envelopes(position, _ENVELOPES_MAX)
        if len(envelopes) == _ENVELOPES_MAX:
            return Change(None)
        return Change(frozenset(envelope.header.stream for envelope in envelopes) | held)
