"""MLflow's own client and server on an eventtrack store: what the entry points name.

With `pip install "eventtrack[mlflow]"`, `mlflow.set_tracking_uri("eventtrack:PATH")` and
`mlflow server --backend-store-uri eventtrack:PATH` find it here. Only MLflow imports this package;
importing eventtrack never imports MLflow.
"""

from eventtrack.plugin.artifacts import StoreArtifactRepository
from eventtrack.plugin.tracking import TrackingStore

__all__ = ["StoreArtifactRepository", "TrackingStore"]
