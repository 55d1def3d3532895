"""The client and the choice of the store, where MLflow's code looks for them."""

from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.location import get_tracking_uri, is_tracking_uri_set, set_tracking_uri

MlflowClient = EventtrackClient

__all__ = [
    "EventtrackClient",
    "MlflowClient",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_tracking_uri",
]
