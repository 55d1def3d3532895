"""Pages of results and the tokens that ask for the next one.

A token carries a hash of its search: of another search it would skip results that nobody saw.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.views.records import PagedList

T = TypeVar("T")
# Far beyond any result, and small enough that a page's end still is a 64-bit integer.
_OFFSET_MAX = 2**62


class _Token(msgspec.Struct):
    offset: int
    # Of the search that it goes on with; "" where any will do.
    search: str = ""


def search_of(*asked: object) -> str:
    """What identifies a search in its tokens: where it looks, for what, in which order."""
    return hashlib.sha256(repr(asked).encode("utf-8", "replace")).hexdigest()[:12]


def offset_of(token: str | None, search: str = "") -> int:
    """How many results the pages before took; 0 without a token.

    Raises:
        InvalidValueError: The token is none of ours, or belongs to another search.
    """
    if not token:
        return 0
    try:
        text = base64.b64decode(token, validate=True)
        known = msgspec.json.decode(text, type=_Token)
    except (TypeError, binascii.Error, ValueError, msgspec.DecodeError):
        known = _Token(-1)
    if not 0 <= known.offset <= _OFFSET_MAX:
        raise InvalidValueError(
            f"Invalid page token: {str(token)[:40]!r}",
            hint="pass the `token` of the page before, unchanged",
        )
    if known.search and search and known.search != search:
        raise InvalidValueError(
            "The page token belongs to another search: its experiments, its filter or its order "
            "are not those of this one",
            hint="ask for the first page of this search, without a token",
        )
    return known.offset


def page(found: Sequence[T], offset: int, size: int, search: str = "") -> PagedList[T]:
    """The first `size` results as a page, with a token if there are more.

    Args:
        found: Results from `offset` on: `size` and one more where there are so many.
    """
    token = None
    if len(found) > size:
        token = base64.b64encode(msgspec.json.encode(_Token(offset + size, search))).decode()
    return PagedList(found[:size], token)
