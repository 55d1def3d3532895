"""Evaluation datasets: made, tagged, placed in experiments, found; and their records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import datasets as events
from eventtrack.events.datasets import RecordMerged
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections import dataset_state
from eventtrack.projections.dataset_state import PREFIX, DatasetState
from eventtrack.projections.tables import Reader
from eventtrack.store import dataset_checks as checks
from eventtrack.store.context import StoreContext
from eventtrack.tags import USER_TAG
from eventtrack.views.datasets import EvaluationDataset
from eventtrack.views.queries.datasets import DatasetQueries, existing_dataset

# MLflow's words of calls about experiments and tags.
_OF_EXPERIMENTS = "Dataset '{}' not found"
_OF_TAGS = "Could not find evaluation dataset with ID {}"


class Counts(NamedTuple):
    """The number of records that a merge made, and of those that were there before."""

    inserted: int
    updated: int


class Datasets(DatasetQueries):
    """The evaluation datasets of a store."""

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._engine = context.engine

    def create(
        self,
        name: str,
        *,
        tags: Mapping[str, object] | None = None,
        experiment_ids: Iterable[object] = (),
    ) -> EvaluationDataset:
        """Make a dataset without records. As in MLflow, several may have one name."""
        if not isinstance(name, str) or not name:
            raise InvalidValueError(
                f"Invalid dataset name: {name!r}", hint="pass a text that is not empty"
            )
        validate.no_longer("name", limits.DATASET_NAME_LENGTH_MAX, name)
        clean = _clean_tags(tags or {})
        dataset_id = f"d-{self._engine.ids.id128().hex()}"
        event = events.DatasetCreated(
            validate.text("name", name),
            clean,
            _ids(experiment_ids),
            clean.get(USER_TAG),
            self._now_ms(),
        )
        self._engine.execute(lambda _: (None, [_draft(dataset_id, event)]))
        return self.get(dataset_id)

    def delete(self, dataset_id: str) -> None:
        """Delete a dataset with its records; nothing happens where there is none."""
        event = events.DatasetDeleted(self._now_ms())

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = dataset_state.dataset(reader, dataset_id)
            is_there = state is not None and state.shown
            return None, [_draft(dataset_id, event)] if is_there else []

        self._engine.execute(decide)

    def set_tags(self, dataset_id: str, tags: Mapping[str, object]) -> None:
        """Set tags of a dataset; a value of None leaves its tag as it is."""
        given = validate.mapping("tags", tags)
        clean = _clean_tags({key: value for key, value in given.items() if value is not None})

        def answer(_: Reader, state: DatasetState) -> list[Event]:
            known = state.live_tags()
            new = {key: text for key, text in clean.items() if known.get(key) != text}
            return [events.DatasetTagsSet(new)] if new else []

        self._change(dataset_id, answer, _OF_TAGS)

    def delete_tag(self, dataset_id: str, key: str) -> None:
        """Remove a tag of a dataset; nothing happens where there is none, or no such dataset."""
        event = events.DatasetTagDeleted(validate.text("key", key))

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = dataset_state.dataset(reader, dataset_id)
            is_there = state is not None and state.shown and key in state.live_tags()
            return None, [_draft(dataset_id, event)] if is_there else []

        self._engine.execute(decide)

    def add_to_experiments(
        self, dataset_id: str, experiment_ids: Iterable[object]
    ) -> EvaluationDataset:
        """Let a dataset belong to further experiments.

        Raises:
            NotFoundError: There is no such dataset, or no such experiment.
        """
        wanted = _ids(experiment_ids)

        def answer(reader: Reader, state: DatasetState) -> list[Event]:
            for item in wanted:
                experiment = reader.experiment(item)
                if experiment is None or not experiment.exists:
                    raise NotFoundError(
                        f"No Experiment with id={item}",
                        hint="`eventtrack experiments list` shows the ids",
                    )
            known = state.live_experiments()
            new = [item for item in wanted if item not in known]
            return [events.ExperimentsAdded(new, self._now_ms())]

        self._change(dataset_id, answer, _OF_EXPERIMENTS)
        return self.get(dataset_id)

    def remove_from_experiments(
        self, dataset_id: str, experiment_ids: Iterable[object]
    ) -> EvaluationDataset:
        """Take a dataset out of experiments; one that it does not belong to stays so.

        Raises:
            NotFoundError: There is no such dataset.
        """
        unwanted = _ids(experiment_ids)

        def answer(_: Reader, state: DatasetState) -> list[Event]:
            known = state.live_experiments()
            gone = [item for item in unwanted if item in known]
            return [events.ExperimentsRemoved(gone, self._now_ms())] if gone else []

        self._change(dataset_id, answer, _OF_EXPERIMENTS)
        return self.get(dataset_id)

    def merge_records(self, dataset_id: str, records: Iterable[Mapping[str, Any]]) -> Counts:
        """Merge records, all of them or none: those with inputs that are there are updated.

        Outputs are replaced; expectations and tags are replaced key by key.

        Args:
            records: Dictionaries of `inputs`, and perhaps `outputs`, `expectations`, `tags` and
                `source`.

        Raises:
            InvalidValueError: One is no record, cannot be written as JSON, or is too large.
            NotFoundError: There is no such dataset.
        """
        sources = checks.listed(records)
        result = checks.records_of(dataset_id, sources)
        user, now_ms = checks.user_of(sources), self._now_ms()

        def decide(reader: Reader) -> tuple[Counts, list[Draft]]:
            state = existing_dataset(reader, dataset_id)
            settled = [_settled(reader, state, item) for item in result]
            inserted = sum(item.is_new for item in settled)
            drafts = [
                _draft(dataset_id, events.RecordsMerged(part, now_ms, user))
                for part in checks.portions(settled)
            ]
            return Counts(inserted, len(sources) - inserted), drafts

        return self._engine.execute(decide)

    def delete_records(self, dataset_id: str, record_ids: Iterable[str]) -> int:
        """Delete records; says how many were there."""
        wanted = list(dict.fromkeys(map(str, record_ids)))

        def decide(reader: Reader) -> tuple[int, list[Draft]]:
            state = existing_dataset(reader, dataset_id)
            known = ((key, dataset_state.record(reader, state, key)) for key in wanted)
            gone = [key for key, item in known if item is not None and item.born is not None]
            event = events.RecordsDeleted(gone, self._now_ms())
            return len(gone), [_draft(dataset_id, event)] if gone else []

        return self._engine.execute(decide)

    def _change(
        self,
        dataset_id: str,
        answer: Callable[[Reader, DatasetState], Sequence[Event]],
        missing: str,
    ) -> None:
        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            result = answer(reader, existing_dataset(reader, dataset_id, missing))
            return None, [_draft(dataset_id, *result)] if result else []

        self._engine.execute(decide)

    def _now_ms(self) -> int:
        return self._engine.clock.now_ms()


def _draft(dataset_id: str, *result: Event) -> Draft:
    return Draft.of(PREFIX + dataset_id, *result)


def _settled(reader: Reader, state: DatasetState, record: RecordMerged) -> RecordMerged:
    """A record as it is recorded: as MLflow has it, a new one without outputs has empty ones."""
    known = dataset_state.record(reader, state, record.record_id)
    if known is not None and known.born is not None:
        return record
    outputs = "{}" if record.outputs is None else record.outputs
    return msgspec.structs.replace(record, outputs=outputs, is_new=True)


def _clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    given = validate.mapping("tags", tags)
    return {
        validate.text("key", key): validate.text("tag", str(value)) for key, value in given.items()
    }


def _ids(experiment_ids: Iterable[object]) -> list[str]:
    if isinstance(experiment_ids, str):
        experiment_ids = [experiment_ids]
    return list(dict.fromkeys(validate.text("experiment id", str(item)) for item in experiment_ids))
