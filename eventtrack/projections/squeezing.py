"""Rows of the views in fewer bytes: MessagePack arrays as frames of Zstandard.

A frame begins with its magic number, whose first byte no array begins with. So rows of both kinds
stand beside each other.
"""

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from eventtrack.lazy import lazy

# A program that writes small rows alone does without it.
if TYPE_CHECKING:
    import zstandard
else:
    zstandard = lazy("zstandard")

# A smaller row would save little.
_FROM_BYTES = 512
# Level 1 takes two and a half times as long, for the same bytes.
_LEVEL = -1
_MAGIC = 0x28


class _Contexts(threading.local):
    """The memory that the library works in, made once for each thread."""

    @cached_property
    def compress(self) -> Callable[[bytes], bytes]:
        return zstandard.ZstdCompressor(level=_LEVEL).compress

    @cached_property
    def decompress(self) -> Callable[[bytes], bytes]:
        return zstandard.ZstdDecompressor().decompress


_contexts = _Contexts()


def squeeze(row: bytes) -> bytes:
    """An array as it is stored."""
    return row if len(row) < _FROM_BYTES else _contexts.compress(row)


def restore(value: bytes) -> bytes:
    """The array that is stored."""
    return _contexts.decompress(value) if value[0] == _MAGIC else value
