"""Calls that correct runs: only eventtrack's own servers have them."""

from collections.abc import Sequence
from typing import Any

from eventtrack.errors import EndpointMissingError
from eventtrack.rest.calls import Calls
from eventtrack.rest.connection import Json

_OWN = "/api/eventtrack/1/"


class CorrectionCalls(Calls):
    """Moves runs and corrects params. The reason for a change goes along in its header.

    Raises:
        EndpointMissingError: The server is MLflow's, which cannot do this.
    """

    def move_runs(
        self, run_ids: Sequence[str], experiment_id: str, *, children: bool = False
    ) -> list[str]:
        """Move runs into another experiment; returns the ids of those that moved."""
        answer = self._correct(
            "runs/move", run_ids=list(run_ids), experiment_id=experiment_id, children=children
        )
        return list(map(str, answer.get("run_ids") or ()))

    def correct_param(self, run_id: str, key: str, value: str) -> None:
        """Give a param another value."""
        self._correct("runs/correct-param", run_id=run_id, key=key, value=value)

    def _correct(self, path: str, /, **body: Any) -> Json:
        try:
            return self.connection.post(_OWN + path, body)
        except EndpointMissingError as error:
            raise EndpointMissingError(
                f"{self.connection.address.url} cannot correct runs: {error.message}",
                hint="MLflow's own server has no such call; eventtrack's has",
            ) from error
