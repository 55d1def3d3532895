"""The launcher: starts the command, hands its output and signals on, and waits for its end."""

import contextlib
import errno
import fcntl
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from eventtrack.errors import NotFoundError, UsageError
from eventtrack.running import frames, signals
from eventtrack.running.frames import FrameSender
from eventtrack.running.terminal import Terminal, is_terminal, make_controlling

_READ_BYTES = 2**18
_STDIN, _STDOUT, _STDERR = 0, 1, 2
# The exit code of a command that was found and could not be started, as shells give it.
_NOT_STARTED = 126


class Launcher:
    """One command: its process, its pipes or its terminal, and the pipe to the recorder.

    Output goes through a second terminal if this process's output is a terminal, so colours and
    progress bars stay; it then is one stream, as on the screen. Otherwise standard output and
    standard error are two pipes. Input is the same descriptor as before, or the second terminal.
    """

    def __init__(self, argv: Sequence[str], sender: FrameSender) -> None:
        self._argv = list(argv)
        self._sender = sender
        self._signals = signals.SignalPipe()
        self._outputs: dict[int, tuple[bytes, int]] = {}  # kind, and where the bytes go on to
        self._typed = bytearray()  # keys that the command has not read yet
        self._keyboard_ended = False
        shown = {number for number in (_STDOUT, _STDERR) if is_terminal(number)}
        self._terminal: Terminal | None = None
        if shown:
            keyboard = _STDIN if is_terminal(_STDIN) else None
            self._terminal = Terminal(min(shown), keyboard)
        self._shown = shown

    def run(self, environment: Mapping[str, str]) -> int:
        """Run the command to its end; returns its exit code, negative for a signal.

        Raises:
            NotFoundError: There is no such program.
            UsageError: The program cannot be started.
        """
        before = signals.block()
        code = _NOT_STARTED
        try:
            process = self._start(environment, before)
            self._signals.start()
            self._sender.send(frames.STARTED, str(process.pid).encode())
            if self._terminal is not None:
                self._terminal.take_keyboard()
            code = self._relay(process)
        finally:
            if self._terminal is not None:
                self._terminal.give_keyboard_back()
            self._sender.send(frames.ENDED, str(code).encode())
            # From here on Ctrl-C ends this process: a recorder that hangs must not hold it.
            signals.unblock(before)
            self._sender.finish()
        return code

    def _start(self, environment: Mapping[str, str], before: set[int]) -> "subprocess.Popen[bytes]":
        ends: dict[int, int] = {}
        if self._terminal is not None:
            self._outputs[self._terminal.controller] = (frames.STDOUT, min(self._shown))
        for number, kind in ((_STDOUT, frames.STDOUT), (_STDERR, frames.STDERR)):
            if self._terminal is not None and number in self._shown:
                ends[number] = self._terminal.command_end
            else:
                readable, ends[number] = _pipe()
                self._outputs[readable] = (kind, number)
        terminal = self._terminal
        typed_at = terminal is not None and is_terminal(_STDIN)

        def prepare() -> None:
            signals.unblock(before)
            if terminal is not None:
                make_controlling(terminal.command_end)

        try:
            process = subprocess.Popen(
                self._argv,
                stdin=terminal.command_end if terminal is not None and typed_at else None,
                stdout=ends[_STDOUT],
                stderr=ends[_STDERR],
                env=dict(environment),
                start_new_session=terminal is not None,
                preexec_fn=prepare,  # noqa: PLW1509 - this process has a single thread so far
            )
        except OSError as error:
            raise _not_started(self._argv[0], error) from error
        finally:
            for end in set(ends.values()):
                os.close(end)
        return process

    def _relay(self, process: "subprocess.Popen[bytes]") -> int:
        """Hand everything on until the command has ended and its output is read."""
        while True:
            self._turn(process)
            code = process.poll()
            if code is not None:
                break
        # Whoever the command left behind may keep the pipes open: only what is there is read.
        deadline = time.monotonic() + 0.5
        while self._outputs and time.monotonic() < deadline:
            ready = select.select(list(self._outputs), [], [], 0)[0]
            if not ready:
                break
            for descriptor in ready:
                self._pass_on(descriptor)
        return code

    def _turn(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for something to happen, and handle it."""
        reading = [self._signals.descriptor]
        writing = []
        if self._sender.waiting_bytes < frames.WAITING_BYTES_MAX:
            reading += self._outputs
        if self._sender.waiting_bytes:
            writing.append(self._sender.descriptor)
        keyboard = self._terminal.keyboard if self._terminal is not None else None
        if self._terminal is not None:
            if self._typed:
                writing.append(self._terminal.controller)
            elif keyboard is not None and not self._keyboard_ended:
                reading.append(keyboard)
        readable, writable, _ = select.select(reading, writing, [])
        for descriptor in readable:
            if descriptor in self._outputs:
                self._pass_on(descriptor)
            elif descriptor == self._signals.descriptor:
                for arrival in self._signals.read():
                    self._hand_on(arrival, process)
            elif descriptor == keyboard:
                self._read_keyboard(keyboard, process)
        if self._sender.descriptor in writable:
            self._sender.write()
        if self._terminal is not None and self._terminal.controller in writable:
            # A keyboard's buffer holds a few kilobytes: more would block until the command reads.
            del self._typed[: os.write(self._terminal.controller, self._typed[:256])]

    def _read_keyboard(self, keyboard: int, process: "subprocess.Popen[bytes]") -> None:
        typed = b""
        with contextlib.suppress(OSError):  # the terminal's window was closed
            typed = os.read(keyboard, 4096)
        self._keyboard_ended = not typed
        terminal = self._terminal
        assert terminal is not None
        is_alone = terminal.foreground_group(process.pid) == process.pid
        if is_alone and terminal.suspends(typed):
            self._suspend(terminal, process.pid)
        else:
            self._typed += typed

    def _suspend(self, terminal: Terminal, process: int) -> None:
        """Stop the command and this job, as the shell expects of Ctrl-Z; return when it goes on.

        The command leads a session, so its own terminal cannot stop it: nobody would be there to
        continue it.
        """
        _send(-process, signal.SIGSTOP)
        terminal.give_keyboard_back()
        os.kill(0, signal.SIGSTOP)
        terminal.take_keyboard()
        terminal.resize()
        _send(-process, signal.SIGCONT)

    def _pass_on(self, descriptor: int) -> None:
        kind, onward = self._outputs[descriptor]
        try:
            data = os.read(descriptor, _READ_BYTES)
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal whose last user is gone
                raise
            data = b""
        self._sender.send(kind, data)
        # Where nobody reads our output any more, the command learns it as it would without us.
        if not data or not _write_all(onward, data):
            del self._outputs[descriptor]
            os.close(descriptor)
            if self._terminal is not None and descriptor == self._terminal.controller:
                self._typed.clear()
                self._keyboard_ended = True

    def _hand_on(self, arrival: signals.Arrival, process: "subprocess.Popen[bytes]") -> None:
        number, terminal = arrival.number, self._terminal
        if number == signal.SIGWINCH:
            if terminal is not None:
                terminal.resize()
        elif number == signal.SIGCONT:
            if terminal is not None:
                terminal.take_keyboard()
                _send(-terminal.foreground_group(process.pid), number)
        elif number != signal.SIGCHLD:
            self._sender.send(frames.SIGNAL, str(number).encode())
            if arrival.sent:
                _send(process.pid, number)
            elif terminal is not None:
                _send(-terminal.foreground_group(process.pid), number)
            # Else the terminal's driver has signalled the command too: it is in our group.


def leave(code: int) -> int:
    """End this process as the command ended: by the same signal, else with the exit code.

    Returns the code to exit with, for a signal that does not kill this process.
    """
    if code >= 0:
        return code
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code != signal.SIGKILL:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code


def _pipe() -> tuple[int, int]:
    readable, writable = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the user's pipes have reached their limit
            fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, frames.PIPE_BYTES)
    return readable, writable


def _write_all(descriptor: int, data: bytes) -> bool:
    """Write everything; False if the other end is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # someone made the terminal or pipe non-blocking
            select.select([], [descriptor], [])
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.EIO):
                return False
            raise
    return True


def _send(process: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(process, number)


def _not_started(program: str, error: OSError) -> UsageError:
    if isinstance(error, FileNotFoundError):
        return NotFoundError(
            f"cannot run {program}: there is no such program", hint="check its name and PATH"
        )
    return UsageError(
        f"cannot run {program}: {error.strerror or error}",
        hint="is it executable? A script is run by its interpreter: `eventtrack run -- python X`",
    )
