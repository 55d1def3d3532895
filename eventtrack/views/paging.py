"""Pages of results and the tokens that ask for the next one."""

import base64
import binascii
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


def offset_of(token: str | None) -> int:
    """How many results the pages before took; 0 without a token.

    Raises:
        InvalidValueError: The token is none of ours.
    """
    if not token:
        return 0
    try:
        text = base64.b64decode(token, validate=True)
        offset = msgspec.json.decode(text, type=_Token).offset
    except (TypeError, binascii.Error, ValueError, msgspec.DecodeError):
        offset = -1
    if not 0 <= offset <= _OFFSET_MAX:
        raise InvalidValueError(
            f"Invalid page token: {str(token)[:40]!r}",
            hint="pass the `token` of the page before, unchanged",
        )
    return offset


def page(found: Sequence[T], offset: int, size: int) -> PagedList[T]:
    """The first `size` results as a page, with a token if there are more.

    Args:
        found: Results from `offset` on: `size` and one more where there are so many.
    """
    token = None
    if len(found) > size:
        token = base64.b64encode(msgspec.json.encode(_Token(offset + size))).decode()
    return PagedList(found[:size], token)
