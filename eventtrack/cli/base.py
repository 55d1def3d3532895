"""The base of all commands: the options --store and --json, lazy groups, and the error border.

Both options are accepted before and after the command's name: each level declares them and writes
the given value into the call's `Invocation`. Only this module translates errors: an
`EventtrackError` becomes a message, a hint and an exit code, never a traceback.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, ClassVar, NamedTuple

import click

from eventtrack.cli import text
from eventtrack.cli.exits import INTERRUPTED, exit_code
from eventtrack.cli.output import Output, colours_allowed
from eventtrack.errors import EventtrackError, StoreMissingError

if TYPE_CHECKING:
    from eventtrack.store import Store


class Invocation:
    """A call of the command line: its store and its output."""

    def __init__(self, *, supervised: bool = False) -> None:
        self.uri: str | None = None
        self.out = Output()
        self._supervised = supervised

    def open(self, *, create: bool = False, source: str = "cli") -> "Store":
        """Open the store of this call. A missing store is an error unless `create`."""
        if source == "cli":
            self.go_on_in_a_child()
        from eventtrack.folders import resolve_path
        from eventtrack.store import open_store

        path = resolve_path(self.uri)
        try:
            return open_store(path, source=source, create=create)
        except StoreMissingError as error:
            raise StoreMissingError(
                error.message,
                hint="point elsewhere with --store PATH or EVENTTRACK_URI, or make a store with "
                "`eventtrack demo` or `eventtrack experiments create NAME`",
            ) from error

    def look(self) -> "Store":
        """Open the store of this call for a person, who may be shown older views than wait.

        With --json a program reads, which waits for the views of this version.
        """
        store = self.open()
        if not self.out.json:
            from eventtrack.projections.older import SHOWS_OLDER

            SHOWS_OLDER.set(True)
        return store

    def go_on_in_a_child(self) -> None:
        """Let all further code of a program end with an error instead of a signal.

        Does nothing if the call is not `supervised`, that is, within another program.
        """
        if self._supervised:
            from eventtrack.cli.supervise import go_on_in_a_child

            self._supervised = False  # once: a child needs no child
            go_on_in_a_child()


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def invocation_of(context: click.Context) -> Invocation:
    """The invocation that a context belongs to."""
    return context.ensure_object(Invocation)


def _set_store(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        invocation_of(context).uri = value


def _set_json(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        invocation_of(context).out.json = True


def _shared_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--store"],
            metavar="PATH",
            expose_value=False,
            callback=_set_store,
            help="The store's folder or URI.  [default: EVENTTRACK_URI, MLFLOW_TRACKING_URI, or "
            "./.eventtrack]",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_set_json,
            help="Print JSON instead of text.",
        ),
    ]


def _with_shared(parameters: list[click.Parameter]) -> list[click.Parameter]:
    """A command's own options, then the shared options, then --help."""
    own = [parameter for parameter in parameters if "--help" not in parameter.opts]
    rest = [parameter for parameter in parameters if "--help" in parameter.opts]
    return [*own, *_shared_options(), *rest]


def _near_options(error: click.NoSuchOption, parameters: list[click.Parameter]) -> list[str]:
    """The options whose names are near to the one that was typed, without regard to dashes."""
    import difflib

    names = {name.lstrip("-"): name for each in parameters for name in each.opts if "--" in name}
    near = difflib.get_close_matches(error.option_name.lstrip("-"), names, cutoff=0.7)
    return [names[name] for name in near]


class Command(click.Command):
    """A command with the shared options. For an unknown option it suggests the nearest."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            click.NoSuchOption: An option is unknown; the message suggests the nearest, if any.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            # click counts the dashes as likeness: it would suggest --json for --sort.
            near = _near_options(error, self.get_params(ctx))
            raise click.NoSuchOption(error.option_name, possibilities=near, ctx=ctx) from None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, the shared options, and --help."""
        return _with_shared(super().get_params(ctx))


# Names that fingers know from the shell.
_ALIASES = {"ls": "list"}
_BELOW_MAX = 3


