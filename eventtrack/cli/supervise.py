"""Runs a command in a child process, so that a damaged page ends with an error, not a signal.

LMDB maps its file: a missing page raises SIGBUS, a damaged page SIGABRT or SIGSEGV. A process that
dies of them can report nothing. So the parent only waits, hands on signals, and exits as the child
did. Forking before anything is opened costs a millisecond.
"""

import fcntl
import gc
import os
import signal
import sys

from eventtrack.errors import RESCUE, CorruptionError

_DEADLY = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def go_on_in_a_child() -> None:
    """Fork: the child returns, the parent waits for it and exits with its code.

    Forks only on Linux; on other systems this returns at once. The child is killed when the
    parent dies.

    Raises:
        CorruptionError: In the parent: damage in the store killed the child.
    """
    if sys.platform != "linux":
        return
    sys.stdout.flush()
    sys.stderr.flush()
    watched = {signal.SIGCHLD, *_HANDED_ON}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    alive, parents_end = os.pipe()
    gc.freeze()  # collections in the child then copy no page of existing objects
    parent, child = os.getpid(), os.fork()
    if not child:
        os.close(parents_end)
        _die_when_closed(alive)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os.close(alive)
    code = _wait(child, watched)
    if -code in _DEADLY:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise CorruptionError(
            f"the command was killed by {signal.Signals(-code).name} while it read the store: "
            "a page of a file is damaged or cannot be read",
            hint=RESCUE,
        )
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.kill(parent, -code)
    os._exit(code)


def _die_when_closed(pipe: int) -> None:
    """Have the kernel kill this process once the other end of a pipe is closed everywhere."""
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, flags | os.O_ASYNC)


def _wait(child: int, watched: set[signal.Signals]) -> int:
    """Hand on signals until the child has ended; returns its code, negative for a signal.

    A child that stops itself, as a text interface does after Ctrl-Z, stops this process too: the
    shell waits for this one. To go on, a shell wakes both.
    """
    while True:
        ended, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if ended and not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        if ended and os.WSTOPSIG(status) == signal.SIGSTOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        arrived = signal.sigwaitinfo(watched)
        # The terminal signals the child too (a positive code), but a hangup only the leader of the
        # session, which this process is where a terminal runs nothing else.
        by_terminal = arrived.si_code > 0 and arrived.si_signo != signal.SIGHUP
        if arrived.si_signo != signal.SIGCHLD and not by_terminal:
            os.kill(child, arrived.si_signo)
