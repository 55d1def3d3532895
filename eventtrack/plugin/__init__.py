"""MLflow's own client and server on an eventtrack store: what the entry points name.

With `pip install "eventtrack[mlflow]"`, `mlflow.set_tracking_uri("eventtrack:PATH")` and
`mlflow server --backend-store-uri eventtrack:PATH` find it here. Only MLflow imports this package;
importing eventtrack never imports MLflow.

MLflow loads entry points in the middle of its own import. So they name the modules below, and
these import at their top only what of MLflow is whole by then.
"""

# First, for whoever imports this package before MLflow: it then finds its entry points whole.
import mlflow  # noqa: F401

from eventtrack.plugin.artifacts import StoreArtifactRepository
from eventtrack.plugin.tracking import TrackingStore

__all__ = ["StoreArtifactRepository", "TrackingStore"]