class Group(click.Group):
    """A group with the shared options. For an unknown command it suggests the nearest name."""

    command_class = Command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The group's own parameters, the shared options, and --help."""
        return _with_shared(super().get_params(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of their definition: the most used first."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names.

        Raises:
            click.UsageError: No command has the name; the message suggests the nearest.
        """
        name, *rest = args
        if name == "help":  # as `git help log`
            if not rest:
                click.echo(ctx.get_help())
                ctx.exit()
            return self.resolve_command(ctx, [*rest, "--help"])
        meant = name if self.get_command(ctx, name) else _ALIASES.get(name, name)
        if self.get_command(ctx, meant) is None and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}.{self._hint(ctx, meant)}")
        return super().resolve_command(ctx, [meant, *rest])

    def _hint(self, ctx: click.Context, meant: str) -> str:
        import difflib

        known = self.list_commands(ctx)
        below = [f"`{ctx.command_path} {name} {meant}`" for name in self._groups_with(ctx, meant)]
        if below:
            return f" Did you mean {text.either(below[:_BELOW_MAX])}?"
        near = difflib.get_close_matches(meant, known, n=1)
        return f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(known)}."

    def _groups_with(self, ctx: click.Context, meant: str) -> list[str]:
        """The groups of this group that have a command of that name."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        return [
            name
            for name, below in commands.items()
            if isinstance(below, click.Group) and below.get_command(ctx, meant) is not None
        ]


# Groups made by `@group.group()` are of the same class.
Group.group_class = Group


class LazyNames(Group):
    """A group with further commands by name, each imported on first use."""

    lazy_targets: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names; `delete` and `restore` last."""
        own = super().list_commands(ctx)
        return sorted([*own, *self.lazy_targets], key=lambda name: name in {"delete", "restore"})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now if it is lazy; None without a command of that name."""
        target = self.lazy_targets.get(cmd_name)
        return load(target) if target else super().get_command(ctx, cmd_name)


class Lazy(NamedTuple):
    """A command not yet imported: `module:attribute`, and its section and line in the help."""

    target: str
    section: str
    summary: str


def load(target: str) -> click.Command:
    """Import the command that `module:attribute` names."""
    module, _, attribute = target.partition(":")
    loaded: click.Command = getattr(import_module(module), attribute)
    return loaded


# What errors of the system mean that name no file, and what helps.
_FULL = ("the output", "free some space, then try again")
_UNNAMED = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ENOENT: ("the folder of this command, which was deleted", "go to another folder (`cd`)"),
}


class LazyGroup(Group):
    """The root group: knows its commands by name, and imports a command's module on first use."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, Lazy], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command; None without a command of that name."""
        lazy = self.lazy.get(cmd_name)
        return load(lazy.target) if lazy else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, without importing them."""
        sections: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.lazy))
        for name, lazy in self.lazy.items():
            sections.setdefault(lazy.section, []).append((name.ljust(width), lazy.summary))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows, col_max=14)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn its errors into a message, a hint and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except EventtrackError as error:
            raise Failure(error.message, error.hint, exit_code(type(error))) from error
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _silence(sys.stdout)
            ctx.exit(1)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            why = error.strerror or str(error)
            name, hint = _UNNAMED.get(error.errno or 0, ("", ""))
            name = error.filename or name
            raise Failure(f"{name}: {why}" if name else why, hint, 1) from error


class Failure(click.ClickException):
    """An error as the command line shows it: on standard error, with its hint below."""

    def __init__(self, message: str, hint: str, exit_code: int) -> None:
        super().__init__(message)
        self.hint = hint
        # click declares the code for the class; here it depends on the translated error.
        vars(self)["exit_code"] = exit_code

    def show(self, file: IO[str] | None = None) -> None:
        """Print message and hint."""
        stream = sys.stderr if file is None else file
        styled = colours_allowed(stream)
        for label, words, colour in (("error", self.message, "red"), ("hint", self.hint, "cyan")):
            if words:
                shown = click.style(label, fg=colour, bold=True) if styled else label
                # The words may hold names from other machines: see `text.clean`.
                safe = "\n".join(map(text.clean, words.split("\n")))
                click.echo(f"{shown}: {safe}", file=stream, color=styled)


def _silence(stream: IO[str]) -> None:
    """Point a stream without a reader at /dev/null, so that Python's exit does not complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def examples(*lines: str) -> str:
    """The epilog of a command: example calls, each on its own line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def _give_reason(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        from eventtrack.store.reasons import reason

        context.with_resource(reason(value))


# For commands that change something. The reason is given until the command ends.
reason_option = click.option(
    "--reason",
    metavar="TEXT",
    expose_value=False,
    callback=_give_reason,
    help="The reason for the change; it stays on record beside the change.",
)

CommandDecorator = Callable[[Callable[..., Any]], click.Command]


def command(name: str, *example_lines: str) -> CommandDecorator:
    """Decorate a function as a command with the shared options and examples in its help."""
    return click.command(name, cls=Command, epilog=examples(*example_lines))
