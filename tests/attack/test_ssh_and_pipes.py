"""URLs that would be options, and processes that answer too slowly or not at all."""

import contextlib
import sys
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackError, InvalidValueError, RemoteUnavailableError
from eventtrack.sync import frames
from eventtrack.sync.peer import GREETING
from eventtrack.sync.ssh import COMMAND_VARIABLE, PipeRemote, ssh_command

SILENCE_S = 0.5
OPTIONS = (
    *("ssh://%2DoProxyCommand=x@host/r", "ssh://-oProxyCommand=x@host/r", "ssh://-oX/r"),
    *("ssh://%2DoX/r", "ssh://a@-oX/r", "ssh://a@%2DoX/r", "ssh://a%20-oX@host/r", "ssh://%0a@h/r"),
    *("ssh://a:b@%20/r", "ssh://@host/r", "ssh://host;x/r", "ssh://host`x`/r", "ssh://$(x)/r"),
    *("ssh://host:-1/r", "ssh://host:99999/r", "ssh://host:0x16/r", "ssh://host/%00", "ssh://h/"),
    *("ssh://host/r?program=-oX", "ssh://host/r?program=%2Dx", "ssh://host/r?program=a%00b"),
    *("ssh://a%40b%40c@host/r", "ssh://[::1/r", "ssh://h\u00f6st/r"),
)


@pytest.mark.parametrize("url", OPTIONS)
def test_no_part_of_a_url_becomes_an_option(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    with pytest.raises(InvalidValueError) as refused:
        ssh_command(url)
    assert refused.value.hint


def test_all_that_is_not_the_command_stands_behind_the_options_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, "ssh -i 'my key'")
    words = ssh_command("ssh://ada@[::1]:22/--help?program=my%20eventtrack")
    there = "'my eventtrack' --store=--help sync --stdio"
    assert words == [
        "ssh",
        "-i",
        "my key",
        "-p",
        "22",
        "--",
        "ada@::1",
        there.replace("--help", "/--help"),
    ]


def test_a_folder_that_looks_like_an_option_is_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    *_, there = ssh_command("ssh://host/~/--help")
    assert there == "eventtrack --store=--help sync --stdio"


def test_a_command_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COMMAND_VARIABLE, "ssh -i 'my key")
    with pytest.raises(InvalidValueError, match=COMMAND_VARIABLE):
        ssh_command("ssh://host/r")


def process(folder: Path, *lines: str) -> list[str]:
    """A process that says what it is made to say."""
    script = folder / "there.py"
    begin = ("import sys, time", "out = sys.stdout.buffer")
    script.write_text("\n".join((*begin, *lines)))
    return [sys.executable, str(script)]


HELLO = frames.frame(frames.HELLO, frames.encode((1, "x")))
DRIP = "while True: out.write(b'a'); out.flush(); time.sleep(0.05)"
FLOOD = "while True: out.write(b'a' * 65536)"
HANG = "time.sleep(60)"


@pytest.mark.parametrize(
    "lines",
    [
        (HANG,),
        (DRIP,),
        (FLOOD,),
        (f"out.write({GREETING!r}); out.flush()", HANG),
        (f"out.write({GREETING!r}); out.flush()", DRIP),
        (f"out.write({GREETING!r} + b'h\\x00\\x10\\x00\\x00'); out.flush()", DRIP),
        (f"out.write({GREETING!r} + b'h\\xff\\xff\\xff\\xff'); out.flush()", HANG),
        (f"out.write({GREETING!r} + b'h\\x00\\x01\\x86\\xa0' + b'\\x91' * 100000)", "out.flush()"),
        ("sys.exit(0)",),
    ],
)
def test_a_process_that_does_not_answer_is_left(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(EventtrackError):
        ask_once(process(tmp_path, *lines))


def ask_once(words: list[str]) -> None:
    """Begin, ask, and end."""
    with contextlib.closing(PipeRemote(words, "there", silence_s=SILENCE_S)) as remote:
        remote.heads()


def test_a_process_that_takes_nothing_is_left(tmp_path: Path) -> None:
    words = process(tmp_path, f"out.write({GREETING!r} + {HELLO!r}); out.flush()", HANG)
    remote = PipeRemote(words, "there", silence_s=SILENCE_S)
    with pytest.raises(RemoteUnavailableError, match="takes nothing"):
        remote.put_blob(bytes(32), (bytes(2**20) for _ in range(64)))
    remote.close()
