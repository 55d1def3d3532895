"""One tracking server, one method for each of its calls."""

from eventtrack.rest.address import Address
from eventtrack.rest.artifacts import ArtifactCalls
from eventtrack.rest.connection import READ_TIMEOUT_S, Connection
from eventtrack.rest.experiments import ExperimentCalls
from eventtrack.rest.recording import RecordingCalls
from eventtrack.rest.runs import RunCalls


class TrackingServer(ExperimentCalls, RunCalls, RecordingCalls, ArtifactCalls):
    """A server that speaks MLflow's REST API. Safe from any thread; opens nothing until asked.

    Each method asks once. It raises what the server's answer means (`NotFoundError`,
    `InvalidValueError`, ...), or a `RemoteError` for what is not the call's fault.

    Args:
        address: Where it is, from `address_of(uri)`.
        read_timeout_s: How long a silent server is waited for.
    """

    def __init__(self, address: Address, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        super().__init__(Connection(address, read_timeout_s))

    @property
    def url(self) -> str:
        """The server's URL, without credentials."""
        return self.connection.address.url

    def close(self) -> None:
        """Let go of open connections."""
        self.connection.close()
