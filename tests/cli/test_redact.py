"""`eventtrack redact`."""

from tests.cli.harness import CommandLine, Sample


def test_a_run_is_erased_after_a_question(run: CommandLine, sample: Sample) -> None:
    refused = run("redact", sample.first, "--reason", "a test", code=1, stdin="n\n")
    assert "for good?" in refused.stderr
    assert "run.started" in refused.stdout
    assert run("runs", "show", sample.first, "--json").json
    answer = run("redact", sample.first, "--reason", "a test", "--yes").stdout
    assert "Other machines follow" in answer
    run("runs", "show", sample.first, code=3)
    record = run("log", "--stream", f"run/{sample.first}", "--json").json_lines
    assert {event["body"]["reason"] for event in record} == {"a test"}
    run("check")


def test_an_event_and_a_file_are_erased(run: CommandLine, sample: Sample) -> None:
    [params] = run("log", "--type", "run.params_logged", "--stream", f"run/{sample.first}",
                   "--json").json_lines[:1]  # fmt: skip
    erased = run("redact", params["address"], "--reason", "a test", "--yes", "--json").json
    assert erased == {"redacted": 1, "files": 0}
    run("redact", params["address"], "--reason", "again", "--yes", code=5)
    path = run("artifacts", "list", sample.first, "--json").json[0]["path"]
    words = ("redact", sample.first, "--artifact", path, "--reason", "x", "--yes")
    assert run(*words, "--json").json == {"redacted": 0, "files": 1}
    run(*words, code=3)
    run("redact", "--finish")


def test_a_reason_is_asked_for(run: CommandLine, sample: Sample) -> None:
    assert "--reason" in run("redact", sample.first, "--yes", code=2).stderr
    run("redact", code=2)
