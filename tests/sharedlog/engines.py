"""Real engines on loopback, as processes that a test may stop, kill and damage."""

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
import psycopg

NOBODY = 65534
SHM = Path("/dev/shm")


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def scratch(prefix: str) -> Path:
    """A new folder for an engine's files, in memory if there is room."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=SHM if SHM.is_dir() else None))


def until(is_true: Callable[[], bool], within_s: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a process accepts connections on a port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((host, port)) == 0


def postgresql_programs() -> Path:
    """The folder of PostgreSQL's programs, which Debian keeps out of PATH."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return known[-1] if known else Path(shutil.which("postgres") or "/missing/postgres").parent


# The folder of a new cluster, once there is one: to make it takes a second of processor time.
_made: list[Path] = []


class Postgresql:
    """A database server with its files in a folder. It refuses to run as root."""

    def __init__(self, folder: Path, settings: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self._settings = [f"port={self.port}", "listen_addresses=127.0.0.1", *settings]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"

    def new_schema(self, name: str) -> str:
        """The address of a schema of its own."""
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url}?options=-csearch_path%3D{name}"

    def execute(self, query: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """The rows that a statement answers with."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            answer = connection.execute(query.encode())
            return answer.fetchall() if answer.description else []

    def make(self) -> None:
        """Make an empty cluster: a copy of the first that this process made."""
        if not _made:
            words = ["--no-sync", "--username=owner", "--auth=trust", "--encoding=UTF8"]
            self._run("initdb", "-D", str(self.folder), "--no-locale", *words)
            folder = scratch("postgresql-made-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            _made.append(folder)
            subprocess.run(["cp", "-a", str(self.folder), str(folder / "data")], check=True)
        else:
            subprocess.run(["cp", "-a", str(_made[0] / "data"), str(self.folder)], check=True)

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = [word for setting in self._settings for word in ("-c", setting)]
        sockets = ["-c", "unix_socket_directories="]
        words = self._words("postgres", "-D", str(self.folder), *settings, *sockets)

        def runs() -> bool:
            # It ends by itself while processes of a killed server still have its memory.
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            return self.is_ready()

        until(runs)

    def is_ready(self) -> bool:
        """Whether it answers."""
        words = ("-q", "-h", "127.0.0.1", "-p", str(self.port))
        return subprocess.run(self._words("pg_isready", *words), check=False).returncode == 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and all of its processes."""
        assert self._process is not None
        if number == signal.SIGKILL:  # it must start none between the list and the signal
            os.kill(self._process.pid, signal.SIGSTOP)
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, check=False
        )
        for process in (self._process.pid, *map(int, found.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> None:
        """Kill all of its processes at once."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def copy_to(self, folder: Path) -> None:
        """A base backup as a new cluster, which is a standby once `standby.signal` is there."""
        words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "owner", "-c", "fast", "-N"]
        self._run("pg_basebackup", "-D", str(folder), *words)

    def promote(self) -> None:
        """Let a standby take writes."""
        self._run("pg_ctl", "promote", "-D", str(self.folder))

    def _run(self, *words: str) -> None:
        subprocess.run(self._words(*words), check=True, capture_output=True)

    def _words(self, program: str, *words: str) -> list[str]:
        other = [] if os.geteuid() else ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}"]
        other += ["--clear-groups"] if other else []
        return [*other, str(postgresql_programs() / program), *words]


@contextmanager
def running_postgresql(*settings: str) -> Iterator[Postgresql]:
    """A new database server, gone after the block with all of its files."""
    folder = scratch("postgresql-")
    if not os.geteuid():
        os.chown(folder, NOBODY, NOBODY)
    server = Postgresql(folder / "data", settings)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_standby(primary: Postgresql) -> Iterator[Postgresql]:
    """A standby without which the primary acknowledges nothing; killed after the block."""
    folder = primary.folder.parent / "standby"
    primary.copy_to(folder)
    follows = f"primary_conninfo=host=127.0.0.1 port={primary.port} user=owner"
    standby = Postgresql(folder, [follows])
    (folder / "standby.signal").touch()
    standby.start()
    try:
        until(lambda: bool(primary.execute("SELECT 1 FROM pg_stat_replication")))
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")
        until(lambda: primary.execute("SELECT sync_state FROM pg_stat_replication") == [("sync",)])
        yield standby
    finally:
        standby.kill()


def log_name(url: str) -> str:
    """The name of a log in its `nats://` address."""
    return url.rpartition("/")[2].partition("?")[0]


class NatsNode:
    """A server of a NATS cluster.

    Args:
        host: The address that it listens on.
        within: The words before its command, which put it into a network of its own, say.
    """

    def __init__(
        self, name: str, folder: Path, host: str = "127.0.0.1", within: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.folder = folder
        self.host = host
        self._within = within
        self.port, self.route, self.monitor = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, nodes: "Sequence[NatsNode]", sync_interval: str, more: str = "") -> None:
        """Write its configuration file."""
        self.folder.mkdir(exist_ok=True)
        cluster = ""
        if len(nodes) > 1:
            urls = ", ".join(f'"nats://{node.host}:{node.route}"' for node in nodes)
            cluster = (
                f'cluster {{ name: test, listen: "{self.host}:{self.route}", routes: [{urls}], '
                "ping_interval: 2s, ping_max: 2 }"
            )
        (self.folder / "nats.conf").write_text(
            f"""
            server_name: {self.name}
            listen: "{self.host}:{self.port}"
            http: "{self.host}:{self.monitor}"
            jetstream {{ store_dir: "{self.folder}", sync_interval: {sync_interval} }}
            {cluster}
            {more}
            """
        )

    def start(self) -> None:
        """Start, and wait until it listens."""
        program = Path(sys.executable).parent / "nats-server"
        words = [program if program.exists() else "nats-server", "-c", self.folder / "nats.conf"]
        self._process = subprocess.Popen(
            [*self._within, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )
        until(lambda: listens(self.port, self.host))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Nats:
    """A cluster of NATS servers with JetStream."""

    def __init__(
        self, nodes: Sequence[NatsNode], sync_interval: str = "always", more: str = ""
    ) -> None:
        self.nodes = list(nodes)
        for node in self.nodes:
            node.configure(self.nodes, sync_interval, more)

    def url(self, name: str) -> str:
        """The address of a log."""
        hosts = ",".join(f"{node.host}:{node.port}" for node in self.nodes)
        return f"nats://{hosts}/{name}?monitor={','.join(str(node.monitor) for node in self.nodes)}"

    def start(self) -> None:
        """Start all nodes, and wait until they have a leader."""
        for node in self.nodes:
            node.start()
        if len(self.nodes) > 1:
            until(self._has_leader)

    def is_settled(self, name: str) -> bool:
        """Whether all nodes have all of a log."""

        async def ask() -> bool:
            client = await nats.connect(f"nats://{self.nodes[0].host}:{self.nodes[0].port}")
            try:
                info = await client.jetstream().stream_info(f"eventtrack_{name}")
            except Exception:
                return False
            finally:
                await client.close()
            replicas = info.cluster.replicas if info.cluster else None
            return bool(replicas) and all(each.current and not each.lag for each in replicas or ())

        return asyncio.run(ask())

    def _has_leader(self) -> bool:
        async def ask() -> bool:
            client = await nats.connect(f"nats://{self.nodes[0].host}:{self.nodes[0].port}")
            try:
                await client.jetstream().account_info()
            except Exception:
                return False
            finally:
                await client.close()
            return True

        return asyncio.run(ask())


@contextmanager
def running_nats(count: int = 3, sync_interval: str = "always", more: str = "") -> Iterator[Nats]:
    """A new cluster, gone after the block with all of its files.

    Args:
        more: Further lines of the configuration.
    """
    folder = scratch("nats-")
    nodes = [NatsNode(f"n{number}", folder / f"n{number}") for number in range(count)]
    cluster = Nats(nodes, sync_interval, more)
    try:
        cluster.start()
        yield cluster
    finally:
        for node in cluster.nodes:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
