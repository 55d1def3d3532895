"""What `mlflow gc` asks: what is deleted, and to erase it for good.

MLflow asks for one run after the other. While its command runs they are collected, and erased
together at its end: each erasure alone would fold the whole history anew.
"""

import click

from eventtrack.errors import InvalidStateError
from eventtrack.plugin.base import OpenStore
from eventtrack.store.garbage import Deleted, Found


class ErasureCalls(OpenStore):
    """Named by MLflow's command; no other caller has them."""

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        super().__init__(store_uri, artifact_uri)
        self._found = Found()
        self._waiting: dict[str, Deleted] = {}

    def _get_deleted_runs(self, older_than: int = 0) -> list[str]:
        """The ids of runs that were deleted at least `older_than` milliseconds ago.

        Without those that a version of a registered model needs.
        """
        return self._deleted("run", older_than)

    def _get_deleted_logged_models(self, older_than: int = 0) -> list[str]:
        """The ids of logged models that were deleted at least `older_than` milliseconds ago.

        Without those that a version of a registered model needs.
        """
        return self._deleted("model", older_than)

    def _hard_delete_run(self, run_id: str) -> None:
        """Erase a deleted run."""
        self.store.runs.get(run_id)
        self._erase(f"run/{run_id}")

    def _hard_delete_experiment(self, experiment_id: str) -> None:
        """Erase a deleted experiment with all that is in it."""
        self.store.experiments.get(experiment_id)
        self._erase(f"experiment/{experiment_id}")

    def _hard_delete_logged_model(self, model_id: str) -> None:
        """Erase a deleted logged model."""
        self.store.models.get(model_id)
        self._erase(f"model/{model_id}")

    def _deleted(self, kind: str, older_than: int) -> list[str]:
        found = self.store.garbage.find(older_than_ms=older_than)
        return [one.id for one in found.garbage if one.kind == kind]

    def _erase(self, stream: str) -> None:
        context = click.get_current_context(silent=True)
        if context is None:
            self.store.garbage.erase(_demand(self.store.garbage.find(only=[stream]), stream))
            return
        if not self._waiting:
            self._found = self.store.garbage.find()
        garbage = {one.stream: one for one in _demand(self._found, stream)}
        if not self._waiting:
            context.call_on_close(self._erase_waiting)
        self._waiting[stream] = garbage[stream]
        if stream.startswith("experiment/"):
            inside = self.store.garbage.find(only=[stream]).garbage
            self._waiting.update({one.stream: one for one in inside})

    def _erase_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self.store.garbage.erase(waiting.values())


def _demand(found: Found, stream: str) -> list[Deleted]:
    """What was found, with that stream among it.

    Raises:
        InvalidStateError: It is not; says why.
    """
    if stream not in {one.stream for one in found.garbage}:
        reasons = [one.reason for one in found.kept if f"{one.kind}/{one.id}" == stream]
        raise InvalidStateError(
            f"cannot erase {stream}: {', '.join(reasons) or 'it is not deleted'}",
            hint="`eventtrack gc` erases all that can be, and says what stays",
        )
    return found.garbage
