"""What `eventtrack export series` wrote, taken into another store by `eventtrack import`."""

import json
from pathlib import Path

import pytest

from eventtrack.store import Store, open_store
from tests.cli.harness import CommandLine, Sample

TEXTS = [
    "epoch 1",
    "",
    " blanks ",
    "a,b;c\td|e",
    'he said "no"',
    "two\nlines\n",
    "\r50 %\r100 %\r\n",
    "0,5",
    "nan",
    "null",
    "[1, 2]",
    '{"loss": 1}',
    "run_id,kind,key,step,timestamp",
    "# comment",
    "ä 漢 🙂\u2028",
    "\n".join(f"line {place}, {place * 3}" for place in range(3000)),
]


def log_items(store: Store, run_id: str) -> None:
    sink = store.items.sink(run_id)
    for place, text in enumerate(TEXTS):
        sink.text("log", text, place % 3 - 1, 10 + place // 2, ("", "stdout", "stderr")[place % 3])
    sink.text("log", "epoch 1", -1, 10)  # equal items are several
    for step in range(3):
        sink.histogram("weights", [-0.3, 0.1 + 0.2, 1e300], [3, 0.5], step, 20)
        sink.histogram("weights", [0, 1, 2], [3, 2**40], step, 20)
    for step, (data, caption) in enumerate([(b"PNG", "a cat, seen"), (b"GIF", None)]):
        store.items.log_medium(
            *(run_id, "cat", data, "image/png"), caption=caption, step=step, timestamp=30
        )
    store.items.log_medium(
        run_id, "log", b"ply", "application/octet-stream", name="scan.ply", step=2**60, timestamp=1
    )
    store.flush()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_exported_series_come_back_as_they_were(
    run: CommandLine, sample: Sample, tmp_path: Path, form: str
) -> None:
    log_items(sample.store, sample.first)
    runs, series, files = tmp_path / f"runs.{form}", tmp_path / f"series.{form}", tmp_path / "media"
    run("export", "runs", "-o", str(runs))
    run("export", "series", "-o", str(series), "--files", str(files))
    other = CommandLine(tmp_path / "other")
    arguments = ("import", form, str(runs), str(series), "--files", str(files))
    shown = other(*arguments, "--dry-run", "--json").json
    assert {"cat": 2, "log": 18, "weights": 6} in [one["series"] for one in shown["runs"]]
    assert other(*arguments, "--json").json["taken"]["items"] == 26
    there = open_store(tmp_path / "other")
    assert there.runs.get(sample.first).info.run_name == (
        sample.store.runs.get(sample.first).info.run_name
    )
    listed = sample.store.items.list(sample.first)
    assert there.items.list(sample.first) == listed
    for one in listed:
        ours = sample.store.items.read(sample.first, one.key, one.kind)
        assert there.items.read(sample.first, one.key, one.kind) == ours
        for item in ours if one.kind == "media" else ():
            digest = bytes.fromhex(item.sha256)  # type: ignore[union-attr]
            data = sample.store.artifacts.blobs.read(digest)
            assert there.artifacts.blobs.read(digest) == data
    assert other(*arguments, "--json").json["taken"]["items"] == 0


def test_what_is_no_item_is_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    table, files = tmp_path / "series.jsonl", tmp_path / "media"
    files.mkdir()
    (files / ("0" * 64 + ".png")).write_bytes(b"other bytes")
    fixed = {"run_id": "a1" * 16, "key": "k", "step": 1, "timestamp": 5}
    text = fixed | {"kind": "text", "text": "good"}
    rows = [
        text,
        text | {"step": 1.5},
        text | {"timestamp": -1},
        text | {"step": 2**63},
        fixed | {"kind": "histogram", "edges": [0, 1], "counts": [1, 2]},
        fixed | {"kind": "histogram", "edges": [0, 1]},
        fixed | {"kind": "media", "sha256": "0" * 64, "media_type": "image/png"},
        fixed | {"kind": "media", "sha256": "1" * 64, "media_type": "image/png"},
    ]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    call = CommandLine(tmp_path / "store")
    report = call("import", "jsonl", str(table), "--files", str(files), "--json", code=8).json
    assert report["taken"]["items"] == 1
    assert [damage["place"] for damage in report["damage"]] == [f"line {n}" for n in range(2, 8)]
    assert "other bytes than its name says" in report["damage"][-1]["problem"]
    assert [one["what"] for one in report["unreadable"]] == [
        f"a medium of k at step 1 of run {'a1' * 16}"
    ]
    assert "--files" in report["unreadable"][0]["reason"]
    shown = call("runs", "show", "a1" * 16, "--json").json
    assert shown["series"] == [{"kind": "text", "key": "k", "count": 1, "step": 1, "timestamp": 5}]
    answer = call("import", "jsonl", str(table), "--files", str(tmp_path / "no"), code=3)
    assert "no such folder" in answer.stderr
