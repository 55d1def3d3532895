"""Settings, where MLflow's code looks for them."""

from eventtrack.fluent.location import get_tracking_uri, is_tracking_uri_set, set_tracking_uri
from eventtrack.fluent.system_metrics import (
    disable_system_metrics_logging,
    enable_system_metrics_logging,
    set_system_metrics_node_id,
    set_system_metrics_samples_before_logging,
    set_system_metrics_sampling_interval,
)

__all__ = [
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tracking_uri",
]
