"""The two pipes to another process: every wait on them ends.

The process may have stopped, or may answer a byte a second. The rule is the same as for answers of
servers (`rest/patience.py`); it begins anew with each sent message.
"""

import io
import os
import select
import time
from typing import BinaryIO

from eventtrack.rest.patience import Patience


class PipeSource(io.RawIOBase):
    """Reads from a pipe.

    Args:
        pipe: Unbuffered.
        silence_s: See `Patience`.
    """

    def __init__(self, pipe: BinaryIO, silence_s: float) -> None:
        super().__init__()
        self._pipe = pipe
        self._silence_s = silence_s
        self._patience = Patience(silence_s)

    def renew(self) -> None:
        """Begin the wait anew: another answer is due."""
        self._patience = Patience(self._silence_s)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """The next bytes; 0 at the end.

        Raises:
            TimeoutError: No bytes came, or they come too slowly.
        """
        left_s = self._patience.left_s()
        began = time.monotonic()
        if left_s <= 0 or not select.select([self._pipe], [], [], left_s)[0]:
            raise TimeoutError("it answers too slowly, or not at all")
        count = os.readv(self._pipe.fileno(), [buffer])
        self._patience.note(count, time.monotonic() - began)
        return count

    def close(self) -> None:
        """Close the pipe."""
        if not self.closed:
            super().close()
            self._pipe.close()


class PipeSink(io.RawIOBase):
    """Writes to a pipe.

    Args:
        pipe: Unbuffered; its descriptor no longer blocks.
        silence_s: The longest time in which the other side may take nothing. May be changed.
    """

    def __init__(self, pipe: BinaryIO, silence_s: float) -> None:
        super().__init__()
        os.set_blocking(pipe.fileno(), False)
        self._pipe = pipe
        self.silence_s = silence_s

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        """Write some of the data.

        Raises:
            TimeoutError: The other side takes nothing.
            BrokenPipeError: The other side is gone.
        """
        until = time.monotonic() + self.silence_s
        while True:
            try:
                return os.write(self._pipe.fileno(), data)
            except BlockingIOError:
                left_s = until - time.monotonic()
                if left_s <= 0 or not select.select([], [self._pipe], [], left_s)[1]:
                    raise TimeoutError("it takes nothing of what is sent to it") from None

    def close(self) -> None:
        """Close the pipe: the other side then reads the end."""
        if not self.closed:
            super().close()
            self._pipe.close()
