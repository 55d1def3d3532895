"""A name means one file through the plugin too."""

import posixpath
from pathlib import Path
from typing import Any

from tests.contracts import file_names

NAMES = [posixpath.normpath(name) for name in file_names.NAMES]


def files(repository: Any) -> dict[str, str]:
    """What each file of a run holds, by the path in the list."""
    found, waiting = {}, [None]
    while waiting:
        for one in repository.list_artifacts(waiting.pop()):
            if one.is_dir:
                waiting.append(one.path)
            else:
                found[one.path] = Path(repository.download_artifacts(one.path)).read_text()
    return found


def test_every_name_means_one_file(client: Any, tmp_path: Path) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    folder = tmp_path / "files"
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}")
    whole, single = (
        get_artifact_repository(client.create_run("0").info.artifact_uri) for _ in range(2)
    )
    whole.log_artifacts(str(folder))
    for name in NAMES:
        single.log_artifact(str(folder / name), posixpath.dirname(name) or None)
    expected = {name: f"text of {name}" for name in NAMES}
    assert files(whole) == files(single) == expected
    for name in NAMES:
        single.delete_artifacts(name)
        del expected[name]
        assert files(single) == expected
