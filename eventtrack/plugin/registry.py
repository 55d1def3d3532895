"""MLflow's calls about the model registry; the store that keeps the runs keeps it too."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlparse

from mlflow.entities import model_registry as entities
from mlflow.store.entities.paged_list import PagedList
from mlflow.store.model_registry.abstract_store import AbstractStore

from eventtrack.plugin.errors import not_implemented, translate_errors
from eventtrack.store import Store, open_store
from eventtrack.views import records


@translate_errors
class RegistryStore(AbstractStore):
    """The registered models of an eventtrack store behind MLflow's `eventtrack:PATH`.

    Safe from any thread and process. MLflow's base class builds the other calls from these: prompts
    are registered models with a tag.
    """

    def __init__(self, store_uri: str, tracking_uri: str | None = None) -> None:
        super().__init__(store_uri, tracking_uri)
        self._path = open_store(store_uri, source="mlflow").path

    @property
    def store(self) -> Store:
        """The store, asked for by each call: it may have been closed, or forked."""
        return open_store(self._path, source="mlflow")

    def create_registered_model(
        self,
        name: str,
        tags: Iterable[Any] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> entities.RegisteredModel:
        """Make a registered model without versions."""
        made = self.store.registry.create(name, description=description, tags=_pairs(tags))
        return _model(made)

    def update_registered_model(
        self, name: str, description: str | None, deployment_job_id: str | None = None
    ) -> entities.RegisteredModel:
        """Change a description."""
        return _model(self.store.registry.describe(name, description))

    def rename_registered_model(self, name: str, new_name: str) -> entities.RegisteredModel:
        """Give a model and all its versions another name."""
        return _model(self.store.registry.rename(name, new_name))

    def delete_registered_model(self, name: str) -> None:
        """Delete a model with all its versions."""
        self.store.registry.delete(name)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of models, by name."""
        sizes = {} if max_results is None else {"max_results": max_results}
        page = self.store.registry.search(
            filter_string, order_by=_texts(order_by), page_token=page_token, **sizes
        )
        return PagedList(list(map(_model, page)), page.token)

    def get_registered_model(self, name: str) -> entities.RegisteredModel:
        """A model by its name."""
        return _model(self.store.registry.get(name))

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[entities.ModelVersion]:
        """The latest version in each of some stages."""
        return list(map(_version, self.store.registry.latest_versions(name, stages or ())))

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        """Set a tag of a model."""
        self.store.registry.set_tag(name, tag.key, tag.value)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Remove a tag of a model."""
        self.store.registry.delete_tag(name, key)

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Iterable[Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> entities.ModelVersion:
        """Register a version; it is ready at once."""
        location, run_id, model_id = self._resolved(source, run_id, model_id)
        made = self.store.registry.create_version(
            name,
            source,
            location=location,
            run_id=run_id,
            run_link=run_link,
            model_id=model_id or None,
            description=description,
            tags=_pairs(tags),
        )
        return _version(made)

    def update_model_version(
        self, name: str, version: str, description: str | None
    ) -> entities.ModelVersion:
        """Change a version's description."""
        return _version(self.store.registry.describe_version(name, version, description))

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, archive_existing_versions: bool
    ) -> entities.ModelVersion:
        """Move a version to a stage."""
        moved = self.store.registry.set_stage(
            name, version, stage, archive_existing=archive_existing_versions
        )
        return _version(moved)

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete a version."""
        self.store.registry.delete_version(name, version)

    def get_model_version(self, name: str, version: str) -> entities.ModelVersion:
        """A version by its number."""
        return _version(self.store.registry.get_version(name, version))

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        """The location of a version's files."""
        return self.store.registry.get_version(name, version).location

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of versions, the most recently changed first."""
        sizes = {} if max_results is None else {"max_results": max_results}
        page = self.store.registry.search_versions(
            filter_string, order_by=_texts(order_by), page_token=page_token, **sizes
        )
        return PagedList(list(map(_version, page)), page.token)

    def set_model_version_tag(self, name: str, version: str, tag: Any) -> None:
        """Set a tag of a version."""
        self.store.registry.set_version_tag(name, version, tag.key, tag.value)

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Remove a tag of a version."""
        self.store.registry.delete_version_tag(name, version, key)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version."""
        self.store.registry.set_alias(name, alias, version)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self.store.registry.delete_alias(name, alias)

    def get_model_version_by_alias(self, name: str, alias: str) -> entities.ModelVersion:
        """The version that an alias names."""
        return _version(self.store.registry.version_by_alias(name, alias))

    def _await_model_version_creation(self, mv: Any, await_creation_for: int) -> None:
        """Return at once: a version is ready when it is created."""

    def _resolved(
        self, source: str, run_id: str | None, model_id: str | None
    ) -> tuple[str, str | None, str | None]:
        """The location of a source's files, and the run and the model that made them."""
        if urlparse(source).scheme == "models":
            from mlflow.store.artifact.utils.models import _parse_model_uri

            parsed = _parse_model_uri(source)
            if parsed.model_id is None:
                known = self.store.registry.get_version(parsed.name, parsed.version)
                return known.location, run_id or known.run_id, model_id or known.model_id
            model = self.store.models.get(parsed.model_id)
            return model.artifact_location, run_id or model.source_run_id, model.model_id
        if model_id and not run_id:
            return source, self.store.models.get(model_id).source_run_id, model_id
        return source, run_id, model_id

    # There are no webhooks: MLflow's server asks for them at every change of a model.

    def list_webhooks(
        self, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList:
        """None."""
        return PagedList([], None)

    def list_webhooks_by_event(
        self, event: Any, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList:
        """None."""
        return PagedList([], None)

    def get_webhook(self, webhook_id: str) -> Any:
        """Refused."""
        not_implemented("a webhook")

    def create_webhook(
        self,
        name: str,
        url: str,
        events: Sequence[Any],
        description: str | None = None,
        secret: str | None = None,
        status: Any = None,
    ) -> Any:
        """Refused."""
        not_implemented("a webhook", "follow `eventtrack log --follow` instead")

    def update_webhook(self, webhook_id: str, *changes: Any, **named: Any) -> Any:
        """Refused."""
        not_implemented("a webhook")

    def delete_webhook(self, webhook_id: str) -> None:
        """Refused."""
        not_implemented("a webhook")

    def test_webhook(self, webhook_id: str, event: Any = None) -> Any:
        """Refused."""
        not_implemented("a webhook")


def _pairs(tags: Iterable[Any] | None) -> dict[str, str]:
    return {tag.key: tag.value for tag in tags or ()}


def _texts(order_by: Sequence[str] | None) -> list[str]:
    return [str(column) for column in order_by or ()]


def _model(known: records.RegisteredModel) -> entities.RegisteredModel:
    return entities.RegisteredModel(
        known.name,
        known.creation_timestamp,
        known.last_updated_timestamp,
        known.description,
        list(map(_version, known.latest_versions)),
        [entities.RegisteredModelTag(key, value) for key, value in known.tags.items()],
        [entities.RegisteredModelAlias(alias, str(of)) for alias, of in known.aliases.items()],
    )


def _version(known: records.ModelVersion) -> entities.ModelVersion:
    return entities.ModelVersion(
        name=known.name,
        version=str(known.version),
        creation_timestamp=known.creation_timestamp,
        last_updated_timestamp=known.last_updated_timestamp,
        description=known.description,
        user_id=known.user_id,
        current_stage=known.current_stage,
        source=known.source,
        run_id=known.run_id,
        status=known.status,
        tags=[entities.ModelVersionTag(key, value) for key, value in known.tags.items()],
        run_link=known.run_link,
        aliases=known.aliases,
        model_id=known.model_id,
    )
