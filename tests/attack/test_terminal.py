"""Names of others do not command the terminal that shows them."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.events import types
from eventtrack.store import Store
from tests.attack.planted import Mallory
from tests.tidy.tree import ROOT

# Sets the title, clears, goes on in red; C1 forms of the same; turns the reading direction.
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b31m\x9d0;x\x9c\r\x08\u202e"
# What the program itself says to a terminal: colours and styles.
OWN = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which every name is an attempt."""
    opened = Store(tmp_path / "store")
    run_id = opened.runs.create("0", run_name=f"run{ESCAPES}").info.run_id
    mallory = Mallory()
    born = types.ExperimentCreated(f"e{ESCAPES}", f"s3://{ESCAPES}", {f"k{ESCAPES}": ESCAPES}, 1, 0)
    mallory.tell(opened, "experiment/7000", born)
    digest, size = opened.artifacts.blobs.keep(b"x")
    mallory.log_file(opened, run_id, types.ArtifactStored(f"f{ESCAPES}", size, digest, None))
    mallory.tell(opened, f"run/{run_id}", types.TagsSet({f"t{ESCAPES}": f"v{ESCAPES}"}))
    mallory.tell(opened, f"run/{run_id}", types.ParamsLogged({f"p{ESCAPES}": f"v{ESCAPES}"}))
    opened.close()
    (tmp_path / "id").write_text(run_id)
    return tmp_path / "store"


def shown(store: Path, *words: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm-256color",
        "COLUMNS": "200",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "eventtrack", "--store", str(store), *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,  # where progress would be drawn
        env=environment,
        cwd=store.parent,
    ) as process:
        os.close(theirs)
        found = b""
        try:
            while part := os.read(ours, 65536):
                found += part
        except OSError:
            pass  # the end of a terminal
        os.close(ours)
        assert process.stderr is not None
        found += process.stderr.read()
    assert process.returncode in range(10), (words, found)
    return found.decode("utf-8")


COMMANDS = (
    ("runs", "list"),
    ("runs", "show", "ID"),
    ("runs", "search", "", "-e", "Default"),
    ("runs", "tree", "Default"),
    ("experiments", "list"),
    ("experiments", "show", f"e{ESCAPES}"),
    ("artifacts", "list", "ID"),
    ("artifacts", "get", "ID", ".", "-o", "out"),
    ("artifacts", "get", "ID", f"no{ESCAPES}"),
    ("log",),
    ("blame", "ID"),
    ("inspect", "ID"),
    ("diff", "1", "now"),
    ("runs", "list", "--json"),
    ("artifacts", "list", "ID", "--json"),
    ("runs", "show", ESCAPES.replace("\x00", "")),
    ("stats",),
    ("check",),
    ("conflicts",),
    ("sync", f"./no{ESCAPES}/where"),
)


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_a_command_shows_no_sequence_of_others(store: Path, words: tuple[str, ...]) -> None:
    run_id = (store.parent / "id").read_text()
    said = shown(store, *(run_id if word == "ID" else word for word in words))
    rest = OWN.sub("", said).replace("\r\n", "\n")
    bad = {letter for letter in rest if not letter.isprintable() and letter != "\n"}
    assert not bad, (bad, rest)
    assert "\x1b[31m\x9b" not in said
