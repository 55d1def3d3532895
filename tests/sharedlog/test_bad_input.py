"""Wrong addresses, logs of others, newer formats, missing permissions: errors say what to do."""

import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest

from eventtrack.errors import (
    AlreadyExistsError,
    FormatTooNewError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    RemoteDeniedError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.sharedlog.addresses import without_password
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from eventtrack.sharedlog.nats_client import NatsClient, Refused
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.spaces.bucket import BucketSpace
from tests.contracts.shared_log import Writer, everything
from tests.sharedlog.engines import Nats, Postgresql, free_port, running_nats

ENGINES = ["postgresql_url", "nats_url", "bucket_url"]


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    """An address of each engine, at which there is no log."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def opened() -> Iterator[Callable[[SharedLog], SharedLog]]:
    """Closes the logs that it was given when the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda log: stack.enter_context(contextlib.closing(log))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://db/lab", "write one of: postgresql://"),
        ("lab", "write one of: postgresql://"),
        ("nats://127.0.0.1", "write nats://HOST:4222/NAME"),
        ("nats://127.0.0.1/two/parts", "write nats://HOST:4222/NAME"),
        ("nats://127.0.0.1:x/lab", "write nats://HOST:4222/NAME"),
        ("nats://127.0.0.1:1,127.0.0.1:2/lab?monitor=1,2,3", "monitor=8222"),
        ("s3://", "s3://BUCKET/PREFIX"),
        ("postgresql://127.0.0.1:port/lab", "postgresql://USER@HOST:PORT/DATABASE"),
    ],
)
def test_a_wrong_address_is_refused_with_the_right_form(address: str, words: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        open_shared_log(address)
    assert words in refusal.value.hint


@pytest.mark.parametrize(
    ("module", "address", "extra"),
    [
        ("psycopg", "postgresql://127.0.0.1/lab", "eventtrack[postgresql]"),
        ("nats.aio.client", "nats://127.0.0.1/lab", "eventtrack[nats]"),
        ("obstore.store", "s3://bucket/lab", "eventtrack[s3]"),
    ],
)
def test_a_missing_driver_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, address: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidValueError) as refusal:
        open_shared_log(address)
    assert extra in refusal.value.hint


def test_a_log_that_is_not_there_is_named_with_the_command_that_makes_it(url: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        open_shared_log(url)
    assert "eventtrack cluster init" in refusal.value.hint


def test_a_second_log_at_an_address_is_refused_and_the_first_is_as_it_was(
    url: str, opened: Callable[[SharedLog], SharedLog]
) -> None:
    log = opened(make_shared_log(url))
    log.append(Writer("ada").block(), last=0)
    with pytest.raises(AlreadyExistsError):
        make_shared_log(url)
    assert len(everything(log)) == 1
    assert opened(open_shared_log(url)).description == log.description


@pytest.mark.parametrize(
    "address", ["postgresql://ada:secret@127.0.0.1:{}/lab", "nats://secret@127.0.0.1:{}/lab"]
)
def test_an_engine_that_is_not_there_is_named_without_its_password(address: str) -> None:
    with pytest.raises(RemoteUnavailableError, match="does not answer") as refusal:
        open_shared_log(address.format(free_port()))
    assert not refusal.value.sent
    assert "secret" not in str(refusal.value)


def test_a_missing_database_is_named(postgresql: Postgresql) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        open_shared_log(postgresql.url.replace("/postgres", "/nowhere"))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "postgresql://ada:secret@db/lab?sslmode=require",
            "postgresql://ada@db/lab?sslmode=require",
        ),
        ("nats://ada:secret@n1:4222,n2:4222/lab", "nats://ada@n1:4222,n2:4222/lab"),
        ("nats://secret@n1/lab", "nats://n1/lab"),
        ("s3://bucket/lab", "s3://bucket/lab"),
    ],
)
def test_passwords_and_tokens_are_not_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


