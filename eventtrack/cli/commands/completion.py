"""`eventtrack completion`: the shell's set-up for completing commands, options and ids."""

import click
from click.shell_completion import get_completion_class

from eventtrack.cli.base import Invocation, command, pass_invocation

_VARIABLE = "_EVENTTRACK_COMPLETE"


@command(
    "completion",
    "eventtrack completion bash >> ~/.bashrc",
    "eventtrack completion zsh >> ~/.zshrc",
    "eventtrack completion fish > ~/.config/fish/completions/eventtrack.fish",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@pass_invocation
def completion(call: Invocation, shell: str) -> None:
    """Print a script that makes SHELL complete commands, options, run ids and experiment names.

    JSON: an object with shell and script.
    """
    completer = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if completer is None:  # for the type checker: click knows all three shells
        raise click.UsageError(f"click cannot complete for {shell}.")
    script = completer(root, {}, "eventtrack", _VARIABLE).source()
    if call.out.json:
        call.out.document({"shell": shell, "script": script})
    else:
        call.out.stream.write(script + "\n")
