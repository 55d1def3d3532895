"""`eventtrack run -- CMD`: run a command, and record it as a run."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import EXPERIMENT, RUN, find_run
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.startup import MIRRORED, REPLACED, environment

if TYPE_CHECKING:
    from eventtrack.running.recording import AnyStore


class Pair(click.ParamType[tuple[str, str]]):
    """A name and a value, typed as `name=value`."""

    name = "k=v"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the value."""
        key, equals, content = value.partition("=")
        if not equals or not key:
            self.fail(f"{value!r} is not of the form name=value", param, ctx)
        return key, content


class Names(click.ParamType[tuple[str, ...]]):
    """Some of several names, typed as `one,another`."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.name = ",".join(names)

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        """The names, each of which is known."""
        if isinstance(value, tuple):
            return value
        names = tuple(value.split(","))
        for name in names:
            if name not in self.names:
                self.fail(f"{name!r} is none of {', '.join(self.names)}", param, ctx)
        return names


_PAIR = Pair()
_RUN_ID_LENGTH = 32


@command(
    "run",
    "eventtrack run -- python train.py --lr 0.1",
    "eventtrack run -e digits --param lr=0.1 --tag stage=draft -- ./train.sh",
    "eventtrack run --resume 3f2a -- python train.py --from checkpoint.pt",
    "eventtrack run --mirror wandb,tensorboard -- python train.py",
)
@click.option("-e", "--experiment", type=EXPERIMENT, help="The experiment; a new name makes it.")
@click.option("--name", help="The run's name.")
@click.option("--param", "params", type=_PAIR, multiple=True, help="Log a param; may be repeated.")
@click.option("--tag", "tags", type=_PAIR, multiple=True, help="Set a tag; may be repeated.")
@click.option("--parent", type=RUN, help="Start the run below this run.")
@click.option("--resume", type=RUN, help="Go on with this run instead of starting a new run.")
@click.option(
    "--mirror", type=Names(MIRRORED), default=(), help="Record what is logged to these as well."
)
@click.option(
    "--as", "replaced", type=Names(REPLACED), default=(), help="Take the place of this package."
)
@click.option("--no-sampling", is_flag=True, help="Do not record the load of machine and GPUs.")
@click.option("--no-files", is_flag=True, help="Do not keep code, packages and machine.")
@click.argument("argv", metavar="-- CMD ...", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_invocation
def run(
    call: Invocation,
    experiment: str | None,
    name: str | None,
    params: tuple[tuple[str, str], ...],
    tags: tuple[tuple[str, str], ...],
    parent: str | None,
    resume: str | None,
    mirror: tuple[str, ...],
    replaced: tuple[str, ...],
    no_sampling: bool,
    no_files: bool,
    argv: tuple[str, ...],
) -> None:
    """Run a command and record it as a run, without a change of its code.

    Records its output, the load of machine and GPUs, what is needed to run it again, and its end.
    Inside, `import eventtrack` and `import mlflow` log to the same run. The exit code is the
    command's. docs/running.md lists everything.

    JSON: none; the output is the command's. EVENTTRACK_URI and EVENTTRACK_RUN_ID in the
    command's environment name the run.
    """
    from eventtrack.running.supervision import split

    if resume is not None and (experiment is not None or parent is not None):
        raise click.UsageError("A resumed run keeps its experiment and its parent.")
    if shutil.which(argv[0]) is None:
        raise NotFoundError(
            f"cannot run {argv[0]}: there is no such program", hint=_hint_for(argv[0])
        )
    side = split(argv, _complain)
    # From here on this is the recorder's process. The tracer asks git and the program's interpreter
    # at once: meanwhile the store's modules are imported.
    from eventtrack.running.tracing import Tracer

    tracer = None if no_files else Tracer(argv)
    from eventtrack.running import recording

    store, uri = _open(call)
    request = recording.Request(
        argv=argv,
        experiment_id=None if resume is not None else _experiment_id(store, experiment),
        keeps_experiment=experiment is not None or resume is not None,
        name=name,
        params=dict(params),
        tags=dict(tags),
        parent=None if parent is None else _run_id(store, parent),
        resume=None if resume is None else _run_id(store, resume),
        samples=not no_sampling,
        tracer=tracer,
    )
    settings = recording.sampling(request, _complain)
    run_id = recording.begin(store, request)
    recorder = recording.Recorder(store, run_id, request, side.reader, settings, _complain)
    hooks = environment(os.environ, run_id, mirror, replaced)
    if side.ready(recording.child_environment(store, uri, run_id, request) | hooks):
        recorder.record()
    else:
        recorder.abandon()


def _hint_for(program: str) -> str:
    from eventtrack.cli.commands.runs import runs

    if program in runs.list_commands(click.get_current_context()):
        return f"`eventtrack run` records a program; did you mean `eventtrack runs {program}`?"
    return "check its name and PATH"


def _open(call: Invocation) -> "tuple[AnyStore, str]":
    from eventtrack.folders import chosen_uri, is_server_uri, resolve_path

    uri = call.uri if call.uri is not None else chosen_uri()
    if is_server_uri(uri):
        # The client of servers takes longer to load than a store in a folder takes to open.
        from eventtrack.outbox.store import open_remote
        from eventtrack.rest.address import address_of

        return open_remote(address_of(uri)), uri
    from eventtrack.store import open_store

    return open_store(resolve_path(uri or None), source="run"), uri


def _experiment_id(store: "AnyStore", experiment: str | None) -> str:
    from eventtrack.errors import InvalidStateError
    from eventtrack.ids import DEFAULT_EXPERIMENT_ID
    from eventtrack.views.records import LifecycleStage

    if experiment is None:
        if not (os.environ.get("MLFLOW_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_ID")):
            return DEFAULT_EXPERIMENT_ID
        from eventtrack.fluent.client import EventtrackClient
        from eventtrack.fluent.experiments import current_experiment_id

        return current_experiment_id(EventtrackClient(store=store))
    record = store.experiments.get_or_create(experiment)
    if record.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidStateError(
            f"cannot start a run in experiment {experiment!r}: it is deleted",
            hint=f"run `eventtrack experiments restore {experiment!r}` first",
        )
    return record.experiment_id


def _run_id(store: "AnyStore", typed: str) -> str:
    from eventtrack.store import Store

    if isinstance(store, Store):
        return find_run(store, typed).info.run_id
    if len(typed) != _RUN_ID_LENGTH:
        raise InvalidValueError(
            f"cannot find run {typed!r} on a server by a part of its id or its name",
            hint="give the whole id",
        )
    return store.runs.get(typed).info.run_id


def _complain(words: str) -> None:
    # The terminal may be passing on each key: it then needs the carriage return.
    end = "\r\n" if sys.stderr.isatty() else "\n"
    print(f"eventtrack: {text.clean(words)}", end=end, file=sys.stderr, flush=True)
