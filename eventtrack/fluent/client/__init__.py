"""The client: MlflowClient's names and arguments, over one store and without an active run."""

from eventtrack.fluent.client.artifacts import ArtifactCalls
from eventtrack.fluent.client.experiments import ExperimentCalls
from eventtrack.fluent.client.recording import RecordingCalls
from eventtrack.fluent.client.runs import RunCalls


class EventtrackClient(ExperimentCalls, RunCalls, RecordingCalls, ArtifactCalls):
    """Every call names the run or the experiment that it means. Safe from any thread.

    Its methods have the names, the arguments and their order of `MlflowClient`'s.
    """


__all__ = ["EventtrackClient"]
