"""Files of traces: inputs and outputs of a program that are no texts, as pictures."""

from eventtrack.events import traces as types
from eventtrack.store.artifacts import Artifacts
from eventtrack.views.entities import EntityReader
from eventtrack.views.places import Place, outside_root
from eventtrack.views.queries.traces import TraceArtifactQueries
from eventtrack.views.traces.lookup import existing_trace


class TraceArtifacts(TraceArtifactQueries, Artifacts):
    """The files of a store's traces; methods take a trace's id in place of a run's."""

    _logged = types.TraceArtifactsLogged
    _deleted = types.TraceArtifactsDeleted

    def _place_of(self, entities: EntityReader, run_id: str) -> Place:
        state = existing_trace(entities.reader, run_id)
        uri = entities.trace_location(state.experiment_id, state.trace_id)
        return Place(state.number, outside_root(entities, state.experiment_id, uri))
