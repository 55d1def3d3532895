"""The example of docs/contributing.md: a new type of event, written in the four places it names."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

SCRIPT = """
import sys
from pathlib import Path
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.store import Store

store = Store(Path(sys.argv[1]))
run_id = store.runs.create("0").info.run_id
before = str(store.events.head())
store.events.append(Draft.of(f"run/{run_id}", types.RunPinned("yes")))
[pinned] = store.events.read(types=["run.pinned"])
print([(line.before, line.after) for line in store.history.blame(run_id, "pinned")])
print([(one.fact, one.after, one.address) for one in store.history.diff(before, "now")])
print([one.body for one in store.history.undo(pinned.address)])
print(store.history.diff(before, "now"), store.maintenance.verify()[0])
store.close()
"""


def snippets(document: Path) -> list[str]:
    """The Python in a document, as the lines that are to be inserted."""
    found = re.findall(r"   ```python\n(.*?)   ```", document.read_text("utf-8"), re.DOTALL)
    return ["".join(line[3:] for line in block.splitlines(keepends=True)) for block in found]


def insert(path: Path, before: str, text: str) -> None:
    """Put a text before the first place of another."""
    source = path.read_text("utf-8")
    assert before in source, (path, before)
    path.write_text(source.replace(before, text + before, 1), "utf-8")


@pytest.mark.slow
def test_an_event_is_added_in_the_four_places_that_the_document_names(tmp_path: Path) -> None:
    package = tmp_path / "eventtrack"
    shutil.copytree(ROOT / "eventtrack", package, ignore=shutil.ignore_patterns("static", "docs"))
    struct, name, fact, claims, back, field = snippets(ROOT / "eventtrack/docs/contributing.md")
    insert(package / "events/types.py", "class RunDeleted(", struct + "\n\n")
    insert(package / "events/registry.py", '    "run.deleted":', name)
    table = package / "facts/run.py"
    insert(table, "PARAM = Fact(", fact)
    insert(table, "PARAM, TAG, METRIC", "PINNED, ")
    insert(table, "        types.ParamsLogged: ", claims)
    insert(table, "    tags, name = valued(", back)
    insert(package / "projections/state.py", "\n    def live_params", field)
    said = subprocess.check_output(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "store")], cwd=tmp_path, text=True
    )
    assert said.splitlines() == [
        "[(None, 'no'), ('no', 'yes')]",
        "[('pinned', 'yes', '4.0')]",
        "[{'pinned': 'no'}]",
        "[] True",
    ]
