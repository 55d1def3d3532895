"""The part of the interface that reads: which runs, columns and curves, and when again."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual.app import App
from textual.widgets import ContentSwitcher, Static

from eventtrack.cli import text
from eventtrack.cli.run_search import full_clauses
from eventtrack.cli.tables import Cell, Styled
from eventtrack.cli.top import columns
from eventtrack.cli.top.bars import Bar, Tabs
from eventtrack.cli.top.console import Console
from eventtrack.cli.top.curves import Curves, Drawn
from eventtrack.cli.top.pages import Lines, comparison, details
from eventtrack.cli.top.reading import Answered, Follower, News, Reader, Refused
from eventtrack.cli.top.runs import Row, RunTable
from eventtrack.cli.top.sources import Json, Source, chosen
from eventtrack.errors import UsageError

# Names of experiments and columns are read again at most this often while runs change.
_NAMES_EVERY_S = 5.0
# Seconds after which the words for times ("3 min ago") are drawn again while nothing runs.
_IDLE_TICKS = 30


class Viewer(App[None]):
    """Shows what its threads read; `Top` adds the widgets and the keys.

    Args:
        source: What it shows; the caller closes it.
        typed: Names or ids of experiments; none for all.
        filter_string: As `runs list --filter`.
        order_by: As `runs list --sort`.
    """

    def __init__(
        self,
        source: Source,
        typed: Sequence[str] = (),
        *,
        filter_string: str = "",
        order_by: Sequence[str] = (),
    ) -> None:
        # The colours of the terminal, whatever they are: right on light and dark, and few bytes.
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.panel = "curves"
        self.filter_string = filter_string
        self.order_by = list(order_by)
        self.typed = list(typed)
        self.experiments: list[Json] = []
        self.source = source
        self.column_needles = ""
        self._chosen: list[Json] = []
        self._candidates: list[columns.Shown] = []
        self._order: list[str] = []  # `order_by` with full names, as the source takes them
        self._settled = False  # whether the columns are in the order of the first rows
        self._names_due = 0.0
        self._ticks = 0
        self._due: set[str] = set()
        self._answered: tuple[str, list[str]] = ("", [])
        self._problems: dict[str, tuple[str, str]] = {}
        self.names_reader = Reader("names", self.post_message)
        self.table_reader = Reader("table", self.post_message)
        self.panel_reader = Reader("panel", self.post_message)
        self.threads = (
            self.names_reader,
            self.table_reader,
            self.panel_reader,
            Follower(source, self.post_message),
        )

    @property
    def table(self) -> RunTable:
        """The table of runs."""
        return self.query_one("#runs", RunTable)

    # A message that comes while the screen is being left finds no widgets any more.

    def on_answered(self, message: Answered) -> None:
        """Show what was read."""
        self.say(message.reader)
        if self.is_running:
            message.show(message.value)

    def on_refused(self, message: Refused) -> None:
        """Say why nothing could be read; a filter or an order that is refused is taken back."""
        if isinstance(message.error, UsageError) and self._asked != self._answered:
            self.filter_string, self.order_by = self._answered
            self.say("typed", message.error.message, message.error.hint)
            self.read_names()
            return
        self.say(message.reader, message.error.message, message.error.hint)

    def on_news(self, message: News) -> None:
        """Read again what changed and is seen."""
        change = message.change
        streams = change.streams
        self.say("news", change.problem, "trying again")
        if change.problem or (streams is not None and not streams):
            return
        if streams is None or any(name.startswith(("run/", "experiment/")) for name in streams):
            now = asyncio.get_running_loop().time()
            if now >= self._names_due and not self.names_reader.rest_s:
                self._names_due = now + _NAMES_EVERY_S
                self.read_names()
            self._soon(self.table_reader, self.read_table)
        if streams is None or streams & {f"run/{run_id}" for run_id in self._seen_runs()}:
            self._soon(self.panel_reader, self.read_panel)

    @property
    def _asked(self) -> tuple[str, list[str]]:
        return self.filter_string, self.order_by

    def read_names(self, *, reset: bool = False) -> None:
        """Read the experiments and the names of columns, then the rows.

        Args:
            reset: Begin at the first row, with the columns that tell most about the first rows.
        """

        def read() -> tuple[list[Json], list[Json], dict[str, list[str]], list[str]]:
            experiments = self.source.experiments()
            wanted = chosen(experiments, self.typed)
            names = self.source.columns([each["experiment_id"] for each in wanted])
            return experiments, wanted, names, full_clauses(names, self.order_by)

        def show(answer: tuple[list[Json], list[Json], dict[str, list[str]], list[str]]) -> None:
            self.experiments, self._chosen, names, self._order = answer
            candidates = columns.candidates(names, self.column_needles)
            if reset or {each.name for each in candidates} != {
                each.name for each in self._candidates
            }:
                self._candidates, self._settled = candidates, False
            if reset:
                self.table.reset(self._fixed())
            self.read_table()

        self.names_reader.ask(read, show)

    def read_table(self) -> None:
        """Read the rows that are seen, once the experiments are known."""
        if not (self.experiments and self.is_running):
            return
        ids = [each["experiment_id"] for each in self._chosen]
        names = [column.name for column in self._candidates]
        offset, limit = self.table.window()
        now = self._asked
        asked = {"filter": self.filter_string, "order_by": self._order, "limit": limit}

        def read() -> tuple[int, Json]:
            answer = self.source.table(ids, names, offset=offset, **asked)
            first = offset
            if not answer["runs"] and answer["total"]:  # fewer runs than before
                first = max(0, answer["total"] - limit)
                answer = self.source.table(ids, names, offset=first, **asked)
            return first, answer

        def show(answer: tuple[int, Json]) -> None:
            self._answered = now
            self._show_table(*answer)

        if ids:
            self.table_reader.ask(read, show)
        else:
            show((0, {"total": 0, "runs": {}, "values": {}}))

    def read_panel(self) -> None:
        """Read what the panel shows of the selected and the marked runs."""
        if not self.is_running:
            return
        row = self.table.selected
        self.query_one("#tabs", Tabs).show(self.panel, row["run_name"] if row else "")
        panel, marks = self.query_one(f"#{self.panel}"), list(self.table.marks)
        if isinstance(panel, Lines) and panel.id == "compare":
            self.panel_reader.ask(
                lambda: [self.source.run(run_id) for run_id in marks],
                lambda runs: panel.put(comparison(runs, panel.size.width)),
            )
        elif row is None:
            return
        elif isinstance(panel, Curves):
            self._read_curves(panel, row, marks)
        elif isinstance(panel, Console):
            self._ask_panel(row, lambda run_id: panel.read(self.source, run_id), panel.put)
        elif isinstance(panel, Lines):
            self._ask_panel(row, lambda run_id: details(self.source.run(run_id)), panel.put)

    def sort(self, order_by: Sequence[str]) -> None:
        """Sort by other clauses."""
        self.order_by = list(order_by)
        self.read_names(reset=True)

    def restart_panels(self) -> None:
        """Forget what the panels show of a run."""
        if not self.is_running:
            return
        for panel in self.query_one("#panels", ContentSwitcher).children:
            if isinstance(panel, Curves | Console | Lines) and panel.id != "compare":
                panel.restart()

    def say(self, who: str, words: str = "", hint: str = "") -> None:
        """Show what is wrong with a part, and what to do; without words it is well again."""
        if not self.is_running:
            return
        self._problems.pop(who, None)
        if words:
            self._problems[who] = (words, hint)
        line = self.query_one("#message", Static)
        line.display = bool(self._problems)
        if self._problems:
            words, hint = list(self._problems.values())[-1]
            shown = (text.harmless(words), "red"), ("  " + text.harmless(hint), "dim")
            line.update(Text.assemble(*shown))

    def tick(self) -> None:
        """Draw durations and ages again, once a second while a run that is seen runs."""
        self._ticks += 1
        if self.table.has_running or self._ticks % _IDLE_TICKS == 0:
            self.table.refresh()

    def _read_curves(self, panel: Curves, row: Row, marks: Sequence[str]) -> None:
        # Marked runs come first, so they keep their colours while the cursor moves.
        runs = {**self.table.marks, row["run_id"]: row["run_name"]}

        def show(drawn: Drawn) -> None:
            panel.put(drawn, runs)

        self._ask_panel(row, lambda run_id: panel.read(self.source, run_id, marks), show)

    def _ask_panel(self, row: Row, read: Callable[[str], Any], show: Callable[[Any], None]) -> None:
        """Ask about a run; an answer that comes when another run is selected is not shown."""
        run_id = row["run_id"]

        def shown(answer: Any) -> None:
            if (self.table.selected or {}).get("run_id") == run_id:
                show(answer)

        self.panel_reader.ask(lambda: read(run_id), shown)

    def _soon(self, reader: Reader, read: Callable[[], None]) -> None:
        """Read once the reader has rested."""
        if reader.name in self._due:
            return
        self._due.add(reader.name)

        def due() -> None:
            self._due.discard(reader.name)
            read()

        self.set_timer(max(reader.rest_s, 0.01), due)

    def _show_table(self, offset: int, part: Json) -> None:
        if not self._settled and part["runs"]:
            self._settled = True
            self._candidates = columns.most_telling(self._candidates, part["values"])
            self.table.shown = [*self._fixed(), *self._candidates]
        self.table.order = self._order[0] if self._order else "attributes.start_time DESC"
        names = {each["experiment_id"]: each["name"] for each in self.experiments}
        self.table.nothing = "  No runs match." if self.filter_string else "  No runs yet."
        # Few runs leave their room to the panel below.
        self.table.styles.max_height = part["total"] + 2
        self.table.put(_rows(part, names), offset, part["total"])
        self._tell_head(part["total"])

    def _fixed(self) -> list[columns.Shown]:
        several = len(self._chosen) > 1
        between = [columns.EXPERIMENT] if several else []
        return [columns.NAME, *between, columns.STATUS, columns.STARTED, columns.DURATION]

    def _seen_runs(self) -> set[str]:
        row = self.table.selected
        return {*self.table.marks, *([row["run_id"]] if row else [])}

    def _tell_head(self, total: int) -> None:
        left: list[Cell] = [Styled(" eventtrack top ", "bold")]
        if len(self._chosen) == 1:
            left.append(Styled(f" {self._chosen[0]['name']}", "cyan"))
        if self.filter_string:
            left += ["  filter ", Styled(self.filter_string, "yellow")]
        left.append(Styled(f"  {self.source.name} ", "dim"))  # a long path is cut first
        self.query_one("#head", Bar).say(left, [f" {text.count(total, 'run')} "])


def _rows(part: Json, names: dict[str, str]) -> list[Row]:
    """The rows of an answer, which comes column by column."""
    fields = part["runs"]
    count = len(fields.get("run_id", ()))
    return [
        {
            **{field: values[index] for field, values in fields.items()},
            "experiment": names.get(fields["experiment_id"][index], "?"),
            "values": {name: values[index] for name, values in part["values"].items()},
        }
        for index in range(count)
    ]
