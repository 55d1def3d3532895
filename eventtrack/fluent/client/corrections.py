"""The client's corrections of runs, for which `MlflowClient` has no calls."""

from eventtrack.fluent.client.base import StoreCalls
from eventtrack.views.queries.runs import Signature
from eventtrack.views.records import Run


class CorrectionCalls(StoreCalls):
    """Moves, forks, corrects and signs runs; docs/corrections.md says how to take that back."""

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

    def sign_run(self, run_id: str, meaning: str, reason: str) -> Signature:
        """Vouch for a run in exactly its present state, as the user who runs this program.

        On a server the signer is the name of the token.

        Args:
            run_id: An active run.
            meaning: What the signature says, as `reviewed` or `approved`: 1 to 100 characters.
            reason: Why it is given, in 1 to 500 characters.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted, or the meaning or the reason is not allowed.
        """
        return self.store.signatures.sign(run_id, meaning, reason)

    def get_signatures(self, run_id: str) -> list[Signature]:
        """The last signature of each person and meaning, oldest first.

        `holds` is False once a fact of the run has changed since.

        Raises:
            NotFoundError: There is no such run.
        """
        return self.store.runs.signatures(run_id)

    def fork_run(
        self,
        run_id: str,
        step: int | None = None,
        *,
        params: bool = True,
        tags: bool = True,
        run_name: str | None = None,
        experiment_id: str | None = None,
        reason: str | None = None,
    ) -> Run:
        """Start a run whose histories begin with those of another, up to a step.

        No point is copied. What becomes of the other run later does not change the fork.

        Args:
            run_id: An active run.
            step: The last step that the fork begins with; None for all steps.
            params: Whether the fork gets the run's params.
            tags: Whether the fork gets the run's tags, without those about its process.
            run_name: The name; None draws a random name.
            experiment_id: The experiment of the fork; None means that of the run.
            reason: 1 to 500 characters that stay on record beside the fork.

        Raises:
            NotFoundError: There is no such run or experiment.
            InvalidValueError: The run or the experiment is deleted.
        """
        forked = self.store.forks.fork(
            run_id,
            step,
            params=params,
            tags=tags,
            run_name=run_name,
            experiment_id=None if experiment_id is None else str(experiment_id),
            reason=reason,
        )
        return self.store.runs.get(forked)

    def merge_runs(self, run_id: str, other_run_id: str, reason: str | None = None) -> None:
        """Let the points and files of another run count for an active run, as after a crash.

        Those that come later count too. The other run stays as it is, and may be deleted.

        Args:
            run_id: The run that goes on.
            other_run_id: The run that is to count for it.
            reason: 1 to 500 characters that stay on record beside the merge.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted, or the two cannot be merged.
        """
        self.store.forks.merge(run_id, other_run_id, reason=reason)
