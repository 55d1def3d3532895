"""The client, where MLflow's code looks for it."""

from eventtrack.fluent.client import EventtrackClient

MlflowClient = EventtrackClient

__all__ = ["EventtrackClient", "MlflowClient"]
