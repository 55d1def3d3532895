"""Calls that correct runs: only eventtrack's own servers have them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eventtrack.errors import EndpointMissingError, RemoteError
from eventtrack.rest.calls import Calls
from eventtrack.rest.connection import Json
from eventtrack.views.queries.runs import Signature

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

    def sign_run(self, run_id: str, meaning: str) -> Signature:
        """Sign a run as it is on the server, for the token's user. The reason is required."""
        return _signature(self._correct("runs/sign", run_id=run_id, meaning=meaning))

    def signatures(self, run_id: str) -> list[Signature]:
        """The signatures of a run."""
        answer = self.connection.get(_OWN + "runs/signatures", {"run_id": run_id})
        return list(map(_signature, answer.get("signatures") or ()))

    def fork_run(
        self,
        run_id: str,
        step: int | None,
        *,
        params: bool,
        tags: bool,
        run_name: str | None,
        experiment_id: str | None,
    ) -> str:
        """Fork a run; returns the id of the fork."""
        asked = {"step": step, "run_name": run_name, "experiment_id": experiment_id}
        given = {name: value for name, value in asked.items() if value is not None}
        without = {"without_params": not params, "without_tags": not tags}
        answer = self._correct("runs/fork", run_id=run_id, **without, **given)
        return str(answer.get("run_id", ""))

    def merge_runs(self, run_id: str, other_id: str) -> bool:
        """Let the points and files of another run count for a run; whether that is news."""
        answer = self._correct("runs/merge", run_id=run_id, other_run_id=other_id)
        return answer.get("merged") is True

    def _correct(self, path: str, /, **body: Any) -> Json:
        try:
            return self.connection.post(_OWN + path, body)
        except EndpointMissingError as error:
            raise EndpointMissingError(
                f"{self.connection.address.url} cannot correct runs: {error.message}",
                hint="MLflow's own server has no such call; eventtrack's has",
            ) from error


def _signature(said: Json) -> Signature:
    try:
        return msgspec.convert(said, Signature)
    except msgspec.ValidationError as error:
        raise RemoteError(
            f"the server's signature cannot be read: {error}", hint="is the server recent enough?"
        ) from error
