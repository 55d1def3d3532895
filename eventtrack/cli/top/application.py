"""The text interface: a table of runs above, what is known of the selected run below."""

import asyncio
import contextlib
import signal
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Footer, Input, Static

from eventtrack.cli.top import columns
from eventtrack.cli.top.bars import PANELS, Bar, Tabs
from eventtrack.cli.top.columns import clause_of
from eventtrack.cli.top.console import Console
from eventtrack.cli.top.curves import Curves
from eventtrack.cli.top.pages import Lines
from eventtrack.cli.top.runs import RunTable
from eventtrack.cli.top.screens import ExperimentChoice, Keys
from eventtrack.cli.top.styles import STYLES
from eventtrack.cli.top.viewer import Viewer
from eventtrack.views.filters.plain import filter_of

# With more curves in a plot none can be told from the others.
MARKS_MAX = 5
# From this width on, the panels stand beside the table.
_WIDE = 150
# Letters that follow each other this soon are looked for once.
_TYPING_S = 0.2
# Threads that read a folder get so long to finish.
_LEAVE_S = 10.0
_PROMPTS = {
    "filter": "filter",
    "sort": "sort by",
    "needle": "metrics with",
    "columns": "columns with",
}


class Top(Viewer):
    """The whole interface; its arguments are those of `Viewer`."""

    ENABLE_COMMAND_PALETTE = False
    CSS = STYLES
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]  # noqa: RUF012 - as textual has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask('filter')", "Filter", key_display="/"),
        Binding("s", "ask('sort')", "Sort"),
        Binding("e", "choose_experiment", "Experiment"),
        Binding("space", "mark", "Mark"),
        Binding("f", "whole_screen", "Full"),
        Binding("question_mark", "keys", "Keys", key_display="?"),
        Binding("q,ctrl+c", "quit", "Quit", key_display="q"),
        *(Binding(str(i), f"show('{name}')", show=False) for i, name in enumerate(PANELS, 1)),
        Binding("u", "unmark", show=False),
        Binding("r", "reverse", show=False),
        Binding("less_than_sign", "sort_column(-1)", show=False),
        Binding("greater_than_sign", "sort_column(1)", show=False),
        Binding("x", "axis", show=False),
        Binding("y", "logarithm", show=False),
        Binding("m", "ask('needle')", show=False),
        Binding("c", "ask('columns')", show=False),
        Binding("enter", "into_panel", show=False),
        Binding("escape", "leave", show=False),
        Binding("ctrl+z", "suspend_process", show=False),
    ]
    _prompt = ""
    _filter_before = ""  # while one is typed
    _typing: Timer | None = None

    def compose(self) -> ComposeResult:
        """Bars, the table, the panels, and a line to type in."""
        yield Bar(id="head")
        with Container(id="body"):
            yield RunTable(id="runs")
            with Container(id="below"):
                yield Tabs(id="tabs")
                with ContentSwitcher(initial="curves", id="panels"):
                    yield Curves(system=False, id="curves")
                    yield Curves(system=True, id="load")
                    yield Console(id="console")
                    yield Lines(id="details")
                    yield Lines(id="compare")
        yield Input(id="prompt")
        yield Static(id="message", markup=False)
        yield Footer(show_command_palette=False, compact=False)

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#prompt").display = False
        self.query_one("#message").display = False
        self.table.focus()
        for end in (signal.SIGTERM, signal.SIGHUP):
            # Leaves the terminal as it was; only the main thread of a program may ask for it.
            with contextlib.suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(end, self.exit)
        for thread in self.threads:
            thread.start()
        self.set_interval(1.0, self.tick)
        # After Ctrl-Z and `fg` the screen is blank.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.read_names(reset=True)

    def on_unmount(self) -> None:
        """End the threads; those of a folder before its store can be closed."""
        for thread in self.threads:
            thread.stop()
        for thread in self.threads:
            if self.source.local and thread.is_alive():
                thread.join(_LEAVE_S)

    def on_run_table_moved(self) -> None:
        """Show the run under the cursor."""
        self.restart_panels()
        self.read_panel()

    def on_run_table_wanted(self) -> None:
        """Read rows that came into sight."""
        self.read_table()

    def on_run_table_marked(self) -> None:
        """Mark the run that was clicked."""
        self.action_mark()

    def on_run_table_sort_wanted(self, message: RunTable.SortWanted) -> None:
        """Sort by the title that was clicked, or the other way round."""
        same = self.table.order == clause_of(message.column, descending=True)
        self.sort([clause_of(message.column, descending=not same)])

    def on_curves_wanted(self) -> None:
        """Read curves that came into sight."""
        self.read_panel()

    def on_console_wanted(self) -> None:
        """Read lines that came into sight."""
        self.read_panel()

    def on_tabs_chosen(self, message: Tabs.Chosen) -> None:
        """Show the panel that was clicked."""
        self.action_show(message.panel)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Look for words while they are typed; a filter in MLflow's language waits for Enter."""
        typed = event.value.strip()
        if self._typing is not None:
            self._typing.stop()
        if self._prompt == "filter" and (not typed or filter_of(typed) != typed):
            self._typing = self.set_timer(_TYPING_S, lambda: self._filter(typed))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Filter, sort or choose metrics by what was typed."""
        typed, prompt = event.value.strip(), self._prompt
        self._leave_prompt()
        if prompt == "filter":
            self._filter(typed)
        elif prompt == "columns":
            self.column_needles = typed
            self.read_names(reset=True)
        elif prompt == "sort":
            self.sort([part.strip() for part in typed.split(",") if part.strip()])
        else:
            for curves in self.query(Curves):
                curves.needle = typed
                curves.restart()
            self.read_panel()

    def action_ask(self, prompt: str) -> None:
        """Open the line to type in."""
        self._prompt, self._filter_before = prompt, self.filter_string
        self.say("typed")
        line = self.query_one("#prompt", Input)
        line.border_title = _PROMPTS[prompt]
        line.value = {
            "filter": self.filter_string,
            "sort": ", ".join(self.order_by),
            "columns": self.column_needles,
            "needle": self.query_one("#curves", Curves).needle,
        }[prompt]
        line.display = True
        line.focus()

    def action_leave(self) -> None:
        """Leave the line to type in, the whole screen, or the panel."""
        if self._prompt:
            self._leave_prompt()
            self._filter(self._filter_before)
        elif self.screen.has_class("-whole"):
            self.action_whole_screen()
        for who in ("marks", "typed"):
            self.say(who)
        self.table.focus()

    def action_show(self, panel: str) -> None:
        """Show a panel."""
        inside = self.focused is not None and self.focused.id == self.panel
        self.panel = panel
        self.query_one("#panels", ContentSwitcher).current = panel
        if inside:
            self.action_into_panel()
        # Sizes are known, and curves can be asked for, once the panel is laid out.
        self.call_after_refresh(self.read_panel)

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take its mark away."""
        row, marks = self.table.selected, self.table.marks
        if row is None:
            return
        if row["run_id"] in marks:
            del marks[row["run_id"]]
        elif len(marks) < MARKS_MAX:
            marks[row["run_id"]] = row["run_name"]
        else:
            self.say("marks", f"At most {MARKS_MAX} runs can be marked.", "u unmarks all")
            return
        self.table.refresh()
        self.read_panel()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.say("marks")
        self.table.marks.clear()
        self.table.refresh()
        self.read_panel()

    def action_reverse(self) -> None:
        """Sort the other way round."""
        field, _, direction = self.table.order.rpartition(" ")
        if direction in ("ASC", "DESC"):
            self.sort([f"{field} {'ASC' if direction == 'DESC' else 'DESC'}"])
        else:
            self.sort([f"{self.table.order} DESC"])

    def action_sort_column(self, by: int) -> None:
        """Sort by the next column, or by the one before."""
        sortable = [column for column in self.table.shown if column.clause]
        fields = [column.clause for column in sortable]
        field = self.table.order.rpartition(" ")[0]
        place = fields.index(field) if field in fields else fields.index(columns.STARTED.clause)
        self.sort([clause_of(sortable[(place + by) % len(sortable)], descending=True)])

    def action_axis(self) -> None:
        """Draw curves over steps, or over the time since each run began."""
        for curves in self.query(Curves):
            curves.by = "step" if curves.by == "relative" else "relative"
        self.read_panel()

    def action_logarithm(self) -> None:
        """Draw curves on a logarithmic axis, or on a linear one."""
        for curves in self.query(Curves):
            curves.logarithmic = not curves.logarithmic
        self.read_panel()

    def action_into_panel(self) -> None:
        """Give the keys to the panel."""
        self.query_one(f"#{self.panel}").focus()

    def action_whole_screen(self) -> None:
        """Give the whole screen to the panel, or the table its place again."""
        whole = not self.screen.has_class("-whole")
        self.screen.set_class(whole, "-whole")
        (self.query_one(f"#{self.panel}") if whole else self.table).focus()

    def action_keys(self) -> None:
        """Show all keys."""
        self.push_screen(Keys())

    def action_choose_experiment(self) -> None:
        """Let one experiment be chosen, or all."""

        def show(choice: str | None) -> None:
            if choice is not None:
                self.typed = [choice] if choice else []
                self.read_names(reset=True)

        self.push_screen(ExperimentChoice(self.experiments), show)

    def _filter(self, typed: str) -> None:
        if typed != self.filter_string:
            self.filter_string = typed
            self.read_names(reset=True)

    def _leave_prompt(self) -> None:
        if self._typing is not None:
            self._typing.stop()
        self._prompt = ""
        self.query_one("#prompt").display = False
        self.table.focus()
