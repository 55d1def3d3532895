"""The search over everything: each kind, whole texts, and an honest end when time is up."""

from pathlib import Path

from eventtrack.client import MlflowClient
from eventtrack.store import Store


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
