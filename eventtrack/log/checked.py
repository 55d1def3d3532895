"""Small files that say by themselves whether they are what was written: JSON with its own hash.

A file is `["SHA-256 of the value as JSON, in hex", value]`. No name stands around the value, so no
single wrong bit makes another kind of file of it.
"""

from typing import TypeVar

import msgspec

from eventtrack.hashing import sha256

Value = TypeVar("Value")
# The errors of JSON that cannot be read, from a file or from a request.
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)


def encode_checked(value: object) -> bytes:
    """The bytes of a file that holds a value."""
    data = msgspec.json.encode(value)
    return msgspec.json.format(msgspec.json.encode([_hash(data), msgspec.Raw(data)])) + b"\n"


def decode_checked(data: bytes, kind: type[Value]) -> Value:
    """The value in a file's bytes; files of before hold it alone.

    Args:
        kind: No array that begins with a text.

    Raises:
        UNREADABLE: They are not what was written.
    """
    try:
        said, raw = msgspec.json.decode(data, type=tuple[str, msgspec.Raw])
    except msgspec.ValidationError:
        return msgspec.json.decode(data, type=kind)
    value = msgspec.json.decode(raw, type=kind)
    if _hash(msgspec.json.encode(value)) != said:
        message = "it is not what was written: its hash is another"
        raise msgspec.DecodeError(message)
    return value


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()
