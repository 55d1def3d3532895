"""From what a person types to the thing meant: runs by prefix or name, experiments, sessions.

An id may be cut to any prefix that only one has. What is not found is answered with the nearest
ids and names, and what is ambiguous with the candidates.
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
    from eventtrack.store.sessions import Session

    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # not generic in older releases of click

_CANDIDATES_MAX = 8
# Names are compared with the newest runs only: near misses are a courtesy, not a search.
_NEAR_RUNS_MAX = 500
_RUN_ID = re.compile(r"[0-9a-f]{1,32}")
_WHOLE_RUN_ID = re.compile(r"[0-9a-f]{32}")


def experiment_ids(store: "Store", *, view_type: int = ViewType.ALL) -> list[str]:
    """The ids of all experiments."""
    return [one.experiment_id for one in all_experiments(store, view_type=view_type)]


def all_experiments(store: "Store", *, view_type: int = ViewType.ALL) -> list[Experiment]:
    """All experiments, newest first, however many pages they fill."""
    found: list[Experiment] = []
    token: str | None = None
    while True:
        page = store.experiments.search(view_type=view_type, max_results=1000, page_token=token)
        found.extend(page)
        token = page.token
        if token is None:
            return found


def find_experiment(store: "Store", typed: str) -> Experiment:
    """The experiment of that id, name, or unique id prefix; deleted ones too.

    Raises:
        NotFoundError: None matches; the hint names the nearest.
        InvalidValueError: Several ids begin with the prefix.
    """
    typed = typed.removeprefix("experiment/")
    experiments = all_experiments(store)
    for attribute in ("experiment_id", "name"):
        for one in experiments:
            if getattr(one, attribute) == typed:
                return one
    starting = [one for one in experiments if typed and one.experiment_id.startswith(typed)]
    if len(starting) == 1:
        return starting[0]
    if starting:
        raise _ambiguous("experiment", typed, [f"{e.experiment_id} {e.name}" for e in starting])
    names = [one.name for one in experiments]
    raise NotFoundError(
        f"No experiment has the id or name {typed!r}",
        hint=_near(typed, names, "`eventtrack experiments list` shows all"),
    )


def find_run(store: "Store", typed: str) -> Run:
    """The run of that id, unique id prefix, or name that only one run has; deleted ones too.

    Raises:
        NotFoundError: None matches; the hint names the nearest.
        InvalidValueError: Several match.
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
        hint=_near(typed, [one[:cut] for one in near], "`eventtrack runs list` shows them"),
    )


def find_session(store: "Store", typed: str) -> "Session":
    """The session of that id or unique id prefix.

    Raises:
        NotFoundError: None matches.
        InvalidValueError: Several ids begin with the prefix.
    """
    typed = typed.removeprefix("session/")
    starting = [one for one in store.sessions.list() if one.session_id.startswith(typed)]
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
    """The whole id of the trace of that id or unique id prefix.

    Raises:
        NotFoundError: None matches.
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
    """What has a history, as `History.timeline` names it: a run where nothing else is said.

    Raises:
        NotFoundError: There is no such thing.
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
    """The experiments named on the command line; all of that view type when none was."""
    if typed:
        return [find_experiment(store, one) for one in typed]
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
    shown = "".join(f"\n  {text.clean(one)}" for one in candidates[:_CANDIDATES_MAX])
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
    return f"did you mean {' or '.join(text.clean(one) for one in near)}? {otherwise}"


class RunType(_TextType):
    """A run as typed on the command line; completes ids in the shell."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Ids of the newest runs that begin with what was typed."""
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
        """Names that begin with what was typed."""
        try:
            experiments = all_experiments(invocation_of(ctx).open(), view_type=ViewType.ACTIVE_ONLY)
        except EventtrackError:
            return []
        return [CompletionItem(one.name) for one in experiments if one.name.startswith(incomplete)]


RUN = RunType()
EXPERIMENT = ExperimentType()
