"""The questions of the text interface, which folders and servers answer alike.

Answers are those of the pages (`docs/web-api.md`), so both kinds of source show the same.
"""

import threading
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from eventtrack.errors import NotFoundError

Json = dict[str, Any]


class Change(NamedTuple):
    """News of the store.

    Attributes:
        streams: The streams that changed; None if they are too many to name.
        problem: Why no news come at present; empty while they do.
    """

    streams: frozenset[str] | None
    problem: str = ""


class Curve(NamedTuple):
    """The points of a metric of a run, thinned out, and how many were logged."""

    run_id: str
    key: str
    points: int
    xs: Sequence[float]
    ys: Sequence[float]


class Source(Protocol):
    """A store that can be asked. Every method may be called from any thread.

    Each raises an `EventtrackError` if it cannot answer.
    """

    # The folder or the URL, as it was named.
    name: str
    # Whether `close` has to wait until no thread asks any more.
    local: bool

    def experiments(self) -> list[Json]:
        """All experiments, by latest activity first."""
        ...

    def columns(self, experiment_ids: Sequence[str]) -> dict[str, list[str]]:
        """The names of metrics, params and tags of the runs of experiments."""
        ...

    def table(self, experiment_ids: Sequence[str], names: Sequence[str], **asked: Any) -> Json:
        """Rows of the table of runs; `asked` are filter, order_by, offset and limit."""
        ...

    def run(self, run_id: str) -> Json:
        """A run without its points and files."""
        ...

    def series(self, asked: Json) -> list[Curve]:
        """Curves, as `POST series` describes the request."""
        ...

    def lines(self, run_id: str, start: int, limit: int) -> Json:
        """Lines of a run's console from `start` on; a negative start counts from the end."""
        ...

    def changes(self, stop: threading.Event) -> Iterator[Change]:
        """News as they come, until `stop` is set."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


def unpacked(answer: bytes) -> list[Curve]:
    """The curves of an answer to `POST series`."""
    size = int.from_bytes(answer[:4], "little")
    header = msgspec.json.decode(answer[4 : 4 + size])
    numbers = array("d")
    start = 4 + size + -(4 + size) % 8
    numbers.frombytes(answer[start : start + (len(answer) - start) // 16 * 16])
    half = len(numbers) // 2
    curves = []
    for described in header["series"]:
        first, stop = described["start"], described["start"] + described["count"]
        curves.append(
            Curve(
                described["run_id"],
                described["key"],
                described["points"],
                numbers[first:stop],
                numbers[half + first : half + stop],
            )
        )
    return curves


def chosen(experiments: Sequence[Json], typed: Sequence[str]) -> list[Json]:
    """The experiments of those names or ids; all that are not deleted if none was typed.

    Raises:
        NotFoundError: No experiment has the name or id.
    """
    if not typed:
        return [each for each in experiments if each["lifecycle_stage"] == "active"]
    return [_experiment(experiments, name) for name in typed]


def _experiment(experiments: Sequence[Json], typed: str) -> Json:
    for field in ("experiment_id", "name"):
        for experiment in experiments:
            if experiment[field] == typed:
                return experiment
    raise NotFoundError(
        f"No experiment has the id or name {typed!r}",
        hint="`eventtrack experiments list` shows all",
    )
