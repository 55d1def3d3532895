"""Files of traces: inputs and outputs of a program that are no texts, as pictures."""

from eventtrack.events import traces as types
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.store.artifacts import Artifacts
from eventtrack.store.places import Place, outside_root
from eventtrack.store.trace_checks import existing_trace
from eventtrack.views.entities import EntityReader


class TraceArtifacts(Artifacts):
    """The files of a store's traces; methods take a trace's id in place of a run's."""

    _kind = "trace"
    _logged = types.TraceArtifactsLogged
    _deleted = types.TraceArtifactsDeleted

    def _owner(self, reader: Reader, run_id: str) -> TraceState:
        return existing_trace(reader, run_id)

    def _place_of(self, entities: EntityReader, run_id: str) -> Place:
        state = existing_trace(entities.reader, run_id)
        uri = entities.trace_location(state.experiment_id, state.trace_id)
        return Place(state.number, outside_root(entities, state.experiment_id, uri))
