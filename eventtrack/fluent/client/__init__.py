"""The client: MlflowClient's names and arguments, for one store and without an active run."""

from eventtrack.fluent.client.artifacts import ArtifactCalls
from eventtrack.fluent.client.corrections import CorrectionCalls
from eventtrack.fluent.client.experiments import ExperimentCalls
from eventtrack.fluent.client.items import ItemCalls
from eventtrack.fluent.client.recording import RecordingCalls
from eventtrack.fluent.client.runs import RunCalls


class EventtrackClient(
    ExperimentCalls, RunCalls, RecordingCalls, ItemCalls, ArtifactCalls, CorrectionCalls
):
    """Every call names its run or experiment. Safe from any thread.

    Its methods have the names, the arguments and their order of `MlflowClient`'s.
    """


__all__ = ["EventtrackClient"]
