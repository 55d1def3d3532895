"""Filters of figures about traces: comparisons such as `trace.tag.team = 'blue'`."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.tokens import unquote

# By view: the entities to compare, and whether a key has to follow (MLflow, tracing/constant.py).
_ENTITIES: Mapping[str, Mapping[str, bool]] = {
    "trace": {"status": False, "tag": True, "metadata": True},
    "span": {"name": False, "status": False, "type": False},
    "assessment": {"name": False, "type": False},
}
# Possessive, so matching never backtracks.
_QUOTED = r"""'[^']*+(?:''[^']*+)*+' | "[^"]*+(?:""[^"]*+)*+" """
_COMPARISON = re.compile(
    rf"""
    \s*+ (?P<of> `\w++` | \w++ ) \. (?P<entity> \w++ )
    (?: \. (?P<key> `[^`]*+` | {_QUOTED} | [\w./:-]++ ) )?
    \s*+ (?P<operator> [<>=!~]++ | (?<=\s)[A-Za-z]++ ) \s*+ (?P<value> {_QUOTED} ) \s*+
    """,
    re.VERBOSE,
)


class MetricFilter(NamedTuple):
    """A demand that an entity of a trace, span or assessment (`of`) equals `value`.

    `key` is "" for entities without keys.
    """

    of: str
    entity: str
    key: str
    value: str


def parse_metric_filters(texts: Sequence[str], view: str) -> tuple[MetricFilter, ...]:
    """Read the filters over the rows of a view; a row counts if all filters hold.

    Raises:
        FilterSyntaxError: A filter cannot be read, or is about other rows than the view's.
    """
    return tuple(_parse(text, view) for text in texts)


def _parse(text: str, view: str) -> MetricFilter:
    parts = _COMPARISON.fullmatch(text)
    if parts is None:
        raise FilterSyntaxError(
            f"Invalid filter: '{text}'. Expected one filter clause.",
            hint="write one comparison with a quoted value, as in trace.status = 'OK'",
        )
    of, entity, key = unquote(parts["of"]), parts["entity"], unquote(parts["key"] or "")
    if of not in _ENTITIES:
        raise FilterSyntaxError(f"Invalid view type '{of}'. Valid values are {list(_ENTITIES)}")
    if entity not in _ENTITIES[of]:
        raise FilterSyntaxError(
            f"Invalid entity '{entity}' specified for view type '{of}'. "
            f"Valid entities are {list(_ENTITIES[of])}"
        )
    if _ENTITIES[of][entity] and not key:
        raise FilterSyntaxError(
            f"Filtering by {entity} requires a key, e.g. '{of}.{entity}.<key> = <value>'"
        )
    if key and not _ENTITIES[of][entity]:
        raise FilterSyntaxError(
            f"Filtering by {entity} does not require a key, use '{of}.{entity}' instead"
        )
    if parts["operator"] != "=":
        raise FilterSyntaxError(
            f"Invalid comparator: '{parts['operator']}', only '=' operator is supported"
        )
    if of != "trace" and view != f"{of.upper()}S":
        raise FilterSyntaxError(
            f"Filtering by {of} is only supported for {of.upper()}S view type, got {view}"
        )
    return MetricFilter(of, entity, key, unquote(parts["value"]))
