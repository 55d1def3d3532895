"""Text, histograms and media of runs, read whole or in part."""

from collections.abc import Mapping, Sequence

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.projections import forks
from eventtrack.projections.item_curves import AnySeries
from eventtrack.projections.items import media_type_of
from eventtrack.views.context import ReadContext
from eventtrack.views.items import KINDS, Item, ItemSeries, items_of, series_of
from eventtrack.views.queries.runs import existing_run


class ItemQueries:
    """Reads of series of a store's runs that are no metrics."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def list(self, run_id: str) -> Sequence[ItemSeries]:
        """The series of a run that are no metrics, in order of kind and key.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.read() as reader:
            return series_of(reader, existing_run(reader, run_id))

    def read(
        self,
        run_id: str,
        key: str,
        kind: str | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Sequence[Item]:
        """The items of a series in order of their times.

        Args:
            run_id: The run.
            key: The name of the series.
            kind: `text`, `histogram` or `media`; None where only one kind has that key.
            start: The first item, and `stop` the item behind the last, as in a slice: `start=-100`
                reads the last 100 lines, and costs no more than that in a series whose items came
                in order.

        Raises:
            NotFoundError: There is no such run, or it has no such series.
            InvalidValueError: Series of several kinds have that key.
        """
        with self._context.read() as reader:
            series = reader.series(existing_run(reader, run_id))
            kind, chosen = _find(series, run_id, key, kind)
            return items_of(reader, kind, chosen, start, stop)

    def media_type(self, run_id: str, sha256: bytes) -> str:
        """The media type of a blob that media of a run name.

        Raises:
            NotFoundError: There is no such run, or its media name no such blob.
        """
        with self._context.read() as reader:
            runs = forks.related(reader, existing_run(reader, run_id))
            types = (media_type_of(reader.rows, run.number, sha256) for run in runs)
            media_type = next((it for it in types if it is not None), None)
        if media_type is None:
            raise NotFoundError(
                f"no medium of the run {run_id} has the bytes {sha256.hex()[:64]}",
                hint="take `sha256` from an item of a series of media",
            )
        return media_type


def _find(
    items: Mapping[str, AnySeries], run_id: str, key: str, kind: str | None
) -> tuple[str, AnySeries]:
    """The kind and the items of a series."""
    facts = KINDS.values() if kind is None else [KINDS[kind]] if kind in KINDS else []
    series = [(fact.name, items[name]) for fact in facts if (name := fact.called(key)) in items]
    if not series:
        raise NotFoundError(
            f"the run {run_id} has no {kind or 'text, histograms or media'} {key!r}",
            hint="the page of the run lists its series; points of a metric are its history",
        )
    if len(series) > 1:
        kinds = " and ".join(name for name, _ in series)
        raise InvalidValueError(
            f"the run {run_id} has {kinds} of the name {key!r}", hint="name the kind that you mean"
        )
    return series[0]