class TestLogsOfOthers:
    def test_a_table_of_another_program(self, postgresql: Postgresql, postgresql_url: str) -> None:
        postgresql.execute("CREATE TABLE eventtrack_log (mine text)", postgresql_url)
        with pytest.raises(RemoteError, match="not those of a shared log"):
            open_shared_log(postgresql_url)
        with pytest.raises(AlreadyExistsError):
            make_shared_log(postgresql_url)

    def test_a_stream_of_another_program(self, nats_cluster: Nats) -> None:
        name = f"log_{uuid.uuid4().hex}"

        async def make() -> None:
            client = await nats.connect(f"nats://127.0.0.1:{nats_cluster.nodes[0].port}")
            await client.jetstream().add_stream(name=f"eventtrack_{name}", subjects=[f"x.{name}"])
            await client.close()

        asyncio.run(make())
        with pytest.raises(RemoteError, match="is not a shared log"):
            open_shared_log(nats_cluster.url(name))
        with pytest.raises(AlreadyExistsError):
            make_shared_log(nats_cluster.url(name))

    def test_a_remote_in_the_bucket(self, bucket_url: str) -> None:
        BucketSpace(bucket_url).create("REMOTE", b"eventtrack remote 2\n")
        with pytest.raises(RemoteError, match="a remote and no shared log"):
            open_shared_log(bucket_url)
        with pytest.raises(AlreadyExistsError, match="a remote already"):
            make_shared_log(bucket_url)

    def test_an_object_of_another_program(self, bucket_url: str) -> None:
        BucketSpace(bucket_url).create("LOG", b"dear diary")
        with pytest.raises(RemoteError, match="does not describe a shared log"):
            open_shared_log(bucket_url)


class TestNewerFormats:
    def test_in_postgresql(self, postgresql: Postgresql, postgresql_url: str) -> None:
        make_shared_log(postgresql_url).close()
        postgresql.execute("UPDATE eventtrack_log SET format = 2", postgresql_url)
        with pytest.raises(FormatTooNewError, match="format 2"):
            open_shared_log(postgresql_url)

    def test_in_jetstream(self, nats_cluster: Nats) -> None:
        name = f"log_{uuid.uuid4().hex}"

        async def make() -> None:
            client = await nats.connect(f"nats://127.0.0.1:{nats_cluster.nodes[0].port}")
            await client.jetstream().add_stream(
                name=f"eventtrack_{name}",
                subjects=[f"x.{name}"],
                metadata={"eventtrack.format": "2"},
            )
            await client.close()

        asyncio.run(make())
        with pytest.raises(FormatTooNewError, match="format 2"):
            open_shared_log(nats_cluster.url(name))

    def test_in_a_bucket(self, bucket_url: str) -> None:
        description = {"id": "0" * 32, "created_ms": 0, "format": 2, "more": "of it"}
        BucketSpace(bucket_url).create("LOG", json.dumps(description).encode())
        with pytest.raises(FormatTooNewError, match="format 2"):
            open_shared_log(bucket_url)


