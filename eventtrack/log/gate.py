"""The gate that every transaction of a process passes, so that a fork can wait for those inside."""

import threading


class Gate:
    """The gate of one process. A fork closes it and waits until nobody else is inside.

    A thread that is already inside may pass a closed gate; else the fork would wait for ever.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside = 0  # guarded by changed: open transactions
        self.forking = False  # guarded by changed
        self.own = threading.local()  # .count: open transactions of this thread

    def own_count(self) -> int:
        """The number of transactions that this thread is in."""
        count: int = getattr(self.own, "count", 0)
        return count

    def close(self) -> None:
        """Let no other thread in, and wait until all others are outside: a fork begins."""
        with self.changed:
            self.forking = True
            while self.inside > self.own_count():
                self.changed.wait()

    def open(self) -> None:
        """Let threads in again: the fork is over."""
        with self.changed:
            self.forking = False
            self.changed.notify_all()
