"""Finds the thing that a person typed: runs by prefix or name, experiments, sessions, traces.

An id may be cut to any unique prefix. Errors name the nearest ids and names if nothing matches, and
the candidates if several match.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from eventtrack.cli import text
from eventtrack.cli.base import invocation_of
from eventtrack.errors import EventtrackError, InvalidValueError, NotFoundError
from eventtrack.views.records import Experiment, Run, ViewType

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.views.queries.sessions import Session

    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # not generic in older releases of click

_CANDIDATES_MAX = 8
# Suggestions come from this many of the newest runs only: they are a courtesy, not a search.
_NEAR_RUNS_MAX = 500
_RUN_ID = re.compile(r"[0-9a-f]{1,32}")
_WHOLE_RUN_ID = re.compile(r"[0-9a-f]{32}")


def experiment_ids(store: "Store", *, view_type: int = ViewType.ALL) -> list[str]:
    """The ids of all experiments."""
    return [experiment.experiment_id for experiment in all_experiments(store, view_type=view_type)]


def all_experiments(store: "Store", *, view_type: int = ViewType.ALL) -> list[Experiment]:
    """All experiments, newest first, from all pages."""
    experiments: list[Experiment] = []
    token: str | None = None
    while True:
        page = store.experiments.search(view_type=view_type, max_results=1000, page_token=token)
        experiments.extend(page)
        token = page.token
        if token is None:
            return experiments


def find_experiment(store: "Store", typed: str) -> Experiment:
    """The experiment of that id, name, or unique id prefix; deleted or not.

    Raises:
        NotFoundError: No experiment matches; the hint names the nearest.
        InvalidValueError: Several ids begin with the prefix.
    """
    typed = typed.removeprefix("experiment/")
    experiments = all_experiments(store)
    for attribute in ("experiment_id", "name"):
        for experiment in experiments:
            if getattr(experiment, attribute) == typed:
                return experiment
    starting = [
        experiment
        for experiment in experiments
        if typed and experiment.experiment_id.startswith(typed)
    ]
    if len(starting) == 1:
        return starting[0]
    if starting:
        raise _ambiguous("experiment", typed, [f"{e.experiment_id} {e.name}" for e in starting])
    names = [experiment.name for experiment in experiments]
    raise NotFoundError(
        f"No experiment has the id or name {typed!r}",
        hint=_near(typed, names, "`eventtrack experiments list` shows all"),
    )


def find_run(store: "Store", typed: str) -> Run:
    """The run of that id, unique id prefix, or unique name; deleted or not.

    Raises:
        NotFoundError: No run matches; the hint names the nearest.
        InvalidValueError: Several runs match.
    """
    typed = typed.removeprefix("run/")
    if _WHOLE_RUN_ID.fullmatch(typed):
        return store.runs.get(typed)
    starting = _runs_starting_with(store, typed)
    if len(starting) == 1:
        return starting[0]
    named = [] if starting else _runs_named(store, typed)
    if len(named) == 1:
        return named[0]
    if starting or named:
        raise _ambiguous("run", typed, [_described(run) for run in starting or named])
    recent = _search(store, "", _NEAR_RUNS_MAX)
    near = [*(run.info.run_name for run in recent), *(run.info.run_id for run in recent)]
    cut = max(len(typed), text.ID_SHOWN)
    raise NotFoundError(
        f"Run with id={typed} not found",
        hint=_near(typed, [name[:cut] for name in near], "`eventtrack runs list` shows them"),
    )


def find_session(store: "Store", typed: str) -> "Session":
    """The session of that id or unique id prefix.

    Raises:
        NotFoundError: No session matches.
        InvalidValueError: Several ids begin with the prefix.
    """
    typed = typed.removeprefix("session/")
    starting = store.sessions.starting_with(typed, _CANDIDATES_MAX + 1)
    if len(starting) == 1:
        return starting[0]
    if starting:
        raise _ambiguous(
            "session", typed, [f"{text.short_id(s.session_id)} {s.user}" for s in starting]
        )
    raise NotFoundError(
        f"No session has the id {typed!r}",
        hint="`eventtrack log --type session.opened` shows all sessions",
    )


def find_trace(store: "Store", typed: str) -> str:
    """The whole id of the trace with that id or unique id prefix.

    Raises:
        NotFoundError: No trace matches.
        InvalidValueError: Several ids begin with the prefix.
    """
    typed = typed.removeprefix("trace/")
    if store.traces.infos([typed]):
        return typed
    starting = store.traces.starting_with(typed, _CANDIDATES_MAX + 1)
    if len(starting) == 1:
        return starting[0]
    if starting:
        raise _ambiguous("trace", typed, starting)
    raise NotFoundError(
        f"No trace has the id {typed!r}", hint="`eventtrack traces list` shows all traces"
    )


def find_subject(store: "Store", typed: str) -> str:
    """The subject of a history, as `History.timeline` names it; a name without a prefix is a run.

    Raises:
        NotFoundError: No such run, experiment or trace exists.
    """
    family, separator, name = typed.partition("/")
    if not separator or family == "run":
        return f"run/{find_run(store, typed).info.run_id}"
    if family == "experiment":
        return f"experiment/{find_experiment(store, name).experiment_id}"
    if family == "trace":
        return f"trace/{find_trace(store, name)}"
    return typed


def chosen_experiments(store: "Store", typed: Sequence[str], *, view_type: int) -> list[Experiment]:
    """The experiments named on the command line; if none is named, all of the view type."""
    if typed:
        return [find_experiment(store, name) for name in typed]
    return all_experiments(store, view_type=view_type)


def _runs_starting_with(store: "Store", prefix: str) -> list[Run]:
    if not _RUN_ID.fullmatch(prefix):
        return []
    return [
        store.runs.get(run_id)
        for run_id in store.runs.ids_starting_with(prefix, _CANDIDATES_MAX + 1)
    ]


def _runs_named(store: "Store", name: str) -> list[Run]:
    quote = '"' if "'" in name else "'"
    if quote in name or "\\" in name:
        return []
    return _search(store, f"attributes.run_name = {quote}{name}{quote}", _CANDIDATES_MAX + 1)


def _search(store: "Store", filter_string: str, max_results: int) -> list[Run]:
    ids = experiment_ids(store)
    return list(
        store.runs.search(
            ids, filter_string=filter_string, view_type=ViewType.ALL, max_results=max_results
        )
    )


def _described(run: Run) -> str:
    return f"{run.info.run_id} {text.clean(run.info.run_name)}"


def _ambiguous(noun: str, typed: str, candidates: Sequence[str]) -> InvalidValueError:
    shown = "".join(f"\n  {text.clean(candidate)}" for candidate in candidates[:_CANDIDATES_MAX])
    more = "\n  ..." if len(candidates) > _CANDIDATES_MAX else ""
    return InvalidValueError(
        f"More than one {noun} matches {typed!r}:{shown}{more}",
        hint="give more characters of the id",
    )


def _near(typed: str, names: Iterable[str], otherwise: str) -> str:
    import difflib

    near = list(dict.fromkeys(difflib.get_close_matches(typed, list(names), n=6, cutoff=0.6)))[:3]
    if not near:
        return otherwise
    return f"did you mean {text.either([text.clean(name) for name in near])}? {otherwise}"


class RunType(_TextType):
    """A run as typed on the command line; completes ids in the shell."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The ids of the newest runs that begin with the typed text."""
        try:
            store = invocation_of(ctx).open()
            runs = _runs_starting_with(store, incomplete) if incomplete else _search(store, "", 30)
        except EventtrackError:
            return []
        return [CompletionItem(run.info.run_id, help=run.info.run_name) for run in runs]


class ExperimentType(_TextType):
    """An experiment as typed on the command line; completes names in the shell."""

    name = "experiment"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names of experiments that begin with the typed text."""
        try:
            experiments = all_experiments(invocation_of(ctx).open(), view_type=ViewType.ACTIVE_ONLY)
        except EventtrackError:
            return []
        return [
            CompletionItem(experiment.name)
            for experiment in experiments
            if experiment.name.startswith(incomplete)
        ]


RUN = RunType()
EXPERIMENT = ExperimentType()