def test_a_stream_is_asked_for_again_while_a_node_has_just_begun(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [Refused(10005, "no suitable peers for placement"), Refused(10008, "no leader")]
    ask = NatsClient.ask

    def refuse_at_first(client: NatsClient, subject: str, request: Any = None) -> dict[str, Any]:
        if refusals and subject.startswith("STREAM.CREATE."):
            raise refusals.pop()
        return ask(client, subject, request)

    monkeypatch.setattr(NatsClient, "ask", refuse_at_first)
    make_shared_log(nats_url).close()
    open_shared_log(nats_url).close()
    assert not refusals


class TestPermissions:
    def test_a_server_in_postgresql_needs_what_the_documents_say(
        self, postgresql: Postgresql, opened: Callable[[SharedLog], SharedLog]
    ) -> None:
        name = f"log_{uuid.uuid4().hex}"
        url = postgresql.new_schema(name)
        make_shared_log(url).close()
        role = f"server_{uuid.uuid4().hex}"
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA {name} TO {role}",
            f"GRANT SELECT, UPDATE (last_place, last_decided, asked) ON eventtrack_log TO {role}",
            f"GRANT SELECT, INSERT ON eventtrack_blocks TO {role}",
        ):
            postgresql.execute(statement, url)
        theirs = url.replace("//owner@", f"//{role}@")
        log = opened(open_shared_log(theirs))
        block = Writer("ada").block()
        place = log.append(block, last=0, seen=0)
        assert log.end() == place
        log.wait(place, 0.01)
        assert log.tail(block.header.replica) is not None
        assert log.state().risks == []
        with pytest.raises(RemoteDeniedError, match="does not let this role"):
            log.replace(place, None)
        with pytest.raises(RemoteDeniedError, match="does not let this role"):
            log.change_key("0" * 64)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgresql.execute("UPDATE eventtrack_log SET access_key = 'theirs'", theirs)
        assert [entry.data for entry in everything(log)] == [block.data]

    def test_a_reader_in_postgresql_is_told_that_it_may_not_append(
        self, postgresql: Postgresql, opened: Callable[[SharedLog], SharedLog]
    ) -> None:
        name = f"log_{uuid.uuid4().hex}"
        url = postgresql.new_schema(name)
        make_shared_log(url).close()
        role = f"reader_{uuid.uuid4().hex}"
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA {name} TO {role}",
            f"GRANT SELECT ON eventtrack_log, eventtrack_blocks TO {role}",
        ):
            postgresql.execute(statement, url)
        log = opened(open_shared_log(url.replace("//owner@", f"//{role}@")))
        with pytest.raises(RemoteDeniedError):
            log.append(Writer("ada").block(), last=0)
        assert everything(log) == []

    def test_a_server_in_jetstream_needs_what_the_documents_say(
        self, opened: Callable[[SharedLog], SharedLog]
    ) -> None:
        document = Path("eventtrack/docs/cluster.md").read_text()
        permissions = document.partition("permissions {")[2].partition("\n}")[0]
        users = (
            "authorization { users: [ {user: admin, password: a}, {user: server, password: s, "
            f"permissions {{ {permissions} }} }} ] }}"
        )
        with running_nats(1, more=users) as cluster:
            [node] = cluster.nodes
            place = f"127.0.0.1:{node.port}/lab?monitor={node.monitor}"
            admin = opened(make_shared_log(f"nats://admin:a@{place}", replicas=1, risky=True))
            log = opened(open_shared_log(f"nats://server:s@{place}"))
            block = Writer("ada").block()
            at = log.append(block, last=0, seen=0)
            assert log.end() > at
            log.wait(at, 0.01)
            assert log.tail(block.header.replica) is not None
            with pytest.raises(RemoteDeniedError, match="does not let these credentials"):
                log.replace(at, None)
            with pytest.raises(RemoteDeniedError, match="does not let these credentials"):
                log.change_key("0" * 64)
            assert [entry.data for entry in everything(admin)] == [block.data]
            with pytest.raises(RemoteDeniedError):
                open_shared_log(f"nats://server:wrong@{place}")

    def test_a_bucket_that_lets_nobody_in(self, s3_server: str) -> None:
        with pytest.raises(RemoteDeniedError):
            open_shared_log("s3://denied/lab")


class TestRisks:
    def test_one_copy_and_lazy_syncs_are_refused_unless_they_are_wanted(
        self, opened: Callable[[SharedLog], SharedLog]
    ) -> None:
        with running_nats(1, sync_interval='"2m"') as cluster:
            url = cluster.url("lab")
            with pytest.raises(InvalidStateError, match="every 120 seconds") as refusal:
                make_shared_log(url, replicas=1)
            assert "1 of 3 copies" in refusal.value.message
            with pytest.raises(NotFoundError):
                open_shared_log(url)
            with pytest.raises(InvalidStateError, match="not known how often"):
                make_shared_log(url.partition("?")[0], replicas=1)
            log = opened(make_shared_log(url, replicas=1, risky=True))
            assert len(log.state().risks) == 2

    def test_a_database_that_does_not_wait_for_its_disk_is_refused(
        self, postgresql: Postgresql, postgresql_url: str
    ) -> None:
        role = f"lazy_{uuid.uuid4().hex}"
        postgresql.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
        postgresql.execute(f"ALTER ROLE {role} SET synchronous_commit = off")
        url = postgresql_url.replace("//owner@", f"//{role}@")
        with pytest.raises(InvalidStateError, match="synchronous_commit = off"):
            make_shared_log(url)
        make_shared_log(url, risky=True).close()

    def test_an_unlogged_table_is_told(
        self,
        postgresql: Postgresql,
        postgresql_url: str,
        opened: Callable[[SharedLog], SharedLog],
    ) -> None:
        log = opened(make_shared_log(postgresql_url))
        postgresql.execute("ALTER TABLE eventtrack_blocks SET UNLOGGED", postgresql_url)
        [risk] = log.state().risks
        assert "eventtrack_blocks is unlogged" in risk

    @pytest.mark.usefixtures("s3_server")
    def test_a_bucket_that_overwrites_is_refused_always(self) -> None:
        url = f"s3://ignores/{uuid.uuid4().hex}"
        with pytest.raises(InvalidStateError, match="writes an object twice"):
            make_shared_log(url, risky=True)
        with pytest.raises(NotFoundError):
            open_shared_log(url)
