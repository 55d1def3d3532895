"""The time limit of an answer from elsewhere: the same rule for servers and for pipes.

An answer may be silent for a while before it begins, for the other side may have to work. From the
first byte on, the limit is the same time once more, and a second for each KiB that came. So a slow
line gets all the time that it needs, and a sender of one byte a second is given up after minutes,
however much it announced. The time in which this side works with the bytes does not count.
"""

import io
import time

# Bytes per second: slower than any line over which a store is worth syncing.
_BYTES_A_SECOND = 1024


class Patience:
    """The time that is left for one answer.

    Args:
        silence_s: The longest silence, and the time that the answer has beside that for its bytes.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._waited_s = 0.0
        self._bytes = 0

    def left_s(self) -> float:
        """The time that the next byte may take; 0 or less when the time is over."""
        due_s = self._silence_s + self._bytes / _BYTES_A_SECOND
        return min(self._silence_s, due_s - self._waited_s)

    def note(self, count: int, waited_s: float) -> None:
        """Count bytes that came, and the time spent waiting for them."""
        if self._bytes:
            self._waited_s += waited_s
        self._bytes += count


class PatientReader(io.RawIOBase):
    """Reads a socket's stream for as long as there is patience.

    Args:
        raw: The socket's stream; it has a time limit of its own for a silence.
    """

    def __init__(self, raw: io.RawIOBase, patience: Patience) -> None:
        super().__init__()
        self._raw = raw
        self._patience = patience

    def readable(self) -> bool:
        """Whether the stream can be read: always."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """The next bytes.

        Raises:
            TimeoutError: The bytes come too slowly.
        """
        if self._patience.left_s() <= 0:
            raise TimeoutError("it answers too slowly")
        began = time.monotonic()
        count = self._raw.readinto(buffer) or 0
        self._patience.note(count, time.monotonic() - began)
        return count

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._raw.fileno()

    def close(self) -> None:
        """Close this stream and the stream below."""
        if not self.closed:
            super().close()
            self._raw.close()
