"""The client's corrections of runs, for which `MlflowClient` has no calls."""

from eventtrack.fluent.client.base import StoreCalls


class CorrectionCalls(StoreCalls):
    """Moves runs and corrects params; docs/corrections.md says how to take that back."""

    def move_run(
        self,
        run_id: str,
        experiment_id: str,
        *,
        children: bool = False,
        reason: str | None = None,
    ) -> list[str]:
        """Move a run into another experiment, with its whole history.

        Args:
            run_id: An active run.
            experiment_id: An active experiment.
            children: Whether the active runs nested in it go along, at any depth.
            reason: 1 to 500 characters that stay on record beside the move.

        Returns:
            The ids of the runs that moved; none if the run was there already.

        Raises:
            NotFoundError: There is no such run or experiment.
            InvalidValueError: The run or the experiment is deleted.
        """
        return self.store.corrections.move(
            [run_id], str(experiment_id), children=children, reason=reason
        )

    def correct_param(self, run_id: str, key: str, value: object, reason: str) -> None:
        """Give a param of an active run another value; `log_param` goes on refusing that.

        Args:
            run_id: An active run.
            key: A param that was logged.
            value: The right value; it is stored as text.
            reason: Why the logged value was wrong, in 1 to 500 characters.

        Raises:
            NotFoundError: There is no such run, or it has no such param.
            InvalidValueError: The run is deleted, or the value or the reason is not allowed.
        """
        self.store.corrections.correct_param(run_id, key, value, reason)
