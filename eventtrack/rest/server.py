"""A tracking server, with a method for each of its calls."""

from eventtrack.rest.address import Address
from eventtrack.rest.artifacts import ArtifactCalls
from eventtrack.rest.connection import READ_TIMEOUT_S, Connection
from eventtrack.rest.corrections import CorrectionCalls
from eventtrack.rest.experiments import ExperimentCalls
from eventtrack.rest.recording import RecordingCalls
from eventtrack.rest.runs import RunCalls
from eventtrack.rest.series import SeriesCalls


class TrackingServer(
    ExperimentCalls, RunCalls, RecordingCalls, ArtifactCalls, CorrectionCalls, SeriesCalls
):
    """A server that speaks MLflow's REST API. Safe from any thread; opens nothing until asked.

    Each method asks once. It raises the error that the server's answer stands for (`NotFoundError`,
    `InvalidValueError`, ...), or a `RemoteError` if the call is not at fault.

    Args:
        address: The server's address, from `address_of(uri)`.
        read_timeout_s: The longest wait for a silent server, in seconds.
    """

    def __init__(self, address: Address, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        super().__init__(Connection(address, read_timeout_s))

    @property
    def url(self) -> str:
        """The server's URL, without credentials."""
        return self.connection.address.url

    def close(self) -> None:
        """Close all connections."""
        self.connection.close()
