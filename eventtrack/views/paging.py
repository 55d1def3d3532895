"""Pages of results, and tokens that ask for the next page.

A token carries a hash of its search: in another search it would skip results that nobody saw. It
has the number of results on earlier pages. A token of a search of runs also has the place of the
last of them in the order: the next page begins there, at no cost for the results before it.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.views.filters.trees import OrderTerm
from eventtrack.views.records import PagedList
from eventtrack.views.search.places import Place

T = TypeVar("T")
# Beyond the number of all results, yet the end of a page stays within 64 bits.
_OFFSET_MAX = 2**62


class Token(msgspec.Struct):
    """The start of a page."""

    offset: int
    # The hash of the search; "" if the token is good for any search.
    search: str = ""
    # The place of the last result before the page; None in tokens that only count results.
    after: Place | None = None


def search_of(*asked: object) -> str:
    """The hash that names a search in tokens: of its place, its filter and its order."""
    return hashlib.sha256(repr(asked).encode("utf-8", "replace")).hexdigest()[:12]


def offset_of(token: str | None, search: str = "") -> int:
    """The number of results on earlier pages; 0 without a token.

    Raises:
        InvalidValueError: eventtrack made no such token, or made it for another search.
    """
    return token_of(token, search).offset


def token_of(token: str | None, search: str = "", order: Sequence[OrderTerm] = ()) -> Token:
    """The page that a token asks for; the first page without a token.

    Raises:
        InvalidValueError: eventtrack made no such token, or made it for another search.
    """
    if not token:
        return Token(0)
    try:
        text = base64.b64decode(token, validate=True)
        known = msgspec.json.decode(text, type=Token)
    except (TypeError, binascii.Error, ValueError, msgspec.DecodeError):
        known = Token(-1)
    is_sound = known.after is None or known.after.is_of(order)
    if not is_sound or not 0 <= known.offset <= _OFFSET_MAX:
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
    return known


def page(
    results: Sequence[T],
    offset: int,
    size: int,
    search: str = "",
    last: Place | None = None,
    remark: str = "",
) -> PagedList[T]:
    """The first `size` results as a page, with a token if there are more.

    Args:
        results: The results from `offset` on: `size` and one more, if there are so many.
        last: The place of the last result of the page in its order.
        remark: See `PagedList`.
    """
    token = None
    if len(results) > size:
        next_page = Token(offset + size, search, last)
        token = base64.b64encode(msgspec.json.encode(next_page)).decode()
    return PagedList(results[:size], token, remark)
