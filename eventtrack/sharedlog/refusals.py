"""The refusals that all engines share, in the same words, and the question behind them."""

from collections.abc import Sequence

from eventtrack.errors import (
    ConflictError,
    EventtrackError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    StoreClosedError,
)
from eventtrack.log.blocks import Block, BlockHeader


def is_same(header: BlockHeader, other: BlockHeader) -> bool:
    """Whether two blocks hold the same envelopes, with or without their payloads."""
    return (header.replica, header.first, header.root) == (
        other.replica,
        other.first,
        other.root,
    )


def conflict(url: str, block: Block, place: int) -> ConflictError:
    """The refusal of an append because of the block at `place`."""
    header = block.header
    return ConflictError(
        f"cannot append envelopes {header.first} to {header.stop - 1} of replica "
        f"{header.replica.hex()} to {url}: the block at place {place} came first",
        hint="read the log up to its end, then decide again",
    )


def refuse_large(block: Block, limit: int, url: str, hint: str = "") -> None:
    """Refuse a block that is larger than an engine takes.

    Raises:
        InvalidValueError: The block has more than `limit` bytes.
    """
    if len(block.data) > limit:
        raise InvalidValueError(
            f"cannot append a block of {len(block.data):,} bytes to {url}, which takes at most "
            f"{limit:,} bytes",
            hint=hint or "log less in one call",
        )


def refuse_risks(risks: Sequence[str], url: str, *, risky: bool) -> None:
    """Refuse an engine that may lose what it acknowledges.

    Raises:
        InvalidStateError: There are risks, and nobody wants to run them.
    """
    if risks and not risky:
        raise InvalidStateError(
            f"{url} may lose what it acknowledged: {'; '.join(risks)}",
            hint="mend the settings; for a trial, --risky makes the log all the same",
        )


def closed(url: str) -> StoreClosedError:
    """The refusal of a call to a log that this process has closed."""
    return StoreClosedError(f"{url} was closed before the call", hint="open it again")


def missing_place(url: str, place: int, end: int) -> EventtrackError:
    """The refusal to replace what lies behind the log's end."""
    return NotFoundError(
        f"cannot replace the block at place {place} of {url}: its places are 1 to {end}",
        hint="`eventtrack cluster check` names places",
    )
