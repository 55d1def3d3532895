"""No event makes a store read, send, write or delete a file that it did not give out itself."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventtrack.cli import cli
from eventtrack.errors import ChecksumError, EventtrackError, InvalidValueError, NotFoundError
from eventtrack.events import traces, types
from eventtrack.store import Store
from eventtrack.views.places import open_regular
from tests.attack.planted import Mallory, secret_file, sha256

SECRET = b"TOP SECRET"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with the default experiment."""
    found = Store(tmp_path / "store")
    yield found
    found.close()


def run_with_folder(store: Store, folder: Path) -> str:
    """A run of an experiment that a user of this machine gave a folder."""
    experiment_id = store.experiments.create("mine", str(folder))
    return store.runs.create(experiment_id).info.run_id


def bytes_of(store: Store, run_id: str, path: str = "f") -> bytes:
    """A file of a run, as it is opened."""
    with store.artifacts.open(run_id, path) as file:
        return file.read()


def nothing_comes_out(store: Store, run_id: str, tmp_path: Path) -> None:
    """Opening and downloading fail with an error of ours, at once, and leave nothing."""
    with pytest.raises(EventtrackError):
        bytes_of(store, run_id)
    with pytest.raises(EventtrackError):
        store.artifacts.download(run_id, "f", tmp_path / "out")
    assert not [one for one in (tmp_path / "out").rglob("*") if one.is_file()]


def places(folder: Path, given: Path) -> dict[str, Callable[[], str]]:
    """Ways to name the file `secret` of a folder, or what is worse than a file."""

    def link(at: Path, to: Path) -> str:
        at.symlink_to(to)
        return str(at)

    def fifo() -> str:
        os.mkfifo(given / "fifo")
        return str(given / "fifo")

    def listening() -> str:
        # Its path is short enough for a socket only from within.
        before = Path.cwd()
        os.chdir(given)
        try:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind("socket")
        finally:
            os.chdir(before)
        return str(given / "socket")

    return {
        "whole": lambda: f"{folder}/secret",
        "upwards": lambda: f"{given}/../secret",
        "blobs": lambda: f"{folder}/store/blobs/../../secret",
        "link": lambda: link(given / "link", folder / "secret"),
        "folder-link": lambda: link(given / "up", folder) + "/secret",
        "URI": lambda: f"file://{folder}/secret",
        "relative": lambda: os.path.relpath(folder / "secret"),
        "NUL": lambda: f"{given}/a\0b",
        "long": lambda: f"{given}/{'a' * 5000}",
        "fifo": fifo,
        "socket": listening,
        "folder": lambda: str(given),
        "device": lambda: "/dev/zero",
        "tty": lambda: "/dev/tty",
        "process": lambda: "/proc/self/environ",
        "nothing": lambda: "",
    }


