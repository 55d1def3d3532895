"""The terminal between a person and the command: a second terminal, kept like the first."""

import contextlib
import fcntl
import os
import pty
import struct
import termios
import tty
from typing import Any

_SIZE_BYTES = 8


class Terminal:
    """A pseudo-terminal for the command, whose input and output are those of a real terminal.

    Args:
        screen: A descriptor of the real terminal that shows the output.
        keyboard: A descriptor of the real terminal that is typed at; None if input is no terminal.
    """

    def __init__(self, screen: int, keyboard: int | None) -> None:
        self._screen = screen
        self._keyboard = keyboard
        self._before: list[Any] | None = None
        self.controller, self.command_end = pty.openpty()
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self.command_end, termios.TCSANOW, termios.tcgetattr(screen))
        self.resize()

    @property
    def keyboard(self) -> int | None:
        """The keyboard while it is ours: not while the shell has this job in the background."""
        return self._keyboard if self._before is not None else None

    def resize(self) -> None:
        """Give the command's terminal the size of the real terminal."""
        with contextlib.suppress(OSError):
            size = fcntl.ioctl(self._screen, termios.TIOCGWINSZ, bytes(_SIZE_BYTES))
            if struct.unpack("HHHH", size)[:2] != (0, 0):
                fcntl.ioctl(self.controller, termios.TIOCSWINSZ, size)

    def take_keyboard(self) -> None:
        """Pass on each key as it is typed: the command's own terminal turns Ctrl-C into a signal.

        Does nothing if there is no keyboard, or if the shell has put this job in the background.
        """
        if self._keyboard is None or self._before is not None:
            return
        with contextlib.suppress(OSError, termios.error):
            if _is_foreground(self._keyboard):
                before = termios.tcgetattr(self._keyboard)
                tty.setraw(self._keyboard, termios.TCSANOW)
                self._before = before

    def give_keyboard_back(self) -> None:
        """Set the real terminal as it was."""
        if self._before is not None and self._keyboard is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._before)
            self._before = None

    def suspends(self, typed: bytes) -> bool:
        """Whether a key among these is the one that suspends (Ctrl-Z), as the command set it."""
        try:
            settings = termios.tcgetattr(self.controller)
        except termios.error:
            return False
        key = settings[6][termios.VSUSP]
        return bool(settings[3] & termios.ISIG) and key != b"\0" and key in typed

    def foreground_group(self, otherwise: int) -> int:
        """The process group of the command's terminal that keys and signals are meant for."""
        try:
            group = os.tcgetpgrp(self.controller)
        except OSError:
            return otherwise
        return group if group > 0 else otherwise


def make_controlling(descriptor: int) -> None:
    """Make a terminal the controlling terminal of this process, which leads a new session."""
    fcntl.ioctl(descriptor, termios.TIOCSCTTY, 0)


def is_terminal(descriptor: int) -> bool:
    """Whether a descriptor is open and a terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _is_foreground(terminal: int) -> bool:
    """Whether no other job has the terminal; a terminal that controls no session has no jobs."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True
