"""Cuts a filter or an order into tokens, and shows the place of a fault in the text.

A quote inside quotes is doubled, as in SQL, in texts and in keys; a backslash is an ordinary
character. MLflow has no escape at all, so its filters cannot hold a text with both kinds of quotes.
"""

import re
from typing import Literal

import msgspec

from eventtrack.errors import FilterSyntaxError

TokenKind = Literal["field", "keyword", "text", "number", "operator", "mark", "end"]

KEYWORDS = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL", "LIKE", "ILIKE", "RLIKE"})

# Characters of the text shown on either side of a fault.
_EXCERPT_CHARACTERS = 40

# Quantifiers are possessive, so matching never backtracks, whatever the text. An unquoted key may
# have the characters that MLflow allows in keys, except the space. Compiled at its first use.
_PATTERN = r"""
    (?P<field>
        (?P<entity> `[^`]*+(?:``[^`]*+)*+` | [^\W\d]\w*+ )
        (?: \. (?P<key>
            `[^`]*+(?:``[^`]*+)*+` | "[^"]*+(?:""[^"]*+)*+" | '[^']*+(?:''[^']*+)*+'
            | [\w./:-]++ (?: (?<=\.attributes\.) `[^`]*+(?:``[^`]*+)*+` )?
        ) )?
    )
    | (?P<text> '[^']*+(?:''[^']*+)*+' | "[^"]*+(?:""[^"]*+)*+" )
    | (?P<number> [+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]) )
    | (?P<operator> [<>=!~]++ )
    | (?P<mark> [(),] )
    | (?P<space> \s++ )
    | (?P<wrong> [`'"].*+ | [^\s(),]++ )
    """


class Token(msgspec.Struct, frozen=True):
    """One token; `start` counts characters from 0. A keyword's text is in capitals.

    Only fields have an `entity` and a `key`, as written, with their quotes; `key` is None without a
    dot.
    """

    kind: TokenKind
    text: str
    start: int
    entity: str = ""
    key: str | None = None


def tokenize(text: str, *, refusal: str = "") -> list[Token]:
    """All tokens of `text`; the last token is of kind "end".

    Args:
        refusal: The message for a text that cannot be read; if empty, the message for filters.

    Raises:
        FilterSyntaxError: A quote is not closed, or a character has no meaning there.
    """
    tokens = []
    for match in re.finditer(_PATTERN, text, re.VERBOSE | re.DOTALL):
        kind = match.lastgroup
        written = match.group()
        start = match.start()
        if kind == "space":
            continue
        if kind == "field":
            entity = match["entity"]
            keyword = written.upper()
            if keyword in KEYWORDS:
                tokens.append(Token("keyword", keyword, start))
            else:
                tokens.append(Token("field", written, start, entity, match["key"]))
        elif kind == "text":
            tokens.append(Token("text", written, start))
        elif kind == "number":
            tokens.append(Token("number", written, start))
        elif kind == "operator":
            tokens.append(Token("operator", written, start))
        elif kind == "mark":
            tokens.append(Token("mark", written, start))
        else:
            raise _unreadable(text, written, start, refusal)
    tokens.append(Token("end", "", len(text)))
    return tokens


def unquote(text: str) -> str:
    """The text between the quotes, with doubled quotes made single; unquoted text unchanged.

    In `span.attributes.`my key`` only the end of the key is quoted.
    """
    plain, backtick, rest = text.partition("`")
    if plain and backtick and rest.endswith("`") and plain[0] not in ("'", '"'):
        return plain + unquote(backtick + rest)
    quote = text[:1]
    if quote not in ("'", '"', "`"):
        return text
    inner = text[1:-1]
    return inner.replace(quote + quote, quote) if quote in inner else inner


def syntax_error(message: str, text: str, position: int, *, hint: str = "") -> FilterSyntaxError:
    """The error for a fault at `position` of `text`: the message, and a caret under the place."""
    start = max(0, position - _EXCERPT_CHARACTERS)
    stop = position + _EXCERPT_CHARACTERS
    before = "..." if start > 0 else ""
    after = "..." if stop < len(text) else ""
    # A line break or a control character would tear the caret from its place.
    shown = "".join(letter if letter.isprintable() else " " for letter in text[start:stop])
    caret = " " * (len(before) + position - start) + "^"
    return FilterSyntaxError(f"{message}\n  {before}{shown}{after}\n  {caret}", hint=hint)


def _unreadable(text: str, written: str, start: int, refusal: str) -> FilterSyntaxError:
    message = refusal or f"Invalid clause(s) in filter string: {clipped(written)!r}"
    first = written.lstrip(".")[:1]
    if first in ("'", '"', "`"):
        message = refusal or f"{message} opens a quote and does not close it"
        hint = f"close it with {first}; a {first} inside is written twice: {first}{first}"
    elif ";" in written and not refusal:
        message = (
            f"Search filter contained multiple expression {clipped(text)!r}. "
            "Provide AND-ed expression list."
        )
        hint = "join the comparisons with AND or OR instead of ;"
    elif written[0] == ".":
        hint = "write the key right behind the dot; an unusual one goes in backticks"
    else:
        hint = "a text goes in single quotes, an unusual key in backticks"
    return syntax_error(message, text, start, hint=hint)


def clipped(text: str) -> str:
    """At most a line of `text`, for a message."""
    limit = 2 * _EXCERPT_CHARACTERS
    return text if len(text) <= limit else text[:limit] + "..."
