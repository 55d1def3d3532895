"""What holds for every command: the store option, errors, pipes, help, start-up."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from eventtrack.cli import cli
from eventtrack.cli.base import Invocation, LazyGroup
from tests.cli.harness import CommandLine, Sample, Subprocess, command, environment

READING = [
    ["experiments", "list"],
    ["runs", "list"],
    ["runs", "tree"],
    ["log"],
    ["stats"],
    ["check"],
    ["conflicts"],
    ["export"],
    ["replay", "--at", "now"],
    ["watch"],
    ["inspect", "1"],
    ["artifacts", "list", "x"],
    ["blame", "x"],
    ["undo", "1.0", "--yes"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_never_makes_a_store(words: list[str], tmp_path: Path) -> None:
    missing = tmp_path / "none"
    answer = CommandLine(missing)(*words, code=7)
    assert str(missing) in answer.stderr
    assert "--store PATH" in answer.stderr
    assert answer.stdout == ""
    assert not missing.exists()


def test_the_store_is_found_before_after_and_by_environment(
    shared: Sample, process: Subprocess, tmp_path: Path
) -> None:
    path = str(shared.store.path)
    asked = [
        process("--store", path, "experiments", "list", "--json"),
        process("--json", "experiments", "--store", path, "list"),
        process("experiments", "list", "--store", path, "--json"),
        process("experiments", "list", "--json", EVENTTRACK_URI=path),
        process("experiments", "list", "--json", MLFLOW_TRACKING_URI=path),
        process("experiments", "list", "--json", "--store", path, EVENTTRACK_URI="nowhere"),
        process(
            "experiments", "list", "--json", cwd=shared.store.path.parent, EVENTTRACK_URI="store"
        ),
    ]
    assert all(answer.exit_code == 0 for answer in asked), asked
    assert len({answer.stdout for answer in asked}) == 1
    assert process("experiments", "list").exit_code == 7


def test_a_remote_store_is_refused_with_a_hint() -> None:
    result = CliRunner().invoke(cli, ["--store", "http://example.org", "runs", "list"])
    assert result.exit_code == 2
    assert "hint: " in result.stderr


def test_an_unknown_command_suggests_the_nearest() -> None:
    result = CliRunner().invoke(cli, ["runs", "lst"])
    assert result.exit_code == 2
    assert "Did you mean 'list'?" in result.stderr


def test_help_is_a_command_too(read: CommandLine) -> None:
    assert read("help").stdout == read("--help").stdout
    assert read("help", "runs", "list").stdout == read("runs", "list", "--help").stdout
    assert read("runs", "help", "list").stdout == read("runs", "list", "--help").stdout


def test_several_suggestions_read_as_a_choice(read: CommandLine) -> None:
    assert "`eventtrack experiments show`, `eventtrack runs show` or" in read("show", code=2).stderr
    assert "There are: " in CliRunner().invoke(cli, ["xyzzy"]).stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["tag"], "`eventtrack runs tag`"),
        (["ls"], "`eventtrack runs list`"),
        (["run", "list"], "`eventtrack runs list`"),
        (["rnus"], "'runs'"),
        (["runs", "list", "--srot"], "--sort"),
    ],
    ids=str,
)
def test_a_hint_matches_what_was_typed(words: list[str], meant: str) -> None:
    answer = CliRunner().invoke(cli, words, prog_name="eventtrack")
    assert answer.exit_code != 0
    assert "id you mean" in answer.stderr
    assert meant in answer.stderr


def test_options_that_are_not_alike_are_not_suggested() -> None:
    answer = CliRunner().invoke(cli, ["runs", "show", "--sort", "x"])
    assert answer.exit_code == 2
    assert "Did you mean" not in answer.stderr


def test_ls_lists(read: CommandLine) -> None:
    for group in ("runs", "experiments"):
        assert read(group, "ls").stdout == read(group, "list").stdout != ""


def test_a_reader_that_goes_away_is_no_error(shared: Sample) -> None:
    with subprocess.Popen(
        command("log", "--store", str(shared.store.path), "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_an_interrupt_is_quiet(shared: Sample) -> None:
    with subprocess.Popen(
        command("watch", "--store", str(shared.store.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Watching" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        assert process.stderr.read() == ""


def test_the_version_is_printed(process: Subprocess) -> None:
    assert process("--version").stdout.startswith("eventtrack ")


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        context = click.Context(command, obj=Invocation())
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from leaves(child, (*words, name))
    else:
        yield words


@pytest.mark.parametrize("words", list(leaves(cli)), ids=" ".join)
def test_every_help_has_examples_and_says_what_json_holds(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"]).stdout
    assert "Examples:" in shown
    assert f"eventtrack {' '.join(words)}" in shown
    assert "JSON: " in shown or words == ("artifacts", "cat")
    assert "--store" in shown
    assert "--json" in shown


def test_the_summaries_name_existing_commands() -> None:
    assert isinstance(cli, LazyGroup)
    shown = CliRunner().invoke(cli, ["--help"]).stdout
    for name, lazy in cli.lazy.items():
        assert f"{name} " in shown
        assert lazy.summary in shown


def test_only_what_a_command_needs_is_imported(shared: Sample) -> None:
    script = (
        "import json, sys\n"
        "from eventtrack.cli import cli\n"
        f"words = ['--store', {str(shared.store.path)!r}, 'experiments', 'list']\n"
        "cli(words, standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(ended.stderr))
    heavy = {"rich", "numpy", "pandas", "pyarrow", "matplotlib", "watchfiles", "psutil", "asyncio"}
    assert loaded & heavy == set()
    ours = {name for name in loaded if name.startswith("eventtrack.cli.commands.")}
    assert ours == {"eventtrack.cli.commands.experiments"}
