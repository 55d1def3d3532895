"""A search for a text in everything that has a name: by a person who knows only a part of it.

Each kind of thing is swept on its own, so the sweep of many files does not take the time of the
runs. All sweeps share a limit of time: the answer says which of them did not come to their end.
"""

import time

from eventtrack.projections import index
from eventtrack.projections.tables import Reader
from eventtrack.views.context import ReadContext
from eventtrack.views.records import LifecycleStage, Record
from eventtrack.views.search import sweeps
from eventtrack.views.search.sweeps import Hit, Needle, Sweep
from eventtrack.waiting import checked

SECONDS_MAX = 1.5


class Group(Record):
    """The things of a kind that hold the text.

    Args:
        more: Whether there are further hits.
        whole: Whether everything of the kind was looked at; else the time was over, or `more`.
    """

    kind: str
    hits: list[Hit]
    more: bool
    whole: bool


class Finder:
    """A search over names, params, tags, notes, traces and files of a whole store.

    Args:
        files: Whether to look at files. At a moment that costs a fold of each run that changed.
    """

    def __init__(self, context: ReadContext, *, files: bool = True) -> None:
        self._context = context
        self._files = files

    def find(self, text: str, limit: int = 8, seconds: float | None = None) -> list[Group]:
        """The things that hold a text, whatever its case, by kind; kinds without any are left out.

        Args:
            text: A part of a name, a value, a note, a path or an id.
            limit: The most hits of each kind.
            seconds: The most time for all kinds; `SECONDS_MAX` by default. Each kind may take an
                equal part of the time that is left.
        """
        needle = Needle(text)
        if not needle.text:
            return []
        end = time.monotonic() + (SECONDS_MAX if seconds is None else seconds)
        with self._context.read() as reader:
            swept = [
                _Swept(kind, sweep, limit)
                for kind, sweep in _sweeps(reader, needle, files=self._files)
            ]
            # Time that a kind leaves is for those that have not come to their end.
            unfinished = swept
            while unfinished:
                for number, sweep in enumerate(unfinished):
                    now = time.monotonic()
                    sweep.go_on(now + (end - now) / (len(unfinished) - number))
                late = time.monotonic() >= end
                unfinished = [] if late else [sweep for sweep in unfinished if not sweep.ended]
        groups = [sweep.group() for sweep in swept]
        return [group for group in groups if group.hits or not group.whole]


class _Swept:
    """A sweep under way, and its hits so far."""

    def __init__(self, kind: str, sweep: Sweep, limit: int) -> None:
        self._kind = kind
        self._sweep = checked(sweep)
        self._limit = limit
        self._hits: list[Hit] = []
        self._more = self._whole = False

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to look for."""
        return self._more or self._whole

    def go_on(self, until: float) -> None:
        """Look further, up to a moment of the monotonic clock."""
        for hit in self._sweep:
            if hit is not None:
                if len(self._hits) == self._limit:
                    self._more = True
                    return
                self._hits.append(hit)
            if time.monotonic() >= until:
                return
        self._whole = True

    def group(self) -> Group:
        """The hits so far."""
        return Group(kind=self._kind, hits=self._hits, more=self._more, whole=self._whole)


def _sweeps(reader: Reader, needle: Needle, *, files: bool) -> list[tuple[str, Sweep]]:
    active = [
        state
        for state in reader.experiments()
        if state.exists and state.lifecycle[0] == LifecycleStage.ACTIVE
    ]
    return [
        ("experiments", sweeps.experiments(reader, active, needle)),
        ("registered models", sweeps.registered(reader, needle)),
        ("logged models", sweeps.logged(reader, needle)),
        ("datasets", sweeps.datasets(reader, active, needle)),
        ("names", sweeps.names(reader, active, needle)),
        ("ids", sweeps.ids(reader, needle)),
        ("runs", sweeps.runs(reader, active, needle)),
        ("notes", sweeps.notes(reader, active, needle)),
        ("params", sweeps.values(reader, active, needle, index.PARAM)),
        ("tags", sweeps.values(reader, active, needle, index.TAG)),
        ("traces", sweeps.traces(reader, active, needle)),
        *([("files", sweeps.files(reader, needle))] if files else []),
    ]


def moment_finder(context: ReadContext) -> Finder:
    """A finder for a moment, which looks into no files."""
    return Finder(context, files=False)
