"""How long an answer from elsewhere is waited for: the same rule for servers and for pipes.

An answer may be silent for a while before it begins, for the other side may have to work. From its
first byte on it is waited for that long once more, and a second for each KiB that came: a slow line
gets all it needs, and a sender of one byte a second is left after minutes, however much it
announced. The time in which this side works with what came does not count.
"""

import io
import time

# Slower than any line over which a store is worth syncing.
_BYTES_A_SECOND = 1024


class Patience:
    """The time that is left for one answer.

    Args:
        silence_s: How long it may be silent at a time, and what it has beside the time for bytes.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._waited_s = 0.0
        self._bytes = 0

    def left_s(self) -> float:
        """How long the next byte may take; 0 or less when the time is over."""
        due_s = self._silence_s + self._bytes / _BYTES_A_SECOND
        return min(self._silence_s, due_s - self._waited_s)

    def note(self, count: int, waited_s: float) -> None:
        """Some bytes came, which were waited for."""
        if self._bytes:
            self._waited_s += waited_s
        self._bytes += count


class PatientReader(io.RawIOBase):
    """Reads a socket's stream for as long as there is patience.

    Args:
        raw: Has a time limit of its own for one silence.
    """

    def __init__(self, raw: io.RawIOBase, patience: Patience) -> None:
        super().__init__()
        self._raw = raw
        self._patience = patience

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """The next bytes.

        Raises:
            TimeoutError: They come too slowly.
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
        """Close the stream below as well."""
        if not self.closed:
            super().close()
            self._raw.close()
