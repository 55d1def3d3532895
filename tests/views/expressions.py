"""Expressions written out as filters."""

from eventtrack.views.filters.trees import And, Expression, Not, Or


def rendered(expression: Expression) -> str:
    """The filter that an expression was or could have been read from."""
    match expression:
        case And(parts):
            return " AND ".join(f"({rendered(part)})" for part in parts)
        case Or(parts):
            return " OR ".join(f"({rendered(part)})" for part in parts)
        case Not(part):
            return f"NOT ({rendered(part)})"
    name = f"{expression.field.kind}.{quoted(expression.field.key, '`')}"
    operator, value = expression.operator, expression.value
    if value is None:
        return f"{name} {operator}"
    if isinstance(value, tuple):
        items = [literal(item) for item in value]
        inner = " AND ".join(items) if operator == "BETWEEN" else f"({', '.join(items)})"
        return f"{name} {operator} {inner}"
    return f"{name} {operator} {literal(value)}"


def quoted(text: str, quote: str) -> str:
    """A text in quotes, its own quotes doubled."""
    return quote + text.replace(quote, 2 * quote) + quote


def literal(value: str | float) -> str:
    """A value as it stands in a filter."""
    return quoted(value, "'") if isinstance(value, str) else repr(value)
