"""Everything that is asked of a store and written to it, whatever its log holds."""

import contextlib
import itertools

from eventtrack.cli.encoding import to_json
from eventtrack.cli.event_lines import event_parts
from eventtrack.errors import UsageError
from eventtrack.store import Store
from eventtrack.views.queries.nouns import Queries
from eventtrack.views.records import ViewType
from eventtrack.web import answers

FILTERS = ["", "metrics.a > 0.5", "params.a = 'x'", "tags.a LIKE '%x%'", "status = 'RUNNING'"]


def ask_everything(store: Store) -> None:
    """Every read of a store, of all that it holds; none may raise but that there is no such."""
    head = store.events.head()
    ask_queries(store)
    streams: set[str] = set()
    for event in store.events.read():
        streams.add(event.stream)
        event_parts(event)
        to_json(event.to_dictionary())
        store.events.get(event.address)
    for stream in streams:
        list(store.events.read(0, stream=stream))
        kind, _, name = stream.partition("/")
        for subject in (stream, name, f"{kind}/{name}"):
            with contextlib.suppress(UsageError):
                store.history.timeline(subject, counted=True)
                store.history.blame(subject)
    for event in store.events.read():
        with contextlib.suppress(UsageError):
            store.history.inverse(event.address)
    for older, newer in itertools.pairwise([1, *range(1, head + 1, max(1, head // 4)), head]):
        store.history.diff(str(older), str(newer))
    for by in ("position", "time"):
        store.history.density(by)
    store.conflicts()
    store.stats()
    store.feeds.list()
    store.feeds.forks()
    for moment in (str(head // 2), "2023-11-14T22:13:20+00:00"):
        with store.at(moment) as then:
            ask_queries(then)
            then.digest()


def ask_queries(store: Queries) -> None:
    """Every read of the nouns of a store, as it is or was."""
    ids = [one.experiment_id for one in store.experiments.search(view_type=ViewType.ALL)]
    store.overview.experiments()
    answers.experiments(store)
    columns = store.overview.columns(ids)
    answers.columns(store, ids)
    for text in FILTERS:
        store.runs.search(ids, text, ViewType.ALL)
        store.overview.table(ids, [("metrics", key) for key in columns.metrics], filter_string=text)
    store.runs.search(ids, "", ViewType.ALL, order_by=["metrics.a DESC", "params.a"])
    for run in store.runs.search(ids, "", ViewType.ALL):
        run_id = run.info.run_id
        store.runs.get(run_id)
        answers.run(store, run_id)
        store.artifacts.entries(run_id)
        for key in store.metrics.keys(run_id):
            store.metrics.history(run_id, key)
    for model in store.models.search(ids):
        store.models.get(model.model_id)
    for registered in store.registry.search():
        with contextlib.suppress(UsageError):  # an empty name cannot be asked for
            store.registry.versions(registered.name)
            store.registry.latest_versions(registered.name)
    store.registry.search_versions()
    for dataset in store.datasets.search():
        store.datasets.records(dataset.dataset_id)
    for info in store.traces.search():
        store.traces.get(info.trace_id)
        store.traces.read(info.trace_id)
    for session in store.sessions.list():
        store.sessions.get(session.session_id)


def write_everything(store: Store) -> None:
    """Writes of each noun, and what takes back or erases what is there."""
    run_id = store.runs.create("0", run_name="honest").info.run_id
    store.runs.log_params(run_id, {"lr": "1"})
    store.runs.set_tags(run_id, {"mine": "yes"})
    store.metrics.log(run_id, "loss", 0.5)
    store.runs.delete(run_id)
    store.runs.restore(run_id)
    assert store.runs.get(run_id).data.tags["mine"] == "yes"
    for event in list(store.events.read())[-40:]:
        # Taking it back may be refused with a reason, and breaks nothing.
        with contextlib.suppress(UsageError):
            store.history.undo(event.address)


def erase_everything(store: Store) -> None:
    """Redactions of all that is skipped and of every other envelope, in two calls."""
    bad = {one.position for one in store.maintenance.skipped()}
    envelopes = [store.feeds.at(position) for position in range(1, store.events.head() + 1)]
    for part in ([one for one in envelopes if one.position in bad], envelopes):
        with contextlib.suppress(UsageError):
            store.redaction.redact_envelopes(part, "asked for")


def rebuilt(store: Store) -> str:
    """The digest of the views folded anew, which is what they were."""
    before = store.maintenance.digest()
    assert store.maintenance.rebuild() == before
    return before
