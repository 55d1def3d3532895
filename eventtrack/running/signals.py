"""Signals as bytes of a pipe, with the sender: the terminal's driver, or a person or scheduler."""

import os
import signal
import sys
import threading
from typing import NamedTuple

HANDED_ON = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCONT,
    signal.SIGALRM,
)
WATCHED = frozenset({signal.SIGCHLD, signal.SIGWINCH, *HANDED_ON})


class Arrival(NamedTuple):
    """A signal that arrived. `sent` is False if the kernel itself raised it, as for Ctrl-C."""

    number: int
    sent: bool


class SignalPipe:
    """Turns watched signals into readable bytes: block them first, with `block`.

    A thread waits for them. Handlers could not tell who sent a signal.
    """

    def __init__(self) -> None:
        self.descriptor, self._writer = os.pipe()
        self._thread = threading.Thread(target=self._wait, name="eventtrack-signals", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def read(self) -> list[Arrival]:
        """The signals that have arrived; waits for the first."""
        data = os.read(self.descriptor, 512)
        return [
            Arrival(number, bool(sent)) for number, sent in zip(data[::2], data[1::2], strict=True)
        ]

    def _wait(self) -> None:
        while True:
            if sys.platform == "linux":
                arrived = signal.sigwaitinfo(WATCHED)
                number, sent = arrived.si_signo, arrived.si_code <= 0
            else:
                number, sent = signal.sigwait(WATCHED), True
            # Two bytes: a pipe takes so few in one piece.
            os.write(self._writer, bytes((number, sent)))


def block() -> set[int]:
    """Block the watched signals in this thread and later ones; returns the mask of before."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED))


def unblock(before: set[int]) -> None:
    """Set the mask of before: for the command, which inherits the mask."""
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
