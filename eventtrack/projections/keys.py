"""Keys of the views' tables: texts of any length within the 511 bytes that LMDB allows."""

from eventtrack.hashing import sha256
from eventtrack.projections.index import FieldName

# A key holds at most this much of a text; a longer text is cut, and its hash follows.
TEXT_BYTES_MAX = 400


def name(text: str) -> bytes:
    """A text as a key: a stream, say. Keys are in the order of their texts, up to a cut."""
    key = text.encode("utf-8", "surrogatepass")  # a question may name any text
    return key if len(key) <= TEXT_BYTES_MAX else key[:TEXT_BYTES_MAX] + hashed(text)


def field(name: FieldName) -> bytes:
    """The key of an indexed field's number."""
    key = (name[0] + name[1]).encode("utf-8", "surrogatepass")
    return key if len(key) <= TEXT_BYTES_MAX else key[:TEXT_BYTES_MAX] + hashed(name[1])


def event_type(name: str) -> bytes:
    """The key of an unknown type's count; always a text."""
    key = name.encode()
    if 0 < len(key) <= TEXT_BYTES_MAX:
        return key
    return f"{name[:50]}~{hashed(name).hex()}".encode()


def artifact(run: int, path: str) -> bytes:
    """The key of an artifact; keys of a run are in the order of their paths."""
    return run.to_bytes(4, "big") + path.encode()[:TEXT_BYTES_MAX] + b"\0" + hashed(path)[:8]


def hashed(text: str) -> bytes:
    """A key for a text of any length; the keys are in no order."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
