"""A client of servers that speak MLflow's REST API: eventtrack's own and MLflow's.

`TrackingServer` has one method for each call and returns the records that a store returns. It asks
once and tells what happened: whether to ask again is for its callers to decide.
"""

from eventtrack.rest.address import Address, address_of, is_server_uri
from eventtrack.rest.server import TrackingServer

__all__ = ["Address", "TrackingServer", "address_of", "is_server_uri"]
