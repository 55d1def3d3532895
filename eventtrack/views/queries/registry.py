"""The model registry, read."""

from collections.abc import Mapping, Sequence

from eventtrack import limits, validate
from eventtrack.errors import (
    InvalidValueError,
    NotFoundError,
)
from eventtrack.projections import registered_state
from eventtrack.projections.registered_state import PREFIX
from eventtrack.views import paging
from eventtrack.views.context import ReadContext
from eventtrack.views.filters.fields import MODEL_VERSIONS, REGISTERED_MODELS
from eventtrack.views.filters.trees import parse_filter, parse_order
from eventtrack.views.queries import registry_checks as checks
from eventtrack.views.records import ModelVersion, PagedList, RegisteredModel
from eventtrack.views.registered import (
    STAGES,
    model_record,
    version_record,
    version_records,
)
from eventtrack.views.search import registered as registered_search

_DEFAULT_ORDER = ("last_updated_timestamp DESC", "name ASC", "version_number DESC")
_LATEST = "latest"


class RegistryQueries:
    """Reads of the registered models of a store, by name, and of their versions, by number."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def get(self, name: str) -> RegisteredModel:
        """A registered model by its name.

        Raises:
            NotFoundError: There is no such model.
        """
        with self._context.read() as reader:
            return model_record(reader, checks.existing(reader, name))

    def search(
        self,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_REGISTERED_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """One page of registered models, by name; prompts only if the filter asks for them."""
        _refuse_size(max_results, limits.SEARCH_REGISTERED_RESULTS_MAX)
        expression = parse_filter(filter_string, REGISTERED_MODELS)
        order = parse_order(order_by, REGISTERED_MODELS)
        asked = paging.search_of(filter_string or "", list(order_by or ()))
        offset = paging.offset_of(page_token, asked)
        with self._context.read() as reader:
            models = [model_record(reader, state) for state in registered_state.models(reader)]
        prompts = {model.name for model in models if is_prompt(model.tags)}
        matches = registered_search.find(models, expression, order, prompts)
        return paging.page(matches[offset : offset + max_results + 1], offset, max_results, asked)

    def get_version(self, name: str, version: int | str) -> ModelVersion:
        """A version by its model's name and its number.

        Raises:
            NotFoundError: There is no such version.
        """
        with self._context.read() as reader:
            model, number, state = checks.existing_version(reader, name, version)
            return version_record(checks.model_name(name), model, number, state)

    def version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias names; `latest` means the greatest number.

        Raises:
            InvalidValueError: There is no such alias.
        """
        checks.model_name(name)
        alias = checks.alias(alias)
        with self._context.read() as reader:
            versions = version_records(reader, checks.existing(reader, name))
        if alias.lower() == _LATEST:
            if not versions:
                raise NotFoundError(f"Latest version not found for model {name}.")
            return versions[-1]
        for version in versions:
            if alias in version.aliases:
                return version
        raise InvalidValueError(
            f"Registered model alias {alias} not found.",
            hint=f"`eventtrack models show {name}` lists its aliases",
        )

    def versions(self, name: str) -> list[ModelVersion]:
        """Every version of a registered model, in order of their numbers."""
        with self._context.read() as reader:
            return version_records(reader, checks.existing(reader, name))

    def latest_versions(self, name: str, stages: Sequence[str] = ()) -> list[ModelVersion]:
        """The version with the greatest number in each of some stages; all stages by default."""
        with self._context.read() as reader:
            latest = model_record(reader, checks.existing(reader, name)).latest_versions
        wanted = [checks.stage(stage) for stage in stages] or STAGES
        return [version for version in latest if version.current_stage in wanted]

    def search_versions(
        self,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_VERSIONS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """One page of versions, the last changed first; prompts only if the filter asks."""
        _refuse_size(max_results, limits.SEARCH_VERSIONS_RESULTS_MAX)
        expression = parse_filter(filter_string, MODEL_VERSIONS)
        order = parse_order(order_by or _DEFAULT_ORDER, MODEL_VERSIONS)
        asked = paging.search_of(filter_string or "", list(order_by or ()))
        offset = paging.offset_of(page_token, asked)
        with self._context.read() as reader:
            models = registered_state.models(reader)
            versions = [version for model in models for version in version_records(reader, model)]
        prompts = {version.name for version in versions if is_prompt(version.tags)}
        matches = registered_search.find(versions, expression, order, prompts)
        return paging.page(matches[offset : offset + max_results + 1], offset, max_results, asked)

    def stream(self, name: str) -> str:
        """The stream that holds every event of a registered model and its versions."""
        with self._context.read() as reader:
            return PREFIX + checks.existing(reader, name).registered_id


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Whether the tags of a registered model say that it is a prompt."""
    return tags.get(registered_search.PROMPT_TAG, "").lower() == "true"


def _refuse_size(max_results: int, largest: int) -> None:
    if max_results > largest:
        raise InvalidValueError(
            "Invalid value for request parameter max_results. It must be at most "
            f"{largest}, but got value {max_results}",
            hint="ask for less and go on with the page's token",
        )
    validate.max_results(max_results, largest)
