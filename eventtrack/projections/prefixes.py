"""The first bytes of the index rows of a field in an experiment, looked up once for many runs."""

from typing import Protocol

from eventtrack.projections import index, keys
from eventtrack.projections.cache import Cache
from eventtrack.projections.index import FieldName
from eventtrack.projections.rows import WritableRows


class Tables(Protocol):
    """The views within a fold."""

    rows: WritableRows

    def field(self, field: FieldName) -> int | None:
        """The number of an indexed field; None if no run ever had it."""
        ...

    def take_number(self) -> int:
        """A local number that nothing has yet."""
        ...


class Prefixes:
    """The prefixes within one write transaction of a fold; `cache` keeps them for the next."""

    def __init__(self, tables: Tables, cache: Cache) -> None:
        self._tables = tables
        self._cache = cache

    def known(self, experiment: int) -> dict[FieldName, bytes]:
        """The prefixes of an experiment that were looked up so far."""
        return self._cache.prefixes.setdefault(experiment, {})

    def of(self, experiment: int, field: FieldName) -> bytes:
        """The prefix of a field; a new field gets a number."""
        known = self.known(experiment)
        prefix = known.get(field)
        if prefix is None:
            prefix = known[field] = index.prefix(experiment, self._number(field))
        return prefix

    def _number(self, field: FieldName) -> int:
        number = self._cache.fields.get(field) or self._tables.field(field)
        if number is None:
            number = self._tables.take_number()
            self._tables.rows.put("fields", keys.field(field), number.to_bytes(4, "big"))
        self._cache.fields[field] = number
        return number
