"""Parts over live ways: what is not chosen does not travel, and can be filled in later."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError, RemoteDeniedError
from eventtrack.events.redaction import is_redaction
from eventtrack.rest.address import TOKEN_VARIABLE
from eventtrack.store import Store, open_store
from eventtrack.sync import Selection, Ways, clone, synchronize
from eventtrack.sync.importing import Importer
from eventtrack.sync.peer import StoreRemote
from eventtrack.sync.protocol import Selective
from eventtrack.sync.remotes import open_remote
from eventtrack.sync.ssh import COMMAND_VARIABLE
from eventtrack.tokens import Tokens
from tests.server.running import running
from tests.sync.machines import PUSH, block_of, blocks, envelopes, plain_ssh, sync

WANTED = Selection(experiments=["wanted"])
GIVE_A_PART = PUSH._replace(given=WANTED)


class Place:
    """A store that is reached in some way."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    @contextlib.contextmanager
    def opened(self) -> Iterator[Store]:
        """The store, as another process of its machine sees it."""
        store = open_store(self.folder)
        yield store
        store.close()


@pytest.fixture(params=["ssh", "http"])
def there(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Another store, over ssh and over HTTP."""
    folder = tmp_path / "there"
    if request.param == "ssh":
        script, program = plain_ssh(tmp_path)
        monkeypatch.setenv(COMMAND_VARIABLE, str(script))
        yield Place(f"ssh://host{folder}?program={program}", folder)
    else:
        with running(folder) as server:
            yield Place(server.url, folder)


def runs_of(store: Store, experiment: str, count: int) -> list[str]:
    """Runs with a long param and a file each."""
    found = store.experiments.get_by_name(experiment)
    identifier = found.experiment_id if found else store.experiments.create(experiment)
    made = []
    for number in range(count):
        run_id = store.runs.create(identifier, run_name=f"{experiment}-{number}").info.run_id
        noise = random.Random(run_id).randbytes(2500).hex()  # which no compression makes small
        store.runs.log_params(run_id, {"text": noise})
        store.artifacts.log_bytes(run_id, run_id.encode(), "id.txt")
        made.append(run_id)
    return made


def bytes_read(url: str, wanted: Selection | None) -> int:
    with contextlib.closing(open_remote(url)) as remote:
        if wanted is not None:
            assert isinstance(remote, Selective)
            remote.choose(wanted)
        return sum(len(block.data) for block in remote.read([]))


def test_a_part_is_chosen_by_who_sends_it_and_filled_in_later(
    one: Store, there: Place, tmp_path: Path
) -> None:
    others, wanted = runs_of(one, "other", 40), runs_of(one, "wanted", 2)
    synchronize(one, there.url, PUSH)
    part, whole = bytes_read(there.url, WANTED), bytes_read(there.url, None)
    assert part < whole / 4
    twin, report = clone(there.url, tmp_path / "twin", Ways(wanted=WANTED))
    assert report.pulled.artifacts == len(wanted)
    assert {run_id for run_id in (*wanted, *others) if has(twin, run_id)} == {*wanted}
    assert twin.replication.heads().keys() >= one.replication.heads().keys()
    assert twin.maintenance.check().ok
    synchronize(twin, None, Ways(push=False, wanted=Selection(["wanted"], [others[0]])))
    assert {run_id for run_id in others if has(twin, run_id)} == {others[0]}
    synchronize(twin, None, Ways(push=False, wanted=Selection()))
    assert envelopes(twin).items() >= envelopes(one).items()
    assert twin.maintenance.check().ok
    with there.opened() as other:
        assert twin.maintenance.digest() == other.maintenance.digest()
    twin.close()


def has(store: Store, run_id: str) -> bool:
    with contextlib.suppress(NotFoundError):
        return bool(store.runs.get(run_id).data.params)
    return False


def test_a_part_is_given_and_the_rest_later(one: Store, there: Place) -> None:
    others, wanted = runs_of(one, "other", 20), runs_of(one, "wanted", 2)
    report = synchronize(one, there.url, GIVE_A_PART)
    assert report.pushed.envelopes == one.events.head()
    assert report.pushed.bytes < sum(len(data) for data in envelopes(one).values()) / 2
    assert report.pushed.artifacts == len(wanted)
    with there.opened() as other:
        assert {run_id for run_id in (*wanted, *others) if has(other, run_id)} == {*wanted}
        assert other.maintenance.check().ok
    assert not synchronize(one, there.url, GIVE_A_PART).changed
    more = runs_of(one, "wanted", 1)
    again = synchronize(one, there.url, GIVE_A_PART)
    assert 0 < again.pushed.envelopes < report.pushed.envelopes
    one_more = Selection(experiments=["wanted"], runs=[others[0]])
    synchronize(one, there.url, PUSH._replace(given=one_more))
    with there.opened() as other:
        assert {run_id for run_id in others if has(other, run_id)} == {others[0]}
        assert has(other, more[0])
    report = synchronize(one, there.url, PUSH)
    assert report.pushed.artifacts == len(others) - 1
    assert not synchronize(one, there.url, PUSH).changed
    with there.opened() as other:
        assert envelopes(other).items() >= envelopes(one).items()
        assert other.maintenance.check().ok
        synchronize(one, there.url)
        assert other.maintenance.digest() == one.maintenance.digest()


def test_a_run_that_moves_into_the_part_is_given_whole(one: Store, there: Place) -> None:
    [moving], [known] = runs_of(one, "other", 1), runs_of(one, "wanted", 1)
    synchronize(one, there.url, GIVE_A_PART)
    target = one.runs.get(known).info.experiment_id
    one.corrections.move([moving], target)
    report = synchronize(one, there.url, GIVE_A_PART)
    assert report.pushed.artifacts == 1
    with there.opened() as other:
        assert has(other, moving)
        assert other.runs.get(moving).info.experiment_id == target
        with other.artifacts.open(moving, "id.txt") as file:
            assert file.read() == moving.encode()
    assert not synchronize(one, there.url, GIVE_A_PART).changed


def test_who_was_given_a_part_gets_the_rest_from_whoever_has_it(
    one: Store, two: Store, there: Place, stick: Path
) -> None:
    runs_of(one, "other", 3)
    runs_of(one, "wanted", 1)
    synchronize(one, there.url, GIVE_A_PART)
    sync(one, stick)
    sync(two, stick)
    synchronize(two, there.url)
    with there.opened() as other:
        assert envelopes(other) == envelopes(two)
        assert other.maintenance.digest() == two.maintenance.digest()


def test_a_part_is_not_given_to_what_keeps_bytes_as_they_are(one: Store, stick: Path) -> None:
    runs_of(one, "wanted", 1)
    with pytest.raises(InvalidValueError, match="cannot push a part"):
        synchronize(one, str(stick), GIVE_A_PART)


def test_who_chose_to_have_a_part_is_not_given_the_rest(
    one: Store, two: Store, stick: Path
) -> None:
    runs_of(one, "other", 2)
    runs_of(one, "wanted", 2)
    sync(one, stick)
    sync(two, stick, Ways(wanted=WANTED))
    assert two.replication.log.unfilled()
    assert all(head.whole is None for head in StoreRemote(two).heads())
    sync(two, stick, Ways(wanted=Selection()))
    assert not two.replication.log.unfilled()


class TestRedactions:
    """An order to erase that came without its payload is obeyed when that comes."""

    def test_a_redaction_is_obeyed_when_its_payload_comes_later(
        self, one: Store, two: Store
    ) -> None:
        self.redact_one(one)
        for bare in (True, False):
            importer = Importer(two.replication)
            for block in blocks(one):
                importer.add(block.without(is_redaction) if bare else block)
            importer.flush()
        assert envelopes(two).items() >= envelopes(one).items()

    def test_who_may_not_erase_may_not_do_it_in_two_steps(
        self, one: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = self.redact_one(one)
        with running(tmp_path / "served") as server:
            monkeypatch.setenv(TOKEN_VARIABLE, Tokens(server.store).create("writer", "write"))
            head = one.replication.heads()[one.replication.log.replica]
            block = block_of(one, 0, head.size)
            with contextlib.closing(open_remote(server.url)) as remote:
                remote.append(block.without(is_redaction))
                remote.flush()
                remote.append(block)
                with pytest.raises(RemoteDeniedError, match="role admin"):
                    remote.flush()
        with contextlib.closing(open_store(tmp_path / "served")) as served:
            orders = [two for two in served.replication.log.read(0, 10**6) if is_redaction(two)]
        assert target
        assert orders == []

    @staticmethod
    def redact_one(store: Store) -> int:
        run_id = runs_of(store, "wanted", 1)[0]
        [*_, last] = store.feeds.of_stream(f"run/{run_id}")
        store.redaction.redact_envelopes([last], "a password")
        return last.position
