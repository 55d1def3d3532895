"""MLflow's name for the errors: `except eventtrack.exceptions.MlflowException` catches them all."""

from eventtrack.errors import EventtrackError

MlflowException = EventtrackError

__all__ = ["EventtrackError", "MlflowException"]