@pytest.mark.parametrize("way", list(places(Path(), Path())))
def test_a_place_outside_of_the_given_folder_is_not_opened(
    store: Store, tmp_path: Path, way: str
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    secret_file(tmp_path)
    run_id = run_with_folder(store, given)
    Mallory().plant(store, run_id, places(tmp_path, given)[way](), SECRET)
    nothing_comes_out(store, run_id, tmp_path)


def test_a_place_of_a_run_without_a_folder_is_not_opened(store: Store, tmp_path: Path) -> None:
    secret = secret_file(tmp_path)
    run_id = store.runs.create("0").info.run_id
    Mallory().plant(store, run_id, str(secret), SECRET)
    nothing_comes_out(store, run_id, tmp_path)


@pytest.mark.parametrize("logged", [b"TOP SECRET, and more", b"NO SECRETS"])
def test_a_file_below_the_given_folder_is_shown_to_those_alone_who_know_its_hash(
    store: Store, tmp_path: Path, logged: bytes
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    run_id = run_with_folder(store, given)
    secret = secret_file(given)
    Mallory().plant(store, run_id, str(secret), logged)
    with pytest.raises(ChecksumError):
        bytes_of(store, run_id)
    with pytest.raises(ChecksumError):
        store.artifacts.download(run_id, "f", tmp_path / "out")


def test_files_of_models_and_traces_are_no_way_out_either(store: Store, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    secret_file(tmp_path)
    experiment_id = store.experiments.create("mine", str(given))
    model = store.models.create(experiment_id, name="model").model_id
    trace = "tr-" + "0" * 32
    store.traces.record(trace, experiment_id, request_time=1, execution_duration=1, state="OK")
    owners = (
        (store.models.artifacts, "model", model, types.ModelArtifactsLogged),
        (store.traces.artifacts, "trace", trace, traces.TraceArtifactsLogged),
    )
    for files, kind, owner, logged in owners:
        files.log_bytes(owner, b"mine", "mine")
        assert list(given.rglob("mine"))
        with files.open(owner, "mine") as file:
            assert file.read() == b"mine"
        for number, place in enumerate((f"{given}/../secret", f"{tmp_path}/secret", "/dev/zero")):
            stored = types.ArtifactStored(f"f{number}", len(SECRET), sha256(SECRET), place)
            Mallory().tell(store, f"{kind}/{owner}", logged([stored]))
            with pytest.raises(NotFoundError):
                files.open(owner, f"f{number}")
            with pytest.raises(NotFoundError):
                files.download(owner, f"f{number}", tmp_path / "out")


def test_what_a_user_of_this_machine_logs_by_reference_is_there(
    store: Store, tmp_path: Path
) -> None:
    run_id = run_with_folder(store, tmp_path / "given")
    store.artifacts.log_bytes(run_id, b"mine", "a/f")
    assert (tmp_path / "given" / run_id / "artifacts" / "a" / "f").read_bytes() == b"mine"
    assert bytes_of(store, run_id, "a/f") == b"mine"
    downloaded = store.artifacts.download(run_id, "a/f", tmp_path / "out")
    assert downloaded.read_bytes() == b"mine"


def test_a_given_folder_behind_a_link_is_there_too(store: Store, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    run_id = run_with_folder(store, tmp_path / "link")
    store.artifacts.log_bytes(run_id, b"mine", "f")
    assert bytes_of(store, run_id) == b"mine"


def test_a_folder_that_comes_from_elsewhere_is_neither_read_nor_written(
    store: Store, tmp_path: Path
) -> None:
    """Whatever it is called: files of such experiments are kept in the store."""
    secret = secret_file(tmp_path)
    mallory = Mallory()
    locations = (
        *(str(tmp_path), f"file://{tmp_path}", f"FILE:{tmp_path}", f"eventtrack:{tmp_path}"),
        *(f"{tmp_path}/x/..", "~", "..", f" file:{tmp_path}", f"fi\nle:{tmp_path}"),
    )
    for number, location in enumerate(locations):
        born = types.ExperimentCreated(f"theirs-{number}", location, {}, 1, 0)
        mallory.tell(store, f"experiment/{7000 + number}", born)
        run = store.runs.create(str(7000 + number))
        run_id = run.info.run_id
        assert run.info.artifact_uri.startswith(f"eventtrack://{store.path}/runs/"), location
        shown = store.experiments.get(str(7000 + number)).artifact_location
        assert shown.startswith(f"eventtrack://{store.path}/experiments/"), location
        store.artifacts.log_bytes(run_id, b"mine", "mine")
        assert bytes_of(store, run_id, "mine") == b"mine"
        mallory.plant(store, run_id, str(secret), SECRET)
        nothing_comes_out(store, run_id, tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"store", "secret"}


def test_a_birth_that_claims_to_be_earlier_does_not_move_a_folder(
    store: Store, tmp_path: Path
) -> None:
    given, evil = tmp_path / "given", tmp_path / "evil"
    run_id = run_with_folder(store, given)
    store.artifacts.log_bytes(run_id, b"before", "f")
    experiment_id = store.runs.get(run_id).info.experiment_id
    for location in (str(evil), None):
        born = types.ExperimentCreated("mine", location, {}, -(2**60), 0)
        Mallory(bytes(16)).tell(store, f"experiment/{experiment_id}", born)
        assert bytes_of(store, run_id) == b"before"
        store.artifacts.log_bytes(run_id, b"later", "g")
        assert bytes_of(store, run_id, "g") == b"later"
        assert not evil.exists()


def test_a_folder_stays_given_when_the_store_writes_under_another_name(
    store: Store, tmp_path: Path
) -> None:
    """A copy that was written to meanwhile renews its replica: what it gave stays given."""
    run_id = run_with_folder(store, tmp_path / "given")
    store.artifacts.log_bytes(run_id, b"mine", "f")
    store.replication.log.transact(lambda txn: txn.renew_replica())
    assert bytes_of(store, run_id) == b"mine"
    store.artifacts.log_bytes(run_id, b"more", "g")
    assert (tmp_path / "given" / run_id / "artifacts" / "g").read_bytes() == b"more"


def test_a_store_from_before_knows_what_it_gave_once_others_come(
    store: Store, tmp_path: Path
) -> None:
    """Older stores kept no notes: their own feed says it, until somebody claims to be of it."""
    run_id = run_with_folder(store, tmp_path / "given")
    store.artifacts.log_bytes(run_id, b"mine", "f")
    for note in (store.path / "locations").iterdir():
        note.unlink()
    (store.path / "locations").rmdir()
    assert bytes_of(store, run_id) == b"mine"
    replica = store.replication.log.replica
    size = store.replication.heads()[replica].size
    mallory = Mallory(replica)
    mallory._index, mallory._frontier = size, store.replication.log.frontier(replica, size)
    secret_file(tmp_path)
    born = types.ExperimentCreated("theirs", str(tmp_path), {}, 1, 0)
    mallory.tell(store, "experiment/7000", born)
    theirs = store.runs.create("7000").info.run_id
    Mallory().plant(store, theirs, str(tmp_path / "secret"), SECRET)
    nothing_comes_out(store, theirs, tmp_path)
    assert bytes_of(store, run_id) == b"mine"


@pytest.mark.parametrize("path", ["../f", "/etc/f", "a/../../f", "a//f", "", ".", "..", "a\0b"])
def test_a_path_that_leads_out_of_a_download_is_not_listed(
    store: Store, tmp_path: Path, path: str
) -> None:
    run_id = store.runs.create("0").info.run_id
    store.artifacts.log_bytes(run_id, b"good", "good")
    digest, size = store.artifacts.blobs.keep(b"owned")
    Mallory().log_file(store, run_id, types.ArtifactStored(path, size, digest, None))
    assert [one.path for one in store.artifacts.entries(run_id)] == ["good"]
    assert [one.path for one in store.artifacts.list(run_id)] == ["good"]
    report = store.maintenance.check()
    assert report.ok
    assert report.hidden == [f"file {path!r} of run {run_id}"]
    store.artifacts.download(run_id, "", tmp_path / "a" / "b")
    found = [one for one in tmp_path.rglob("*") if one.is_file() and one.read_bytes() == b"owned"]
    assert [one.parent.parent.name for one in found] == ["blobs"]
    store.close()
    said = CliRunner().invoke(cli, ["--store", str(store.path), "check"])
    assert said.exit_code == 0
    assert "hidden: file" in said.output
    assert "1 file in no list" in said.output


def test_erasing_a_run_deletes_no_file_outside_of_the_store(store: Store, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    inside, outside = secret_file(given), secret_file(tmp_path)
    run_id = run_with_folder(store, given)
    for number, place in enumerate((inside, outside)):
        Mallory().plant(store, run_id, str(place), SECRET, f"f{number}")
    store.runs.delete(run_id)
    found = store.garbage.find()
    store.garbage.erase(found.garbage)
    assert inside.read_bytes() == outside.read_bytes() == SECRET


def test_a_location_inside_of_a_store_is_refused(store: Store) -> None:
    with pytest.raises(InvalidValueError, match="inside of a store"):
        store.experiments.create("x", f"eventtrack:{store.path}")


def test_a_damaged_file_is_neither_opened_nor_copied(store: Store, tmp_path: Path) -> None:
    run_id = store.runs.create("0").info.run_id
    store.artifacts.log_bytes(run_id, b"weights", "f")
    blob = store.artifacts.blobs.path(sha256(b"weights"))
    blob.chmod(0o644)
    blob.write_bytes(b"wEights")
    nothing_comes_out(store, run_id, tmp_path)
    blob.write_bytes(b"weights, and more")
    nothing_comes_out(store, run_id, tmp_path)
    blob.unlink()
    os.mkfifo(blob)
    nothing_comes_out(store, run_id, tmp_path)


def test_opening_a_pipe_waits_for_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    outcome: list[Exception] = []

    def attempt() -> None:
        try:
            open_regular(tmp_path / "fifo").close()
        except NotFoundError as error:
            outcome.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(20)
    assert outcome
