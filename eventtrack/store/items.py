"""Text, histograms and media of a store's runs: logged through the journal, read in part."""

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import msgspec

from eventtrack import limits, validate
from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.events.envelope import Draft
from eventtrack.events.items import CallsReceived, MediaLogged, Medium
from eventtrack.events.types import Event
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.frames import slot_seed
from eventtrack.log.journal import Journal, JournalDisowned
from eventtrack.projections.items import is_marked
from eventtrack.projections.tables import Reader
from eventtrack.store.blobs import Blobs
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run
from eventtrack.store.histograms import HistogramBodies
from eventtrack.store.receiving import SentItems, received, text_line
from eventtrack.store.sinks import Sink, Sinks
from eventtrack.views.queries.items import ItemQueries

_encode = msgspec.msgpack.Encoder().encode
_now_ns = time.time_ns
# The series of the lines that a program prints, with `stdout` or `stderr` as their source.
CONSOLE = "console"
# The number of logged bytes between two looks at the backlog.
_RELIEVE_EVERY = 4 * 2**20

# No text of so many characters is too long in bytes.
_SHORT = limits.TEXT_ITEM_BYTES_MAX // 4

Numbers = int | Sequence[int] | None


class ItemSink(Sink):
    """The fast way to log text and histograms of one run. Thread-safe.

    When a method returns, the items survive `kill -9`; a moment later they are in the log.
    """

    __slots__ = (
        "_bodies",
        "_countdown",
        "_keys",
        "_seed_histogram",
        "_seed_text",
        "_slot_histogram",
        "_slot_text",
    )

    def __init__(self, context: StoreContext, run_id: str) -> None:
        self._keys: set[str] = set()  # names that passed validation
        self._countdown = _RELIEVE_EVERY
        self._bodies = HistogramBodies()
        super().__init__(context, run_id)

    def text(
        self,
        key: str,
        line: str,
        step: int | None = None,
        timestamp: int | None = None,
        source: str = "",
    ) -> None:
        """Log one line of text. `step` defaults to 0, `timestamp` (ms since 1970) to now.

        Raises:
            InvalidValueError: Name, line, step or time is not allowed; nothing was written.
        """
        key = self._checked(key)
        if type(line) is not str or len(line) > _SHORT:
            line = text_line(line)
        step = 0 if step is None else validate.int64("step", step)
        at_ms = _now_ns() // 1_000_000 if timestamp is None else validate.timestamp_ms(timestamp)
        self._write(_body(key, (line,), step, at_ms, source))

    def texts(
        self,
        key: str,
        lines: Sequence[str],
        steps: Numbers = None,
        timestamps: Numbers = None,
        source: str = "",
    ) -> None:
        """Log many lines of text at once, which is many times cheaper than one by one.

        Args:
            key: The name of the series.
            lines: Texts of at most `TEXT_ITEM_BYTES_MAX` bytes.
            steps: One for all lines (default 0), or one for each.
            timestamps: One for all lines (default now), or one for each; ms since 1970.
            source: `stdout` or `stderr` for lines of a console.

        Raises:
            InvalidValueError: Name, line, step or time is not allowed; nothing was written.
        """
        key = self._checked(key)
        lines = [
            line if type(line) is str and len(line) <= _SHORT else text_line(line) for line in lines
        ]
        steps = _numbers("steps", steps, len(lines), 0)
        times = _numbers("timestamps", timestamps, len(lines), _now_ns() // 1_000_000)
        for part in _parts(lines):
            self._write(_body(key, lines[part], _of(steps, part), _of(times, part), source))

    def histogram(
        self,
        key: str,
        edges: Sequence[float],
        counts: Sequence[float],
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one histogram. `step` defaults to 0, `timestamp` (ms since 1970) to now.

        Args:
            key: The name of the series.
            edges: Ascending and finite, one more than counts: the count `i` is of values in
                `[edges[i], edges[i + 1])`.
            counts: Finite, at least one.
            step: Any integer of 64 bits.
            timestamp: Milliseconds since 1970.

        Raises:
            InvalidValueError: Name, histogram, step or time is not allowed; nothing was written.
        """
        key = self._checked(key)
        step = 0 if step is None else validate.int64("step", step)
        at_ms = _now_ns() // 1_000_000 if timestamp is None else validate.timestamp_ms(timestamp)
        self._write(self._bodies.body(key, edges, counts, step, at_ms), is_text=False)

    def _checked(self, key: str) -> str:
        if type(key) is not str or key not in self._keys:
            key = validate.metric_key(key)
            self._keys.add(key)
        return key

    def _write(self, body: bytes, *, is_text: bool = True) -> None:
        self._countdown -= len(body)
        if self._countdown <= 0:
            self._countdown = _RELIEVE_EVERY
            self._context.engine.relieve()
        try:
            self._append(*self._frame(body, is_text=is_text))
        except JournalDisowned:
            self._attach_anew()
            self._append(*self._frame(body, is_text=is_text))

    def _frame(self, body: bytes, *, is_text: bool) -> tuple[int, bytes, int]:
        if is_text:
            return self._slot_text, body, self._seed_text
        return self._slot_histogram, body, self._seed_histogram

    def _define(self, journal: Journal) -> None:
        stream = f"run/{self._run_id}"
        self._slot_text = journal.define(stream, "run.text_logged", 1)
        self._slot_histogram = journal.define(stream, "run.histograms_logged", 2)
        self._seed_text = slot_seed(self._slot_text)
        self._seed_histogram = slot_seed(self._slot_histogram)

    def _slots(self) -> tuple[int, ...]:
        return self._slot_text, self._slot_histogram


class Items(ItemQueries):
    """Series of a store's runs that are no metrics."""

    _context: StoreContext
    # A server of MLflow's takes none; see `outbox.items`.
    are_taken = True

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._blobs = Blobs(context.engine)
        self._sinks = Sinks(context, ItemSink)

    def sink(self, run_id: str) -> ItemSink:
        """The sink of an active run, shared by all callers.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted.
        """
        return self._sinks.of(run_id)

    def log_medium(
        self,
        run_id: str,
        key: str,
        source: Path | bytes,
        media_type: str,
        *,
        name: str | None = None,
        caption: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one medium, durably; bytes that the store has already are not stored again.

        Args:
            run_id: The run, which must be active.
            key: The name of the series, by the rules for metrics.
            source: The bytes, or the file that has them.
            media_type: For example `image/png`.
            name: A file's name, for types without a registered name.
            caption: A text for people.
            step: Any integer of 64 bits; None means 0.
            timestamp: Milliseconds since 1970; None means now.

        Raises:
            NotFoundError: There is no such run, or no such file.
            InvalidValueError: The run is deleted, or an argument is not allowed.
            DiskFullError: Nothing was logged.
        """
        key = validate.metric_key(key)
        media_type = validate.media_type(media_type)
        texts = [None if text is None else text_line(text) for text in (name, caption)]
        step = 0 if step is None else validate.int64("step", step)
        at_ms = _now_ns() // 1_000_000 if timestamp is None else validate.timestamp_ms(timestamp)
        if isinstance(source, Path) and not source.is_file():
            raise NotFoundError(
                f"cannot log {source}: there is no such file", hint="check the path"
            )
        try:
            digest, size = self._blobs.keep(source)
        except OSError as error:
            raise translate_os_error(error, f"store a medium of run {run_id}") from error
        logged = MediaLogged(key, [Medium(media_type, size, digest, *texts)], step, at_ms)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            active_run(self._context, reader, run_id)
            if not self._blobs.holds(digest):
                raise InvalidStateError(
                    "the bytes were erased while they were logged: what else had them was redacted",
                    hint="log them again",
                )
            return None, [Draft.of(f"run/{run_id}", logged)]

        self._context.engine.execute(decide)

    def receive(self, run_id: str, calls: Sequence[SentItems]) -> list[bytes]:
        """Log items that another store sent, durably: all of them, or none.

        Calls whose mark the run has were received before and add nothing.

        Returns:
            The SHA-256 of media whose bytes are not here. Unless it is empty nothing was logged:
            bring them, and call again.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted, or a call is not allowed.
        """
        events = received(calls)

        def decide(reader: Reader) -> tuple[list[bytes], list[Draft]]:
            number = active_run(self._context, reader, run_id).number
            marks: set[bytes] = set()
            new: list[Event] = []
            for mark, event in events:
                if mark and (mark in marks or is_marked(reader.rows, number, mark)):
                    continue
                new.append(event)
                marks |= {mark} - {b""}
            media = (event.files for event in new if isinstance(event, MediaLogged))
            digests = sorted({file.sha256 for files in media for file in files})
            missing = [digest for digest in digests if not self._blobs.holds(digest)]
            if missing or not new:
                return missing, []
            if marks:
                new.append(CallsReceived(sorted(marks)))
            return [], [Draft.of(f"run/{run_id}", *new)]

        return self._context.engine.execute(decide)


def _body(key: str, lines: Sequence[str], *rest: object) -> bytes:
    """The body of an event of text."""
    try:
        return _encode((key, lines, *rest))
    except UnicodeEncodeError:
        for line in lines:
            validate.text("line", line)
        raise


def _numbers(what: str, given: Numbers, count: int, default: int) -> int | list[int]:
    """Steps or timestamps as an event has them: one for all, or one for each item."""
    check = validate.int64 if what == "steps" else lambda _, value: validate.timestamp_ms(value)
    if given is None:
        return default
    if not isinstance(given, Sequence):
        return check(what, given)
    numbers = [check(what, number) for number in given]
    if len(numbers) != count:
        raise InvalidValueError(
            f"{len(numbers)} {what} for {count} items", hint="pass one for each, or one for all"
        )
    return numbers


def _of(numbers: int | list[int], part: slice) -> int | list[int]:
    return numbers if isinstance(numbers, int) else numbers[part]


def _parts(lines: list[str]) -> Iterator[slice]:
    """The lines of each event: few enough bytes for one frame, and few enough lines."""
    sizes = list(accumulate(map(len, lines)))
    start = 0
    while start < len(lines):
        base = sizes[start - 1] if start else 0
        stop = bisect_right(sizes, base + limits.ITEMS_EVENT_BYTES_MAX)
        stop = min(max(stop, start + 1), start + limits.ENVELOPE_EVENTS_MAX)
        yield slice(start, stop)
        start = stop
