"""`eventtrack log` and `eventtrack inspect`."""

import signal
import subprocess
from pathlib import Path

from tests.cli.harness import CommandLine, Sample, command, environment


def test_the_log_is_printed_oldest_first(read: CommandLine, shared: Sample) -> None:
    lines = read("log").stdout.splitlines()
    assert len(lines) == len(list(shared.store.events.read(0)))
    assert "experiment.created" in "".join(lines[:3])
    assert any("run.params_logged" in line and "lr=0.01 hidden=8" in line for line in lines)


def test_events_are_json_lines(read: CommandLine) -> None:
    [first, *_] = read("log", "--json").json_lines
    assert list(first) == [
        "address",
        "position",
        "offset",
        "type",
        "version",
        "stream",
        "recorded_ms",
        "recorded",
        "body",
        "replica",
        "index",
        "session",
        "cause",
        "known",
        "arrived_ms",
        "recorded_here",
        "effective",
        "skipped",
        "reason",
    ]


def test_events_are_filtered(read: CommandLine, shared: Sample) -> None:
    of_run = read("log", "--run", "child-0", "--json").json_lines
    assert {event["stream"] for event in of_run} == {f"run/{shared.first}"}
    assert read("log", "--stream", f"run/{shared.first}", "--json").json_lines == of_run
    exact = read("log", "--type", "run.params_logged", "--json").json_lines
    assert len(exact) == 2
    matching = read("log", "--type", "run.param*", "--type", "run.deleted", "--json").json_lines
    assert {event["type"] for event in matching} == {"run.params_logged", "run.deleted"}
    session = of_run[0]["session"]
    everything = read("log", "--json").json_lines
    mine = [event for event in everything if event["session"] == session]
    assert read("log", "--session", session[:10], "--json").json_lines == mine
    assert "No events match" in read("log", "--type", "nothing").stderr


def test_a_limit_takes_the_newest_or_the_first_behind_a_position(read: CommandLine) -> None:
    everything = read("log", "--json").json_lines
    assert read("log", "-n", "3", "--json").json_lines == everything[-3:]
    assert read("log", "-n", "0", "--json").json_lines == everything
    later = [event for event in everything if event["position"] > 2]
    assert read("log", "--after", "2", "-n", "2", "--json").json_lines == later[:2]
    of_type = [event for event in everything if event["type"] == "run.started"]
    assert read("log", "--type", "run.started", "-n", "2", "--json").json_lines == of_type[-2:]


def test_the_log_is_followed_until_interrupted(sample: Sample) -> None:
    path = str(sample.store.path)
    head = str(sample.store.events.head())
    environment_ = environment(PYTHONPATH=str(Path(__file__).parents[2]))
    with subprocess.Popen(
        command("log", "--follow", "--after", head, "--store", path, "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        sample.store.runs.set_tags(sample.parent, {"colour": "green"})
        # Opening a session is an event as well, so the tag may not be the first one.
        while '"run.tags_set"' not in (line := process.stdout.readline()):
            assert line
        assert '"green"' in line
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        assert process.stderr.read() == ""


def test_an_event_is_inspected(read: CommandLine, shared: Sample) -> None:
    [event, *_] = read("log", "--type", "run.params_logged", "--json").json_lines
    for name in (event["address"], f"event/{event['address']}"):
        inspected = read("inspect", name, "--json").json
        assert inspected == {"kind": "events", "events": [event]}
    shown = read("inspect", event["address"]).stdout
    assert "run.params_logged" in shown
    assert event["session"] in shown
    assert "0.1" in shown


def test_a_run_an_experiment_and_a_session_are_inspected(read: CommandLine, shared: Sample) -> None:
    run = read("inspect", "child-0", "--json").json
    assert (run["kind"], run["run"]["info"]["run_id"]) == ("run", shared.first)
    assert run["events"][0]["type"] == "run.started"
    assert "timeline" in read("inspect", shared.first[:12]).stdout
    experiment = read("inspect", "flowers", "--json").json
    assert (experiment["kind"], experiment["experiment"]["name"]) == ("experiment", "flowers")
    assert "experiment.created" in read("inspect", "experiment/flowers").stdout
    session_id = run["events"][0]["session"]
    session = read("inspect", f"session/{session_id[:12]}", "--json").json
    assert (session["kind"], session["session"]["session_id"]) == ("session", session_id)
    assert "eventtrack log --session" in read("inspect", session_id).stderr


def test_what_has_no_name_is_not_found(read: CommandLine) -> None:
    assert "Nothing is named 'zzz'" in read("inspect", "zzz", code=3).stderr
    assert read("inspect", "event/999999", code=3).stdout == ""
    assert read("inspect", "session/zzz", code=3).stdout == ""
