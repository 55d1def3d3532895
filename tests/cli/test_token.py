"""`eventtrack token`: made once, listed without its secret, taken back."""

import time
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.cli.harness import CommandLine

DAY_MS = 86_400_000


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """The command line on a store that has no tokens."""
    store = Store(tmp_path / "store")
    store.close()
    return CommandLine(store.path)


def test_a_token_alone_goes_to_standard_output_and_only_once(cli: CommandLine) -> None:
    made = cli("token", "create", "alice-laptop")
    text = made.stdout.strip()
    assert text.startswith("eventtrack_")
    assert "MLFLOW_TRACKING_TOKEN" in made.stderr
    listed = cli("token", "list")
    assert "alice-laptop" in listed.stdout
    assert "write" in listed.stdout
    assert text not in listed.stdout + cli("token", "list", "--json").stdout


def test_json_has_all_but_the_hash(cli: CommandLine) -> None:
    made = cli("token", "create", "ci", "--role", "read", "--expires", "2d", "--json").json
    assert made.pop("token").startswith("eventtrack_")
    assert (made["name"], made["role"], made["expired"]) == ("ci", "read", False)
    assert abs(made["expires_ms"] - time.time() * 1000 - 2 * DAY_MS) < 60_000
    assert cli("token", "list", "--json").json == [made]
    assert cli("token", "revoke", "ci", "--json").json == made


def test_the_last_token_that_goes_leaves_the_door_shut_and_says_so(cli: CommandLine) -> None:
    assert "ask nobody" in cli("token", "list").stderr
    cli("token", "create", "a")
    cli("token", "create", "b")
    assert cli("token", "revoke", "a").stderr == ""
    assert "tokens.json" in cli("token", "revoke", "b").stderr
    assert "nobody may use" in cli("token", "list").stderr


def test_mistakes_are_named(cli: CommandLine) -> None:
    cli("token", "create", "a")
    assert "token revoke a" in cli("token", "create", "a", code=4).stderr
    assert "token list" in cli("token", "revoke", "b", code=3).stderr
    assert "alice-laptop" in cli("token", "create", "../x", code=2).stderr
    assert "90d" in cli("token", "create", "x", "--expires", "soon", code=2).stderr
    assert "time to come" in cli("token", "create", "x", "--expires", "2020-01-01", code=2).stderr
    assert "king" in cli("token", "create", "x", "--role", "king", code=2).stderr


def test_an_end_may_be_an_iso_time(cli: CommandLine) -> None:
    made = cli("token", "create", "x", "--expires", "2100-01-31T00:00:00+00:00", "--json").json
    assert made["expires_ms"] == 4_105_036_800_000
