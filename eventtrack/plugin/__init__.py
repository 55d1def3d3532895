"""The plugin that puts MLflow's own client and server on an eventtrack store.

With `pip install "eventtrack[mlflow]"`, `mlflow.set_tracking_uri("eventtrack:PATH")` and
`mlflow server --backend-store-uri eventtrack:PATH` find the store. Only MLflow imports this
package; importing eventtrack never imports MLflow.

MLflow loads entry points in the middle of its own import. So the entry points name the modules
below, and these import at their top only modules of MLflow that are whole by then.
"""

# First: if this package is imported before MLflow, MLflow still finds its entry points whole.
import mlflow  # noqa: F401

from eventtrack.plugin.artifacts import StoreArtifactRepository
from eventtrack.plugin.tracking import TrackingStore

__all__ = ["StoreArtifactRepository", "TrackingStore"]
