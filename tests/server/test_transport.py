"""What is written to a connection arrives whole and in order, in few pieces."""

import asyncio

from eventtrack.server.transport import JoiningTransport


class Recorder(asyncio.Transport):
    """Notes each write of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0


def test_writes_of_one_turn_leave_together() -> None:
    asyncio.run(_writes_of_one_turn_leave_together())


async def _writes_of_one_turn_leave_together() -> None:
    inner = Recorder()
    transport = JoiningTransport(inner, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert (inner.written, transport.get_write_buffer_size()) == ([], 9)
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)
    assert inner.written == [b"head body", b"next"]
    assert transport.get_write_buffer_size() == 0


def test_much_is_not_held_and_a_close_holds_nothing() -> None:
    asyncio.run(_much_is_not_held_and_a_close_holds_nothing())


async def _much_is_not_held_and_a_close_holds_nothing() -> None:
    inner = Recorder()
    transport = JoiningTransport(inner, asyncio.get_running_loop())
    transport.write(b"head")
    transport.write(b"x" * 100_000)
    assert inner.written == [b"head" + b"x" * 100_000]
    transport.write(b"end")
    transport.close()
    assert inner.written[1:] == [b"end"]
    assert inner.closed
