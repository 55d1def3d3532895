"""A remote behind a pair of pipes: another machine's store over ssh (docs/wire.md, section 5)."""

import contextlib
import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, cast
from urllib.parse import parse_qs, unquote, urlsplit

from eventtrack._version import __version__
from eventtrack.errors import (
    EventtrackError,
    InvalidValueError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.log.blocks import Block
from eventtrack.sync import frames
from eventtrack.sync.peer import GREETING, PROTOCOL
from eventtrack.sync.pipes import PipeSink, PipeSource
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.selection import Selection

# The command that reaches another machine, in words as for a shell: like GIT_SSH_COMMAND of git.
COMMAND_VARIABLE = "EVENTTRACK_SSH_COMMAND"
# The most bytes that a login shell may print before our own greeting.
_GREETING_BYTES_MAX = 64 * 2**10
_CLOSE_TIMEOUT_S = 10.0
_BUFFER_BYTES = 2**18
# Long: a user may have to type a password first, and a redaction makes the other side fold its
# views anew.
SILENCE_S = 300.0
# A name, an IPv4 or an IPv6 address; never a word that ssh would take for an option.
_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]*")
_USER = re.compile(r"[^-\s@\0-\x1f\x7f][^\s@\0-\x1f\x7f]*")


def open_ssh(url: str, create: bool) -> "PipeRemote":
    """The store at `ssh://[USER@]HOST[:PORT]/PATH`, through `eventtrack sync --stdio` there.

    `/~/PATH` is below the home folder. `?program=PATH` names an eventtrack that is not on the PATH.

    Raises:
        InvalidValueError: The URL cannot be read.
        RemoteUnavailableError: Nobody answers there, or no eventtrack does.
    """
    return PipeRemote(ssh_command(url), url, create=create)


