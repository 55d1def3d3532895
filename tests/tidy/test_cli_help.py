"""Every command explains itself, with an example to copy."""

from collections.abc import Iterator

import click

from eventtrack.cli import cli


def commands(command: click.Command, words: str) -> Iterator[tuple[str, click.Command]]:
    """The command and all below it, each with the words that one types for it."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from commands(child, f"{words} {name}")


def unexplained(root: click.Command) -> list[str]:
    """Commands and groups without help or without an example: a line that begins as one types."""
    problems = []
    for words, command in commands(root, "eventtrack"):
        text = "\n".join(filter(None, [command.help, command.epilog]))
        if not command.help:
            problems.append(f"{words}: no help")
        if not any(f"{line.strip()} ".startswith(f"{words} ") for line in text.splitlines()):
            problems.append(f"{words}: no example that begins with `{words}`")
    return problems


def test_every_command_has_help_with_an_example() -> None:
    assert unexplained(cli) == []


def test_a_command_without_help_or_example_is_found() -> None:
    @click.group(epilog="eventtrack runs list")
    def root() -> None:
        """All."""

    @root.group(help="Runs.", name="runs")
    def runs() -> None: ...

    @runs.command(name="bare", epilog="eventtrack runs bare")
    def bare() -> None: ...

    @runs.command(name="list", epilog="See eventtrack runs list, or\n  eventtrack runs listed")
    def vague() -> None:
        """List runs."""

    @runs.command(name="show", epilog="\b\nExamples:\n  eventtrack runs show 12ab")
    def good() -> None:
        """Show a run."""

    assert unexplained(root) == [
        "eventtrack runs: no example that begins with `eventtrack runs`",
        "eventtrack runs bare: no help",
        "eventtrack runs list: no example that begins with `eventtrack runs list`",
    ]
