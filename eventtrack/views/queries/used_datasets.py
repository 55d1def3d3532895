"""The datasets that runs read, gathered over runs: a dataset is known by its digest."""

from collections.abc import Sequence
from itertools import groupby

from eventtrack.projections import index
from eventtrack.projections.rows import end_of
from eventtrack.projections.state import ExperimentState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.tags import DATASET_CONTEXT_TAG
from eventtrack.views.context import ReadContext
from eventtrack.views.records import Dataset, Record
from eventtrack.waiting import checked

_DIGEST = (index.DATASET, "digest")
# Of a dataset, so many runs of each experiment are decoded for its names and contexts.
_DECODED = 8


class UsedDataset(Record):
    """A dataset that runs read.

    Args:
        contexts: The uses that runs made of it, such as `training`.
        runs: The number of runs that read it, deleted ones included.
        experiment_ids: The experiments of these runs.
    """

    dataset: Dataset
    contexts: list[str]
    runs: int
    experiment_ids: list[str]


class UsedDatasets:
    """Reads of the datasets that the runs of a store read."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def list(self, limit: int = 1000) -> list[UsedDataset]:
        """The datasets of all runs by name and digest, at most `limit`.

        Costs a walk over one index entry for each use, and decodes a few runs of each dataset.
        """
        known: dict[tuple[str, str], UsedDataset] = {}
        with self._context.read() as reader:
            for experiment in reader.experiments():
                if experiment.exists:
                    _gather(reader, experiment, known, limit)
        return [known[pair] for pair in sorted(known)]


def _gather(
    reader: Reader,
    experiment: ExperimentState,
    known: dict[tuple[str, str], UsedDataset],
    limit: int,
) -> None:
    """Add the datasets of the runs of an experiment."""
    field = reader.field(_DIGEST)
    if field is None:
        return
    prefix = index.prefix(experiment.number, field)
    keys = checked(reader.rows.keys(index.table_of(_DIGEST), prefix, end_of(prefix)))
    for value, rows in groupby(keys, key=index.value_of):
        numbers = [index.run_of(key) for key in rows]
        digest, _ = index.decode_text(value)
        states = [reader.run_by_number(number) for number in numbers[:_DECODED]]
        for dataset, contexts in _uses([state for state in states if state], digest):
            pair = (dataset.name, dataset.digest)
            if pair not in known and len(known) >= limit:
                return
            use = known.setdefault(
                pair, UsedDataset(dataset=dataset, contexts=[], runs=0, experiment_ids=[])
            )
            use.runs += len(numbers)
            use.contexts = sorted({*use.contexts, *contexts})
            use.experiment_ids.append(experiment.experiment_id)


def _uses(states: Sequence[RunState], digest: str) -> list[tuple[Dataset, set[str]]]:
    """The datasets of some runs whose digests begin with a text, with their contexts."""
    uses: dict[tuple[str, str], tuple[Dataset, set[str]]] = {}
    for state in states:
        for used, _ in state.datasets.values():
            if not used.digest.startswith(digest):
                continue
            dataset = Dataset(
                name=used.name,
                digest=used.digest,
                source_type=used.source_type,
                source=used.source,
                schema=used.schema,
                profile=used.profile,
            )
            _, contexts = uses.setdefault((used.name, used.digest), (dataset, set()))
            if (context := used.tags.get(DATASET_CONTEXT_TAG)) is not None:
                contexts.add(context)
    return list(uses.values())
