"""Every state that the views keep, for those who compare the shapes of views (`shape.py`)."""

import msgspec

from eventtrack.facts.trace import TraceReport
from eventtrack.projections import dataset_state, registered_state, scorer_state, state, trace_state

ENTITIES: tuple[type[msgspec.Struct], ...] = (
    state.ParamState,
    state.ParamClaim,
    state.MetricState,
    state.Part,
    state.ItemsPart,
    state.Layer,
    state.RunState,
    state.ExperimentState,
    state.ModelState,
    state.ArtifactState,
    state.SessionState,
    trace_state.AssessmentState,
    trace_state.SpanState,
    TraceReport,
    trace_state.TraceState,
    dataset_state.DatasetState,
    dataset_state.Merged,
    dataset_state.RecordState,
    registered_state.RegisteredState,
    registered_state.VersionState,
    scorer_state.ScorerState,
    scorer_state.ScorerVersionState,
)
