"""The reason for a change: a block gives it, and every change in the block carries it.

    with eventtrack.reason("the label was wrong"):
        client.set_tag(run_id, "label", "cat")

The engine puts the reason beside the events of the change (docs/format.md, section 5, "Reasons").
Over HTTP a header carries it. Points carry none: a measurement is no change of the record.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, unquote

from eventtrack.errors import InvalidValueError
from eventtrack.limits import REASON_LENGTH_MAX

# The reason for what this thread or task changes; None for none.
REASON: ContextVar[str | None] = ContextVar("eventtrack_reason", default=None)
# Names the reason for a request. Its value is UTF-8 with percent signs for all that is no ASCII.
HEADER = "x-eventtrack-reason"


@contextmanager
def reason(text: str | None) -> Iterator[None]:
    """Give the reason for all changes that this thread or task makes in a block.

    A block within another replaces the reason of the outer block.

    Args:
        text: 1 to 500 characters; None leaves the reason as it is.

    Raises:
        InvalidValueError: The text is empty or too long, or no text.
    """
    if text is None:
        yield
        return
    token = REASON.set(checked(text))
    try:
        yield
    finally:
        REASON.reset(token)


@contextmanager
def without_reason() -> Iterator[None]:
    """Record what a block changes without a reason: it says its reason itself."""
    token = REASON.set(None)
    try:
        yield
    finally:
        REASON.reset(token)


def checked(text: str) -> str:
    """A reason without spaces around it.

    Raises:
        InvalidValueError: The text is empty or too long, or no text.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidValueError(
            "A reason has to be a text that says something", hint="say why the change is made"
        )
    text = text.strip()
    if len(text) > REASON_LENGTH_MAX:
        raise InvalidValueError(
            f"A reason has at most {REASON_LENGTH_MAX} characters, not {len(text)}",
            hint="put the long text into a tag or a file, and name it in the reason",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"A reason has to be Unicode text: {error.reason}", hint="write it as UTF-8"
        ) from error
    return text


def header_of(text: str) -> str:
    """A reason, or another text for people, as the value of a header."""
    return quote(text, safe=" ,.:;()/'")


def from_header(value: str | None) -> str | None:
    """The reason in a header; None for no header or an empty one.

    Raises:
        InvalidValueError: The value is no UTF-8, or too long.
    """
    if not value:
        return None
    try:
        return checked(unquote(value, errors="strict"))
    except UnicodeDecodeError as error:
        raise InvalidValueError(
            f"The header {HEADER} is no UTF-8 ({error.reason})",
            hint="encode the reason as UTF-8, then with percent signs",
        ) from error
