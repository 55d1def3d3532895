"""The frames that the launcher sends to the recorder through a pipe.

A frame is a kind (one byte), a time (a double: seconds since 1970), a length (four bytes, big
endian) and so many bytes. Both ends belong to one program and one moment, so there is no version.
"""

import os
import struct
import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

STARTED = b"s"  # the process id of the command, in decimal digits
STDOUT = b"o"  # a part of standard output; on a terminal, of all output
STDERR = b"e"  # a part of standard error
SIGNAL = b"g"  # the number of a signal that was sent to the launcher, in decimal digits
ENDED = b"x"  # the exit code of the command, negative for a signal, in decimal digits

_HEADER = struct.Struct(">cdI")
# Bytes that wait in memory for a slow recorder. Beyond that the program waits too: losing its
# output would be worse.
WAITING_BYTES_MAX = 128 * 2**20
# A pipe of this size takes a burst in a few calls. Linux admits it without privileges.
PIPE_BYTES = 2**20
_PARTS_PER_WRITE = 64


class Frame(NamedTuple):
    """One frame: its kind, the time in seconds since 1970, and its bytes."""

    kind: bytes
    time_s: float
    data: bytes


class FrameSender:
    """The launcher's end: keeps frames in memory until the pipe takes them. It never blocks."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self._parts: deque[bytes | memoryview] = deque()
        self.waiting_bytes = 0
        self.closed = False

    def send(self, kind: bytes, data: bytes) -> None:
        """Queue a frame that is not empty; it is dropped if the recorder is gone."""
        if self.closed or not data:
            return
        header = _HEADER.pack(kind, time.time(), len(data))
        self._parts += (header, data)
        self.waiting_bytes += len(header) + len(data)

    def write(self) -> None:
        """Write as much as the pipe takes now."""
        while self._parts and not self.closed:
            parts = [self._parts[at] for at in range(min(len(self._parts), _PARTS_PER_WRITE))]
            try:
                written = os.writev(self.descriptor, parts)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            self._forget(written)

    def finish(self) -> None:
        """Write all that waits, however long it takes, and close the pipe."""
        if not self.closed:
            os.set_blocking(self.descriptor, True)
            self.write()
            self.close()

    def close(self) -> None:
        """Close the pipe; what waits is dropped."""
        if not self.closed:
            self.closed = True
            self._parts.clear()
            self.waiting_bytes = 0
            os.close(self.descriptor)

    def _forget(self, written: int) -> None:
        self.waiting_bytes -= written
        while written:
            first = self._parts.popleft()
            if written < len(first):
                self._parts.appendleft(memoryview(first)[written:])
                return
            written -= len(first)


class FrameReader:
    """The recorder's end."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = bytearray()
        self.closed = False

    def read(self) -> Iterator[Frame]:
        """The frames that have arrived; waits for the first bytes.

        At the end of the pipe `closed` becomes True: the launcher has finished, or is dead.
        """
        part = os.read(self.descriptor, PIPE_BYTES)
        self.closed = not part
        self._rest += part
        at = 0
        while len(self._rest) - at >= _HEADER.size:
            kind, time_s, length = _HEADER.unpack_from(self._rest, at)
            begin = at + _HEADER.size
            if len(self._rest) < begin + length:
                break
            yield Frame(kind, time_s, bytes(self._rest[begin : begin + length]))
            at = begin + length
        del self._rest[:at]
