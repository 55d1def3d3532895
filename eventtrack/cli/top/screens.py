"""The two small windows over the interface: the choice of an experiment, and the keys."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from eventtrack.cli import text
from eventtrack.cli.top.drawing import fitted
from eventtrack.cli.top.sources import Json

# A list of more experiments is no help; the command takes any by name.
_SHOWN_MAX = 1000

KEYS = """\
Table     ↑ ↓ PgUp PgDn Home End     ← →   further columns
          space   mark a run         u     unmark all
          /       words of a name, as you type; or metrics.loss < 0.1, Enter
          s       sort: loss DESC
          < >     sort by the column before or behind      r  reverse
          c       only columns with one of some words in their names
          e       choose an experiment

Panels    1 Curves   2 Load   3 Console   4 Details   5 Compare
          Enter   into the panel     Esc   back
          f       whole screen

Curves    x       steps, or the time since the start
          y       logarithmic, or linear
          m       only metrics with a text in their names

Mouse     a title sorts, a row chooses, its left edge marks
          q       quit
"""


class Keys(ModalScreen[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,enter,q,question_mark", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        """A text in a frame."""
        window = Static(KEYS, markup=False, classes="window")
        window.border_title = "Keys"
        yield window


class ExperimentChoice(ModalScreen[str | None]):
    """A list of experiments; answers with an id, "" for all, or None for no change."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q", "leave", "Back")]

    def __init__(self, experiments: Sequence[Json]) -> None:
        super().__init__()
        self._experiments = [each for each in experiments if each["lifecycle_stage"] == "active"][
            :_SHOWN_MAX
        ]

    def compose(self) -> ComposeResult:
        """All experiments, then each."""
        choices = [Option(Text("all experiments"), id="all")]
        choices += [
            Option(Text(_described(each)), id=f"e{each['experiment_id']}")
            for each in self._experiments
        ]
        window = OptionList(*choices, classes="window", markup=False)
        window.border_title = "Experiment"
        yield window

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer with the choice."""
        chosen = event.option.id or ""
        self.dismiss("" if chosen == "all" else chosen[1:])

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)


def _described(experiment: Json) -> str:
    runs = text.count(experiment["runs"], "run")
    if experiment["running"]:
        runs += f", {experiment['running']:,} running"
    return f"{fitted(str(experiment['name']), 36)} {runs}"
