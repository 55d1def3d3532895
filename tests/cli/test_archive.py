"""`eventtrack archive`."""

from pathlib import Path

from eventtrack.store import open_store
from tests.cli.harness import CommandLine, Sample


def own_key(run: CommandLine) -> str:
    [feed] = [one for one in run("audit", "key", "--json").json if one["own"]]
    return str(feed["keys"][0])


def test_it_is_verified_without_the_store_and_read_back(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    folder, key = tmp_path / "cold", own_key(run)
    first = run("archive", "write", str(folder), "--json").json
    assert first["envelopes"] >= first["size"] > 0
    elsewhere = CommandLine(tmp_path / "no-store")
    shown = elsewhere("archive", "verify", str(folder), "--key", key, "--json").json
    assert shown["verified"] is True
    assert shown["size"] == first["size"]
    sample.store.runs.set_tags(sample.first, {"later": "1"})
    again = run("archive", "write", str(folder), "--json").json
    assert again["size"] > first["size"]
    assert "Verified" in elsewhere("archive", "verify", str(folder), "--key", key).stdout
    run("clone", str(folder), str(tmp_path / "back"))
    back = open_store(tmp_path / "back")
    assert back.runs.get(sample.first).data == sample.store.runs.get(sample.first).data
    back.close()


def test_what_was_changed_or_taken_out_is_told(
    run: CommandLine, sample: Sample, tmp_path: Path
) -> None:
    folder, key = tmp_path / "cold", own_key(run)
    run("archive", "write", str(folder))
    words = ("archive", "verify", str(folder), "--key", key)
    blob = next(folder.glob("blobs/??/*"))
    kept = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(kept + b"x")
    run(*words, code=8)
    blob.unlink()
    assert run(*words, "--json").json["missing"] == 1
    blob.write_bytes(kept)
    assert run(*words, "--json").json["missing"] == 0
    sample.store.runs.set_tags(sample.first, {"later": "1"})
    run("archive", "write", str(folder))
    segments = sorted(folder.glob("feeds/*/*.segment"))
    segments[-1].unlink()
    assert "signed" in run(*words, code=8).stderr
    data = bytearray(segments[0].read_bytes())
    data[-100] ^= 1
    segments[0].chmod(0o600)
    segments[0].write_bytes(data)
    run(*words, code=8)
    run("archive", "verify", str(tmp_path), "--key", key, code=3)
