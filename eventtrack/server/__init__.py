"""The server: MLflow's REST API over a store, for MLflow's clients and pages.

`compat` reads a request and words its refusal, the store decides, and the answer follows when the
change is durable. One module per noun; `routes` puts them together.
"""

from eventtrack.server.clustered import Clustered
from eventtrack.server.followers import Followers
from eventtrack.server.process import serve
from eventtrack.server.tls import TlsFiles

__all__ = ["Clustered", "Followers", "TlsFiles", "serve"]
