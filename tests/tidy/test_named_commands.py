"""Each command that a document names exists, with the options it is shown with."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from eventtrack.cli import cli
from tests.tidy.tree import ROOT

# Taken by every command.
EVERYWHERE = {"--help", "-h", "--json", "--store"}
BLOCK, CODE = re.compile(r"```sh\n(.*?)```", re.DOTALL), re.compile(r"`([^`]+)`")
OPTION = re.compile(r"--?[a-z][\w-]*")
WORD = re.compile(r"[a-z][\w-]*")


def shown(text: str) -> Iterator[str]:
    """The lines of shell and the code within sentences that begin with `eventtrack`."""
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    codes = CODE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in (*lines, *(" ".join(code.split()) for code in codes)):
        if line.startswith("eventtrack "):
            yield line.partition(" #")[0].partition(" -- ")[0]


def problem(line: str) -> str | None:
    """What is wrong with a command as it is shown; None if nothing is."""
    command: click.Command = cli
    known = {*EVERYWHERE, *_options(cli)}
    after_option = False
    for word in line.split()[1:]:
        if option := OPTION.match(word):
            if option[0] not in known:
                return f"{line}: no option {option[0]}"
            after_option = "=" not in word
        elif isinstance(command, click.Group) and not after_option and WORD.fullmatch(word):
            found = command.get_command(click.Context(cli), word)
            if found is None:
                return f"{line}: no command {word}"
            command = found
            known |= _options(command)
        else:
            after_option = False
    return None


def _options(command: click.Command) -> set[str]:
    return {name for option in command.params for name in (*option.opts, *option.secondary_opts)}


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "eventtrack/docs").glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_named_command_exists(document: Path) -> None:
    lines = set(shown(document.read_text("utf-8")))
    # The specification of the format names types of events.
    problems = [] if document.name == "format.md" else list(map(problem, sorted(lines)))
    assert [found for found in problems if found] == []


def test_a_command_or_option_that_is_not_there_is_found() -> None:
    text = "`eventtrack runs lost` and `eventtrack runs list --colour`\n```sh\neventtrack runz\n```"
    assert [problem(line) for line in shown(text)] == [
        "eventtrack runz: no command runz",
        "eventtrack runs lost: no command lost",
        "eventtrack runs list --colour: no option --colour",
    ]
