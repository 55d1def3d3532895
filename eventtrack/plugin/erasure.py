"""The calls of `mlflow gc`: they list deleted things, and erase them for good.

MLflow asks for one run after the other. While its command runs, the plugin collects the runs, and
erases them together at the end: each erasure alone would fold the whole history anew.
"""

import click

from eventtrack.errors import InvalidStateError
from eventtrack.plugin.base import OpenStore
from eventtrack.store.garbage import Deleted, Found


class ErasureCalls(OpenStore):
    """The calls that MLflow's command names; nobody else calls them."""

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        super().__init__(store_uri, artifact_uri)
        self._found = Found()
        self._waiting: dict[str, Deleted] = {}

    def _get_deleted_runs(self, older_than: int = 0) -> list[str]:
        """The ids of runs that were deleted at least `older_than` milliseconds ago.

        Runs that a version of a registered model needs are left out.
        """
        return self._deleted("run", older_than)

    def _get_deleted_logged_models(self, older_than: int = 0) -> list[str]:
        """The ids of logged models that were deleted at least `older_than` milliseconds ago.

        Models that a version of a registered model needs are left out.
        """
        return self._deleted("model", older_than)

    def _hard_delete_run(self, run_id: str) -> None:
        """Erase a deleted run."""
        self.store.runs.get(run_id)
        self._erase(f"run/{run_id}")

    def _hard_delete_experiment(self, experiment_id: str) -> None:
        """Erase a deleted experiment with everything in it."""
        self.store.experiments.get(experiment_id)
        self._erase(f"experiment/{experiment_id}")

    def _hard_delete_logged_model(self, model_id: str) -> None:
        """Erase a deleted logged model."""
        self.store.models.get(model_id)
        self._erase(f"model/{model_id}")

    def _deleted(self, kind: str, older_than: int) -> list[str]:
        deleted = self.store.garbage.find(older_than_ms=older_than)
        return [candidate.id for candidate in deleted.garbage if candidate.kind == kind]

    def _erase(self, stream: str) -> None:
        context = click.get_current_context(silent=True)
        if context is None:
            self.store.garbage.erase(_demand(self.store.garbage.find(only=[stream]), stream))
            return
        if not self._waiting:
            self._found = self.store.garbage.find()
        garbage = {candidate.stream: candidate for candidate in _demand(self._found, stream)}
        if not self._waiting:
            context.call_on_close(self._erase_waiting)
        self._waiting[stream] = garbage[stream]
        if stream.startswith("experiment/"):
            inside = self.store.garbage.find(only=[stream]).garbage
            self._waiting.update({candidate.stream: candidate for candidate in inside})

    def _erase_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self.store.garbage.erase(waiting.values())


def _demand(listing: Found, stream: str) -> list[Deleted]:
    """The deleted things of a listing, among which that stream must be.

    Raises:
        InvalidStateError: The stream is not among them; the message says why.
    """
    if stream not in {candidate.stream for candidate in listing.garbage}:
        reasons = [
            candidate.reason
            for candidate in listing.kept
            if f"{candidate.kind}/{candidate.id}" == stream
        ]
        raise InvalidStateError(
            f"cannot erase {stream}: {', '.join(reasons) or 'it is not deleted'}",
            hint="`eventtrack gc` erases everything that can be erased, and says what stays",
        )
    return listing.garbage
