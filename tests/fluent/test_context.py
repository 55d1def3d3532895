"""Where a run says that it comes from."""

import pytest

from eventtrack.fluent.context import source_tags


def test_a_program_at_the_prompt_is_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [""])
    assert source_tags()["mlflow.source.name"] == "<console>"
