"""`eventtrack check`, `stats`, `export`, `watch` and `completion`."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from eventtrack.cli.export_formats import WRITERS
from tests.cli.harness import (
    START_MS,
    CommandLine,
    Sample,
    Subprocess,
    command,
    environment,
)


def test_an_intact_store_passes_the_check(read: CommandLine, shared: Sample) -> None:
    report = read("check", "--json").json
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["envelopes"] == shared.store.events.head()
    shown = read("check").stdout
    assert f"{report['envelopes']} envelopes" in shown
    assert "No damage found" in shown


def test_damage_is_reported_with_place_and_hint(sample: Sample, process: Subprocess) -> None:
    path = sample.store.path
    sample.store.close()
    blob = next(path.glob("blobs/*/*"))
    blob.chmod(0o600)
    blob.write_bytes(b"forged")
    answer = process("check", "--store", str(path))
    assert answer.exit_code == 8
    assert "hint: " in answer.stdout
    assert "problem" in answer.stdout
    assert "Traceback" not in answer.stderr
    answer = process("check", "--store", str(path), "--json")
    assert answer.exit_code == 8
    assert answer.json["ok"] is False
    [problem] = answer.json["problems"]
    assert set(problem) == {"where", "what", "hint"}


def test_stats_count_what_there_is(read: CommandLine, shared: Sample) -> None:
    stats = read("stats", "--json").json
    assert stats["path"] == str(shared.store.path)
    assert stats["runs"] == 4
    shown = read("stats").stdout
    assert "runs" in shown
    assert "iB" in shown


def test_runs_are_exported_as_csv(read: CommandLine, shared: Sample, tmp_path: Path) -> None:
    target = tmp_path / "runs.csv"
    answer = read("export", "-o", str(target))
    assert answer.stdout == ""
    assert f"Wrote 3 runs to {target}" in answer.stderr
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    [child] = [row for row in rows if row["run_name"] == "child-0"]
    assert child["run_id"] == shared.first
    assert child["experiment"] == "flowers"
    assert child["params.lr"] == "0.1"
    assert float(child["metrics.loss"]) == 0.05
    assert child["tags.stage"] == "s0"
    assert list(tmp_path.iterdir()) == [target]


def test_metrics_are_exported_as_json_lines(read: CommandLine, tmp_path: Path) -> None:
    target = tmp_path / "points.jsonl"
    read("export", "metrics", "--filter", "params.lr = '0.1'", "-o", str(target))
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(rows) == 20
    assert list(rows[0]) == ["run_id", "key", "step", "timestamp", "value"]
    assert (rows[1]["step"], rows[1]["timestamp"], rows[1]["value"]) == (1, START_MS + 100, 0.5)


def test_parquet_of_many_columns_has_groups_of_few_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "wide.parquet"
    columns = [f"metrics.{place}" for place in range(2000)]
    with target.open("wb") as stream:
        written = WRITERS["parquet"](stream, columns, [{"metrics.7": 0.5}] * 250)
    file = parquet.ParquetFile(target)
    assert (written, file.metadata.num_rows, file.num_row_groups) == (250, 250, 3)


def test_parquet_holds_the_same(read: CommandLine, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for what, rows in (("runs", 3), ("series", 0), ("metrics", 40)):
        target = tmp_path / f"{what}.parquet"
        read("export", what, "-o", str(target))
        table = parquet.read_table(target)
        assert table.num_rows == rows
    assert str(table.schema.field("value").type) == "double"


def test_items_of_series_are_exported_with_their_files(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    items = sample.store.items
    items.sink(sample.first).text("log", "a\nb", 1, 10, "stdout")
    items.sink(sample.first).histogram("weights", [0, 1, 2], [3, 4], 2, 20)
    for step in (3, 4):
        items.log_medium(sample.first, "cat", b"PNG", "image/png", step=step, timestamp=30)
    sample.store.flush()
    shown = run("runs", "show", sample.first).stdout.splitlines()
    at = shown.index("text, histograms and media") if "text, histograms and media" in shown else -1
    assert at >= 0, shown
    assert [line.split()[:3] for line in shown[at + 2 : at + 5]] == [
        ["weights", "histogram", "1"],
        ["cat", "media", "2"],
        ["log", "text", "1"],
    ]
    target, files = tmp_path / "series.jsonl", tmp_path / "media"
    answer = run("export", "series", "-o", str(target), "--files", str(files))
    assert "Wrote 4 items" in answer.stderr
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    fixed = {"run_id": sample.first, "kind": "histogram", "key": "weights"}
    assert rows[0] == fixed | {
        "step": 2,
        "timestamp": 20,
        "edges": [0.0, 1.0, 2.0],
        "counts": [3.0, 4.0],
    }
    assert [row["step"] for row in rows] == [2, 3, 4, 1]
    [file] = files.iterdir()
    assert (file.name, file.read_bytes()) == (f"{rows[1]['sha256']}.png", b"PNG")
    cells = list(csv.DictReader(io.StringIO(run("export", "series").stdout)))
    assert cells[0]["edges"] == "[0.0, 1.0, 2.0]"
    assert cells[3]["text"] == "a\nb"
    assert "--files goes with" in run("export", "runs", "--files", "x", code=2).stderr


def test_an_export_can_be_piped(shared: Sample, process: Subprocess) -> None:
    store = str(shared.store.path)
    answer = process("export", "metrics", "--store", store)
    rows = list(csv.reader(io.StringIO(answer.stdout)))
    assert rows[0] == ["run_id", "key", "step", "timestamp", "value"]
    assert len(rows) == 41
    answer = process("export", "--store", store, "--all", "--json")
    assert {"child-0", "mistake"} <= {line["run_name"] for line in answer.json_lines}


def test_an_export_that_fails_leaves_no_file(read: CommandLine, tmp_path: Path) -> None:
    target = tmp_path / "runs.csv"
    assert read("export", "--filter", "((", "-o", str(target), code=2).stderr.startswith("error: ")
    assert "is a folder" in read("export", "-o", str(tmp_path), code=2).stderr
    missing = tmp_path / "none" / "runs.csv"
    assert "No such file" in read("export", "-o", str(missing), code=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_watch_prints_a_line_at_each_change(sample: Sample) -> None:
    path = str(sample.store.path)
    with subprocess.Popen(
        command("watch", "--limit", "1", "--store", path, "--json"),
        stdout=subprocess.PIPE,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
        text=True,
    ) as process:
        assert process.stdout is not None
        for number in range(200):
            sample.store.runs.set_tags(sample.parent, {"count": str(number)})
            try:
                process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                continue
        line = json.loads(process.stdout.read())
    assert process.returncode == 0
    assert list(line) == ["time_ms", "head", "envelopes", "types"]
    assert line["types"]["run.tags_set"] >= 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_set_up(read: CommandLine, shell: str) -> None:
    script = read("completion", shell).stdout
    assert "_EVENTTRACK_COMPLETE" in script
    assert read("completion", shell, "--json").json == {"shell": shell, "script": script[:-1]}


def test_ids_and_names_are_completed(shared: Sample, process: Subprocess) -> None:
    def completed(words: str) -> list[str]:
        answer = process(
            EVENTTRACK_URI=str(shared.store.path),
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split(" ")) - 1),
            _EVENTTRACK_COMPLETE="bash_complete",
        )
        return [line.partition(",")[2] for line in answer.stdout.splitlines()]

    assert completed("eventtrack exp") == ["experiments", "export"]
    assert completed(f"eventtrack runs show {shared.first[:12]}") == [shared.first]
    assert completed("eventtrack experiments show flo") == ["flowers"]


def test_a_backup_is_made_and_made_again(run: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    said = run("backup", str(folder)).stdout
    assert said.startswith("copied ")
    assert str(folder) in said
    assert "Nothing is new" in run("backup", str(folder)).stdout
    report = run("backup", str(folder), "--json").json
    assert report["envelopes"] == 0
    assert sum(report["heads"].values()) > 0
    assert "clone of" in CommandLine(tmp_path / "again")("clone", str(folder)).stdout
    run("backup", str(run.path), code=2)


def test_a_damaged_store_is_salvaged_and_what_is_gone_is_named(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    sample.store.close()
    whole = run("salvage", str(run.path), str(tmp_path / "whole"))
    assert "Nothing is gone." in whole.stdout
    file = run.path / "log" / "data.mdb"
    file.write_bytes(file.read_bytes().replace(b"s0", b"s9"))
    said = run("salvage", str(run.path), str(tmp_path / "new"), code=8).stdout
    assert "Envelopes that are gone" in said
    assert "child-0" in said
    report = run("salvage", str(run.path), str(tmp_path / "newer"), "--json", code=8).json
    assert not report["complete"]
    assert {loss["name"] for loss in report["losses"]} == {"child-0"}
    assert "stage" in {loss["key"] for loss in report["losses"]} or report["gaps"]
    run("salvage", str(run.path), str(tmp_path / "new"), code=4)
    run("salvage", str(tmp_path / "nowhere"), str(tmp_path / "other"), code=7)
    new = CommandLine(tmp_path / "new")
    assert "No damage" in new("check").stdout
    assert new("runs", "show", sample.second, "--json").json["info"]["run_name"] == "child-1"