def ssh_command(url: str) -> list[str]:
    """The command that reaches the store at an ssh URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _unreadable(url, str(error)) from error
    if parts.password is not None:
        raise InvalidValueError(
            f"ssh://...@{parts.hostname}: ssh takes no password from a URL",
            hint="leave it out; give ssh a key",
        )
    path, host, user = unquote(parts.path), parts.hostname or "", unquote(parts.username or "")
    program = parse_qs(parts.query).get("program", ["eventtrack"])[0]
    if not _HOST.fullmatch(host):
        raise _unreadable(url, "it names no host")
    if (user or parts.username is not None) and not _USER.fullmatch(user):
        raise _unreadable(url, "no user can have such a name")
    if len(path) < 2 or "\0" in path:
        raise _unreadable(url, "it names no folder there")
    if program.startswith("-") or "\0" in program:
        raise _unreadable(url, "it names no program there")
    words = _chosen_command()
    if port is not None:
        words += ["-p", str(port)]
    # `--store=` and the folder are one word, so a folder called `--help` is no option.
    there = shlex.join([program, f"--store={path.removeprefix('/~/')}", "sync", "--stdio"])
    return [*words, "--", f"{user}@{host}" if user else host, there]


def _chosen_command() -> list[str]:
    try:
        words = shlex.split(os.environ.get(COMMAND_VARIABLE, ""))
    except ValueError as error:
        raise InvalidValueError(
            f"cannot read {COMMAND_VARIABLE}: {error}",
            hint='write it as for a shell, for example ssh -i "my key"',
        ) from error
    return words or ["ssh"]


class PipeRemote:
    """A `Remote` that is another process, which answers on its standard output.

    Args:
        command: Starts the process; its standard error is this process's own.
        name: The name of the remote in errors.
        silence_s: The longest time until an answer begins; see `rest/patience.py`.
    """

    def __init__(
        self,
        command: Sequence[str],
        name: str,
        *,
        create: bool = False,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._name = name
        self._close_timeout_s = min(_CLOSE_TIMEOUT_S, silence_s)
        try:
            self._process = subprocess.Popen(
                command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise RemoteUnavailableError(
                f"cannot run {command[0]} to reach {name}: {error.strerror}",
                hint=f"install it, or name another command in {COMMAND_VARIABLE}",
            ) from error
        self._waited = PipeSource(cast("BinaryIO", self._process.stdout), silence_s)
        self._source = io.BufferedReader(self._waited, _BUFFER_BYTES)
        self._taking = PipeSink(cast("BinaryIO", self._process.stdin), silence_s)
        self._sink = io.BufferedWriter(cast("io.RawIOBase", self._taking), _BUFFER_BYTES)
        try:
            self._greet()
            hello = frames.encode((PROTOCOL, __version__, create))
            self._ask(frames.HELLO, hello, frames.HELLO)
        except BaseException:
            self.close()
            raise

    def choose(self, wanted: Selection) -> None:
        """Ask only for the payloads of a selection; a peer too old for selections sends all."""
        with contextlib.suppress(RemoteError):
            self._ask(frames.CHOOSE, frames.encode(wanted), frames.DONE)

    def heads(self) -> list[FeedHead]:
        """Every feed of the remote."""
        return frames.decode_heads(self._ask(frames.HEADS, b"", frames.HEADS))

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads among `heads` that stand for envelopes of the remote."""
        body = self._ask(frames.KNOWN, frames.encode_heads(heads), frames.KNOWN)
        return frames.decode_heads(body)

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The remote's blocks beyond `have`, in the order of their arrival there."""
        self._send(frames.READ, frames.encode_heads(have))
        while True:
            kind, body = self._receive()
            if kind == frames.END:
                return
            if kind != frames.BLOCK:
                raise self._confused(kind)
            yield Block.decode(body)

    def append(self, block: Block) -> None:
        """Send a block; `flush` raises the error of a bad block."""
        with self._connected():
            frames.write_frame(self._sink, frames.APPEND, block.data)

    def flush(self) -> None:
        """Wait until all sent blocks are durable there."""
        self._ask(frames.FLUSH, b"", frames.DONE)

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """The artifacts among `digests` that the remote holds."""
        body = self._ask(frames.PRESENT, frames.encode(list(digests)), frames.PRESENT)
        return set(frames.decode(body, list[bytes]))

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes; read all of them before the next call."""
        self._send(frames.GET, digest)
        while True:
            kind, body = self._receive()
            if kind == frames.END:
                return
            if kind != frames.CHUNK:
                raise self._confused(kind)
            yield body

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Send an artifact, and wait until it is durable there."""
        with self._connected():
            frames.write_frame(self._sink, frames.PUT, digest)
            frames.write_chunks(self._sink, chunks)
        self._expect(frames.DONE)

    def close(self) -> None:
        """End the other process: it ends when its input is closed."""
        self._taking.silence_s = self._close_timeout_s
        with contextlib.suppress(OSError):
            self._sink.close()
        try:
            self._process.wait(self._close_timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._source.close()

    def _greet(self) -> None:
        """Skip the output of the login shell."""
        said = b""
        while not said.endswith(GREETING):
            with self._connected():
                line = self._source.readline(_GREETING_BYTES_MAX)
            said += line
            if not line or len(said) > _GREETING_BYTES_MAX:
                words = said.decode(errors="replace").strip()
                raise RemoteUnavailableError(
                    f"{self._name} does not answer as an eventtrack"
                    + (f": {words[-200:]!r}" if words else ""),
                    hint="is eventtrack installed there, and on the PATH of a login without a "
                    "terminal? Else add ?program=/path/to/eventtrack to the URL",
                )

    def _ask(self, kind: bytes, body: bytes, expected: bytes) -> bytes:
        self._send(kind, body)
        return self._expect(expected)

    def _send(self, kind: bytes, body: bytes) -> None:
        with self._connected():
            frames.write_frame(self._sink, kind, body)

    def _expect(self, expected: bytes) -> bytes:
        kind, body = self._receive()
        if kind != expected:
            raise self._confused(kind)
        return body

    def _receive(self) -> tuple[bytes, bytes]:
        with self._connected():
            self._sink.flush()
            self._waited.renew()
            kind, body = frames.read_frame(self._source)
        if kind == frames.FAILED:
            raise frames.decode_failure(body)
        return kind, body

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except (frames.Ended, BrokenPipeError) as error:
            raise RemoteUnavailableError(
                f"{self._name} went away in the middle of the sync",
                hint="sync again: it goes on where it stopped",
            ) from error
        except TimeoutError as error:
            raise RemoteUnavailableError(
                f"{self._name} is left: {error}",
                hint="is eventtrack there stopped, or its disk? Sync again: it goes on where it "
                "stopped",
            ) from error

    def _confused(self, kind: bytes) -> EventtrackError:
        return RemoteError(
            f"{self._name} answered with a message {kind!r} where none such is due",
            hint="upgrade eventtrack on both sides",
        )


def _unreadable(url: str, why: str) -> InvalidValueError:
    return InvalidValueError(
        f"cannot use {url} as a remote: {why}",
        hint="write ssh://HOST/FOLDER, or ssh://USER@HOST:PORT/~/FOLDER for one below the home",
    )
