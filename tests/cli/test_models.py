"""`eventtrack models`: what the registry holds, for people and for programs."""

import json
from pathlib import Path

from click.testing import CliRunner

from eventtrack.cli.application import cli
from eventtrack.store import open_store


def run(path: Path, *words: str) -> str:
    """What a command prints."""
    result = CliRunner().invoke(cli, ["models", *words, "--store", str(path)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_models_are_listed_shown_and_explained(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.registry.create("net")
    store.registry.create_version("net", "s3://bucket/net")
    store.registry.set_alias("net", "best", 1)
    assert "best=1" in run(store.path, "list")
    assert "s3://bucket/net" in run(store.path, "show", "net")
    assert "registered.alias_set" in run(store.path, "history", "net")
    assert json.loads(run(store.path, "list", "--json"))[0]["aliases"] == {"best": 1}
    assert json.loads(run(store.path, "show", "net", "--json"))[0]["version"] == 1
    assert len(json.loads(run(store.path, "history", "net", "--json"))) == 3
    store.close()
