"""The tracking store: MLflow's wide class, joined from a small class for each noun."""

from mlflow.store.tracking.abstract_store import AbstractStore

from eventtrack import ids
from eventtrack.plugin.assessments import AssessmentCalls
from eventtrack.plugin.datasets import DatasetCalls
from eventtrack.plugin.erasure import ErasureCalls
from eventtrack.plugin.errors import translate_errors
from eventtrack.plugin.experiments import ExperimentCalls
from eventtrack.plugin.inputs import InputCalls
from eventtrack.plugin.metrics import MetricCalls
from eventtrack.plugin.models import ModelCalls
from eventtrack.plugin.recording import RecordingCalls
from eventtrack.plugin.runs import RunCalls
from eventtrack.plugin.scorers import ScorerCalls
from eventtrack.plugin.traces import TraceCalls
from eventtrack.plugin.unsupported import refuse_the_rest


@refuse_the_rest
@translate_errors
class TrackingStore(
    ExperimentCalls,
    RunCalls,
    RecordingCalls,
    MetricCalls,
    DatasetCalls,
    ScorerCalls,
    ModelCalls,
    InputCalls,
    TraceCalls,
    AssessmentCalls,
    ErasureCalls,
    AbstractStore,
):
    """An eventtrack store behind MLflow's `eventtrack:PATH`; safe from any thread and process.

    Every failure is a `MlflowException`; a call about things that eventtrack does not keep has the
    code `NOT_IMPLEMENTED`.
    """

    DEFAULT_EXPERIMENT_ID = ids.DEFAULT_EXPERIMENT_ID
