"""MLflow's calls about logged models."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow import entities
from mlflow.store.entities.paged_list import PagedList

from eventtrack.errors import NotFoundError
from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.entities import logged_model, pairs, param_record, tag_record
from eventtrack.views import records


class ModelCalls(OpenStore):
    """Creates, finalizes, tags, deletes and searches logged models."""

    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Sequence[entities.LoggedModelTag] | None = None,
        params: Sequence[entities.LoggedModelParameter] | None = None,
        model_type: str | None = None,
    ) -> entities.LoggedModel:
        """Make a model; it is PENDING until it is finalized."""
        made = self.store.models.create(
            str(experiment_id),
            name=name,
            source_run_id=source_run_id,
            model_type=model_type,
            params=pairs(map(param_record, params or ())),
            tags=pairs(map(tag_record, tags or ())),
        )
        return self._model(made)

    def get_logged_model(self, model_id: str, allow_deleted: bool = False) -> entities.LoggedModel:
        """A model by its id; a deleted model only with `allow_deleted`."""
        known = self.store.models.get(model_id)
        if known.lifecycle_stage == records.LifecycleStage.DELETED and not allow_deleted:
            raise NotFoundError(f"Logged model with ID '{model_id}' not found.")
        return self._model(known)

    def finalize_logged_model(
        self, model_id: str, status: entities.LoggedModelStatus
    ) -> entities.LoggedModel:
        """Set a model's status: READY if all its files are there, or FAILED."""
        finalized = self.store.models.finalize(model_id, entities.LoggedModelStatus(status).value)
        return self._model(finalized)

    def log_logged_model_params(
        self, model_id: str, params: Sequence[entities.LoggedModelParameter]
    ) -> None:
        """Log params of a model; they do not change afterwards."""
        self.store.models.log_params(model_id, pairs(map(param_record, params)))

    def set_logged_model_tags(self, model_id: str, tags: Sequence[entities.LoggedModelTag]) -> None:
        """Set tags of a model."""
        self.store.models.set_tags(model_id, pairs(map(tag_record, tags)))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """Remove a tag of a model."""
        self.store.models.delete_tag(model_id, key)

    def delete_logged_model(self, model_id: str) -> None:
        """Delete a model; its record stays."""
        self.store.models.delete(model_id)

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of models; without an order the newest first."""
        page = self.store.models.search(
            [str(experiment_id) for experiment_id in experiment_ids],
            filter_string,
            datasets,
            max_results,
            order_by,
            page_token,
        )
        return PagedList([self._model(model) for model in page], page.token)

    def _model(self, record: records.LoggedModel) -> Any:
        return logged_model(record, self.shown(record.artifact_location))
