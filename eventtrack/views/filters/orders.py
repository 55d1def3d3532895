"""Reads MLflow's `order_by` clauses: each is a field, then ASC, DESC or nothing."""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from eventtrack import limits
from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.fields import EXPERIMENTS, RUNS, Field, Schema, resolve_field
from eventtrack.views.filters.tokens import clipped, syntax_error, tokenize


class OrderTerm(msgspec.Struct, frozen=True):
    """One field to sort by.

    `numbers`: params and tags that are numbers come first, in the order of numbers, then texts.
    """

    field: Field
    ascending: bool
    numbers: bool = False


def parse_run_order(
    order_by: Sequence[str] | None, *, numbers: bool = False
) -> tuple[OrderTerm, ...]:
    """The fields to sort runs by; see `parse_order`.

    Args:
        numbers: Whether params and tags are sorted as numbers where they are; MLflow sorts texts.
    """
    terms = parse_order(order_by, RUNS)
    if not numbers:
        return terms
    return tuple(
        structs.replace(term, numbers=term.field.kind in ("param", "tag")) for term in terms
    )


def parse_experiment_order(order_by: Sequence[str] | None) -> tuple[OrderTerm, ...]:
    """The attributes to sort experiments by; see `parse_order`."""
    return parse_order(order_by, EXPERIMENTS)


def parse_order(order_by: Sequence[str] | None, schema: Schema) -> tuple[OrderTerm, ...]:
    """The fields to sort by, most important first; ascending unless DESC is written.

    Raises:
        FilterSyntaxError: A clause cannot be read, or two clauses name the same field.
    """
    if order_by is None:
        return ()
    if isinstance(order_by, str) or not all(isinstance(clause, str) for clause in order_by):
        raise FilterSyntaxError(
            f"Invalid order_by {clipped(repr(order_by))}. Could not be parsed.",
            hint="give a list of texts, as in ['metrics.loss DESC', 'start_time']",
        )
    refuse_many_fields(len(order_by))
    terms: list[OrderTerm] = []
    seen: set[Field] = set()
    for clause in order_by:
        term = _parse_clause(clause, schema)
        if term.field in seen:
            raise FilterSyntaxError(
                f"`order_by` contains duplicate fields: {clipped(str(list(order_by)))}",
                hint=f"name {term.field.kind} {term.field.key!r} once",
            )
        seen.add(term.field)
        terms.append(term)
    return tuple(terms)


def refuse_many_fields(count: int) -> None:
    """Refuse to sort by too many fields: each costs another walk of an index.

    Raises:
        FilterSyntaxError: `count` is beyond the bound.
    """
    if count > limits.ORDER_FIELDS_MAX:
        raise FilterSyntaxError(
            f"Invalid order_by: it names {count} fields, and may name {limits.ORDER_FIELDS_MAX}",
            hint="leave out the later ones: they only order what all the others leave equal",
        )


def _parse_clause(clause: str, schema: Schema) -> OrderTerm:
    refusal = f"Invalid order_by clause {clipped(clause)!r}. Could not be parsed."
    hint = "write a field, then ASC, DESC or nothing, as in metrics.loss DESC"
    first, *rest = tokenize(clause, refusal=refusal)
    quoted = first.kind == "text" and first.text[0] == '"'
    if first.kind != "field" and not quoted:
        raise syntax_error(refusal, clause, first.start, hint=hint)
    field = resolve_field(schema, first, clause)
    if field.kind not in schema.order_kinds:
        raise syntax_error(
            f"Invalid order_by entity type '{field.kind}'",
            clause,
            first.start,
            hint=f"order by one of: {', '.join(schema.order_kinds)}",
        )
    direction = rest[0]
    if direction.kind == "end":
        return OrderTerm(field, ascending=True)
    word = direction.text.upper()
    if word not in ("ASC", "DESC"):
        raise syntax_error(
            f"Invalid ordering key in order_by clause {clipped(clause)!r}.",
            clause,
            direction.start,
            hint=hint,
        )
    if rest[1].kind != "end":
        raise syntax_error(refusal, clause, rest[1].start, hint=hint)
    return OrderTerm(field, ascending=word == "ASC")
