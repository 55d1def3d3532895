"""A client of servers that speak MLflow's REST API: eventtrack's own and MLflow's.

`TrackingServer` has a method for each call and returns the same records as a store. It asks once
and reports the outcome: its callers decide whether to ask again.
"""

from eventtrack.folders import is_server_uri
from eventtrack.rest.address import Address, address_of
from eventtrack.rest.server import TrackingServer

__all__ = ["Address", "TrackingServer", "address_of", "is_server_uri"]
