"""The search over everything: each kind, whole texts, and an honest end when time is up."""

from contextlib import closing
from pathlib import Path
from typing import Any

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from eventtrack.views.traces.records import Assessment


def kinds(store: Store, text: str) -> dict[str, list[str]]:
    """The titles of the hits by kind."""
    return {group.kind: [hit.title for hit in group.hits] for group in store.finder.find(text)}


def test_a_text_is_looked_for_in_names_values_notes_files_and_ids(tmp_path: Path) -> None:
    client = MlflowClient(str(tmp_path))
    experiment = client.create_experiment("Wombat", tags={"team": "wombats"})
    run_id = client.create_run(experiment, run_name="first wombat").info.run_id
    for _ in range(40):
        client.log_param(client.create_run(experiment).info.run_id, "animal", "WOMBAT")
    client.log_param(run_id, "wombat.lr", "0.1")
    client.log_param(run_id, "animal", "x" * 100 + "wombat")
    client.set_tag(run_id, "mlflow.note.content", "y" * 100 + "Wömbat wombat")
    client.log_text(run_id, "", "deep/wombat.txt")
    store = client.store
    assert isinstance(store, Store)
    assert kinds(store, " wombat ") == {
        "experiments": ["Wombat"],
        "names": ["params.wombat.lr"],
        "runs": ["first wombat"],
        "notes": ["first wombat"],
        "params": ["animal = WOMBAT", "animal = …" + "x" * 24 + "wombat"],
        "files": ["deep/wombat.txt"],
    }
    assert kinds(store, "WÖMBAT") == {"notes": ["first wombat"]}
    assert kinds(store, run_id[:10]) == {"ids": ["first wombat"]}
    assert kinds(store, "  ") == {}
    client.set_tag(run_id, "mlflow.source.git.commit", "81cb6d6cfad2")
    assert kinds(store, "81cb6d6c") == {"tags": ["mlflow.source.git.commit = 81cb6d6cfad2"]}
    client.delete_run(run_id)
    assert "runs" not in kinds(store, "first wombat")


def test_a_search_without_time_says_what_it_did_not_look_at(tmp_path: Path) -> None:
    client = MlflowClient(str(tmp_path))
    for _ in range(200):
        client.create_run("0", run_name="a")
    store = client.store
    assert isinstance(store, Store)
    groups = store.finder.find("b", seconds=0)
    assert [(group.kind, group.whole) for group in groups if group.kind == "runs"] == [
        ("runs", False)
    ]
    [runs] = store.finder.find("a", limit=3)[-1:]
    assert (len(runs.hits), runs.more, runs.whole) == (3, True, False)


def test_traces_are_found_by_what_they_say(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        made: dict[str, Any] = {"request_time": 1, "execution_duration": 7, "state": "OK"}
        store.traces.record(
            "tr-1",
            "0",
            request_preview="how do wombats sleep?",
            response_preview="long",
            metadata={"mlflow.trace.session": "night", "mlflow.source.name": "zoo.py"},
            tags={"mlflow.traceName": "answer", "kind": "question"},
            **made,
        )
        store.traces.record("tr-2", "0", request_preview="and bats?", **made)
        store.traces.assessments.create(
            Assessment(
                assessment_id="", trace_id="tr-2", kind="feedback", name="fair", value="very much"
            )
        )
        assert kinds(store, "WOMBATS") == {"traces": ["answer"]}
        assert kinds(store, "bats") == {"traces": ["tr-2", "answer"]}
        for text in ("long", "night", "kind: que", "answer"):
            assert kinds(store, text) == {"traces": ["answer"]}
        assert kinds(store, "very much") == {"traces": ["tr-2"]}
        assert kinds(store, "zoo.py") == {}
        store.traces.delete("0", trace_ids=["tr-2"])
        assert kinds(store, "bats") == {"traces": ["answer"]}
