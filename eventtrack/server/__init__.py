"""The server: MLflow's REST API over a store, for MLflow's clients and pages.

A request is read and refused in `compat`'s words, decided by the store, and answered when what it
changed is durable. One module per noun; `routes` puts them together.
"""

from eventtrack.server.followers import Followers
from eventtrack.server.process import serve
from eventtrack.server.tls import TlsFiles

__all__ = ["Followers", "TlsFiles", "serve"]
