"""`eventtrack audit`."""

from pathlib import Path

from tests.cli.harness import CommandLine, Sample, Subprocess


def test_a_run_is_proved_and_checked_elsewhere(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    [own] = run("audit", "key", "--json").json
    assert own["own"] is True
    proof = tmp_path / "run.tlog-proof"
    assert "Proved" in run("audit", "prove", sample.first[:8], "-o", str(proof)).stdout
    elsewhere = CommandLine(tmp_path / "no-store-here")
    shown = elsewhere("audit", "verify", str(proof), "--key", own["keys"][0]).stdout
    assert "run.started" in shown
    assert "Verified:" in shown
    keys = tmp_path / "keys.txt"
    keys.write_text(own["keys"][0] + "\n")
    report = elsewhere("audit", "verify", str(proof), "--key", str(keys), "--json").json
    assert report["verified"] is True
    assert not (tmp_path / "no-store-here").exists()


def test_a_changed_proof_fails_with_the_exit_code_of_damage(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    key = run("audit", "key", "--json").json[0]["keys"][0]
    proof = tmp_path / "event.tlog-proof"
    proof.write_text(run("audit", "prove", "1.0").stdout.replace("index 0", "index 1"))
    answer = run("audit", "verify", str(proof), "--key", key, code=8)
    assert "error: " in answer.stderr
    assert "Verified" not in answer.stdout
    run("audit", "verify", str(proof), code=2)


def test_heads_are_kept_compared_and_checked(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    old, new, grown = (str(tmp_path / name) for name in ("old", "new", "grown"))
    key = run("audit", "key", "--json").json[0]["keys"][0]
    run("audit", "seal", "-o", old)
    run("experiments", "create", "another")
    assert run("audit", "seal", "--json").json["size"] > 0
    run("audit", "seal", "-o", new)
    assert "extends" in run("audit", "consistency", old, new, "-o", grown).stdout
    assert "extends" in run("audit", "verify", grown, "--old", old, "--key", key).stdout
    assert "signed head" in run("audit", "verify", new, "--key", key).stdout
    run("audit", "consistency", new, old, code=8)


def test_an_export_and_a_store_without_others(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    assert run("audit", "export", str(tmp_path / "tiles"), "--json").json["files"] == 3
    assert (tmp_path / "tiles" / "checkpoint").exists()
    assert "audit seal" in run("audit", "witness").stderr
    assert run("audit", "witness", "--json").json == []
    run("audit", "witness", "5d", code=2)
    run("audit", "prove", "experiment/none", code=2)


def test_a_whole_log_and_its_heads_are_verified(run: CommandLine, sample: Sample) -> None:
    run("audit", "seal")
    found = run("verify", "--json").json
    assert (found["ok"], found["heads"], found["damage"]) == (True, 1, None)
    assert found["envelopes"] == sample.store.events.head()
    assert "Every byte is what was written" in run("verify").stdout


def test_the_first_damage_of_a_log_is_named(sample: Sample, process: Subprocess) -> None:
    [_, event, *_] = sample.store.events.read(types=["run.params_logged"])
    path, place = sample.store.path, event.position
    payload = sample.store.feeds.at(place).payload
    sample.store.close()
    data = (path / "log" / "data.mdb").read_bytes()
    (path / "log" / "data.mdb").write_bytes(data.replace(payload, payload[:-1] + b"!"))
    found = process("verify", "--store", str(path), "--json")
    assert found.exit_code == 8
    assert found.json["damage"]["where"] == f"log, position {place}"
    assert "First damage" in process("verify", "--store", str(path)).stdout


def test_a_report_is_one_file_for_an_auditor(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    assert "Wrote the account" in run("audit", "report", "child-0", "-o", str(path)).stdout
    page = path.read_text("utf-8")
    assert "Account of run child-0" in run("audit", "report", "child-0").stdout
    assert page.startswith("<!doctype html>")
    account = run("audit", "report", "child-0", "--json").json
    assert list(account) == [
        *("made_ms", "version", "replica", "position", "run", "experiment", "digest"),
        *("signatures", "metrics", "series", "merged", "files", "entries", "left_out"),
        *("authors", "feeds"),
    ]
    assert account["digest"] == sample.store.runs.digest(sample.first)
    assert run("audit", "report", "nobody", code=3).stderr.startswith("error: ")
