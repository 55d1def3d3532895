"""Clients that race on the servers of a cluster, whose servers and engine are killed meanwhile.

`python -m tests.cluster.storm --minutes 10 --engine nats` does for long what the tests do in a
short form. At its end the history of the calls is checked: could one server have answered so? And
nothing that was acknowledged may be missing, nothing be there twice, and all servers hold the same.
"""

import argparse
import contextlib
import itertools
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from eventtrack.sharedlog.making import make_shared_log
from eventtrack.store import Store
from tests.cluster.histories import (
    Operation,
    Step,
    counter,
    explain,
    first_value,
    last_value,
    lifecycle,
    only_first,
)
from tests.cluster.processes import wait_ready
from tests.server.running import API, Running, running
from tests.sharedlog.engines import running_nats, running_postgresql

CLIENTS = 16
SERVERS = ("ada", "ben", "eve")
STEPS: dict[str, Step] = {
    "name": only_first,
    "param": first_value,
    "tag": last_value,
    "version": counter,
    "run": lifecycle,
}


class Storm:
    """Three servers over a log, and clients that note what they ask and hear.

    Args:
        url: The address of an empty shared log.
    """

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self.folder = folder
        self.url = url
        self.dice = random.Random(seed)
        self.history: list[Operation] = []
        self.acknowledged: set[tuple[str, int]] = set()
        self.servers: dict[str, Running] = {}
        self._doors = {name: contextlib.ExitStack() for name in SERVERS}
        self._ended = threading.Event()

    def start(self, name: str) -> None:
        """Start a server, with the cache that it left if it left one."""
        server = running(self.folder / name, "--cluster", self.url, log=self.folder / "log")
        self.servers[name] = self._doors[name].enter_context(server)

    def stop(self, name: str) -> None:
        """End a server in peace, or bury it."""
        self.servers.pop(name, None)
        self._doors[name].close()

    def kill(self, name: str) -> None:
        """Kill a server, and start it anew: with its cache, or without."""
        self.servers[name].kill()
        self.stop(name)
        if self.dice.random() < 0.5:
            shutil.rmtree(self.folder / name)
        self.start(name)

    def run(self, seconds: float, trouble: Callable[["Storm"], None]) -> None:
        """Let the clients race, and call `trouble` again and again meanwhile."""
        for name in SERVERS:
            self.start(name)
        for server in self.servers.values():
            wait_ready(server)
        one = self.servers["ada"]
        self.runs = [one.new_run()["run_id"] for _ in range(3)]
        one.post("registered-models/create", name="m")
        clients = [
            threading.Thread(target=self._client, args=(number, self.dice.randrange(10**9)))
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            trouble(self)
        self._ended.set()
        for client in clients:
            client.join()

    def check(self) -> None:
        """Hold what was heard against what one server could say, and what is there against it."""
        by_key = defaultdict(list)
        for operation in self.history:
            by_key[operation.key].append(operation)
        for key, operations in by_key.items():
            assert isinstance(key, tuple)
            wrong = explain(operations, STEPS[key[0]])
            assert not wrong, "\n".join(map(str, [f"no order explains {key}:", *wrong]))
        for server in self.servers.values():
            wait_ready(server)
            self._check_points(server)
        for name in SERVERS:
            self.stop(name)
        digests = set()
        for name in SERVERS:
            store = Store(self.folder / name, create=False)
            digests.add(store.maintenance.digest())
            assert not store.feeds.forks()
            store.close()
        assert len(digests) == 1, digests

    def summary(self) -> str:
        """Counts of what was asked, and how much had no answer."""
        unknown = sum(operation.answer is None for operation in self.history)
        kinds = Counter(operation.key[0] for operation in self.history)  # type: ignore[index]
        return f"{dict(kinds)}, {unknown} without an answer, {len(self.acknowledged)} points"

    def _check_points(self, server: Running) -> None:
        for number in range(CLIENTS):
            key = f"c{number}"
            found = server.get(
                "metrics/get-history", run_id=self.runs[0], metric_key=key, max_results=25_000
            )
            steps = [int(point["step"]) for point in found.get("metrics", [])]
            assert len(steps) == len(set(steps)), f"{key} has a point twice"
            missing = {step for name, step in self.acknowledged if name == key} - set(steps)
            assert not missing, f"{key} lacks {sorted(missing)}"

    def _client(self, number: int, seed: int) -> None:
        dice, points = random.Random(seed), itertools.count()
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not self._ended.is_set():
                servers = list(self.servers.values())
                if not servers:
                    time.sleep(0.01)
                    continue
                call = _Call(self, client, dice.choice(servers).url, f"{number}-{next(points)}")
                if dice.random() < 0.2:
                    call.log_point(number, next(points))
                else:
                    dice.choice(call.kinds)(dice)


class _Call:
    """One call of a client."""

    def __init__(self, storm: Storm, client: httpx.Client, url: str, value: str) -> None:
        self._storm = storm
        self._client = client
        self._url = url
        self._value = value
        self.kinds = (self._name, self._param, self._tag, self._version, self._run)

    def log_point(self, number: int, step: int) -> None:
        """Log a point, and note it if that is acknowledged."""
        point = {"key": f"c{number}", "value": step, "timestamp": step, "step": step}
        sent = {"run_id": self._storm.runs[0], "metrics": [point]}
        if self._ask("POST", "runs/log-batch", sent)[0] == 200:
            self._storm.acknowledged.add((f"c{number}", step))

    def _name(self, dice: random.Random) -> None:
        name = f"name {dice.randrange(200)}"
        if dice.random() < 0.5:
            sent = {"name": name, "tags": [{"key": "by", "value": self._value}]}
            self._note(("name", name), ("set", self._value), "experiments/create", sent, _accepted)
        else:
            self._note(
                ("name", name), ("get",), "experiments/get-by-name", {"experiment_name": name}, _by
            )

    def _param(self, dice: random.Random) -> None:
        run_id, key = self._storm.runs[1], f"p{dice.randrange(200)}"
        if dice.random() < 0.5:
            sent = {"run_id": run_id, "key": key, "value": self._value}
            asked = ("set", self._value)
            self._note(("param", key), asked, "runs/log-parameter", sent, _accepted)
        else:
            self._note(
                ("param", key), ("get",), "runs/get", {"run_id": run_id}, _cell("params", key)
            )

    def _tag(self, dice: random.Random) -> None:
        run_id, key = self._storm.runs[1], f"t{dice.randrange(20)}"
        if dice.random() < 0.5:
            sent = {"run_id": run_id, "key": key, "value": self._value}
            self._note(("tag", key), ("set", self._value), "runs/set-tag", sent, _accepted)
        else:
            self._note(("tag", key), ("get",), "runs/get", {"run_id": run_id}, _cell("tags", key))

    def _version(self, dice: random.Random) -> None:
        if dice.random() < 0.5:
            sent = {"name": "m", "source": "s3://somewhere"}
            self._note(("version", "m"), ("next",), "model-versions/create", sent, _number)
        else:
            self._note(
                ("version", "m"), ("get",), "registered-models/get", {"name": "m"}, _last_number
            )

    def _run(self, dice: random.Random) -> None:
        run_id, key = self._storm.runs[2], ("run", "r")
        what = dice.choice(["delete", "restore", "get", "log", "log points", "log points"])
        if what == "get":
            self._note(key, ("get",), "runs/get", {"run_id": run_id}, _stage)
        elif what == "log":
            sent = {"run_id": run_id, "key": "note", "value": self._value}
            self._note(key, ("log",), "runs/set-tag", sent, _accepted)
        elif what == "log points":
            sent = {"run_id": run_id, "key": "loss", "value": 0.5, "timestamp": 1, "step": 1}
            self._note(key, ("log",), "runs/log-metric", sent, _accepted)
        else:
            self._note(key, (what,), f"runs/{what}", {"run_id": run_id}, _accepted)

    def _note(
        self,
        key: tuple[str, str],
        asked: tuple[Any, ...],
        path: str,
        sent: dict[str, Any],
        understood: Callable[[int, dict[str, Any]], Any],
    ) -> None:
        method = "GET" if asked == ("get",) else "POST"
        called = time.monotonic()
        status, body = self._ask(method, path, sent)
        returned = time.monotonic()
        if status == 0 or status >= 500:
            operation = Operation(key, asked, None, called)
        else:
            operation = Operation(key, asked, understood(status, body), called, returned)
        if operation.answer is not None or method == "POST":
            self._storm.history.append(operation)

    def _ask(self, method: str, path: str, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body; a status of 0 if the connection broke."""
        options = {"params": sent} if method == "GET" else {"json": sent}
        try:
            answer = self._client.request(method, f"{self._url}{API}{path}", **options)  # type: ignore[arg-type]
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError):
            return 0, {}


def _accepted(status: int, body: dict[str, Any]) -> bool:
    return status == 200


def _by(status: int, body: dict[str, Any]) -> str:
    return "" if status == 404 else _text(body["experiment"].get("tags", []), "by")


def _cell(kind: str, key: str) -> Callable[[int, dict[str, Any]], str]:
    return lambda status, body: _text(body["run"]["data"].get(kind, []), key)


def _text(rows: list[dict[str, str]], key: str) -> str:
    return next((row["value"] for row in rows if row["key"] == key), "")


def _number(status: int, body: dict[str, Any]) -> int:
    return int(body["model_version"]["version"])


def _last_number(status: int, body: dict[str, Any]) -> int:
    versions = body["registered_model"].get("latest_versions", [])
    return max((int(version["version"]) for version in versions), default=0)


def _stage(status: int, body: dict[str, Any]) -> str:
    return "deleted" if body["run"]["info"]["lifecycle_stage"] == "deleted" else ""


def server_trouble(storm: Storm) -> None:
    """Kill a server, or stop it for a moment."""
    name = storm.dice.choice(SERVERS)
    if storm.dice.random() < 0.5:
        storm.kill(name)
        wait_ready(storm.servers[name], 120)
        return
    process = storm.servers[name].process
    process.send_signal(signal.SIGSTOP)
    time.sleep(storm.dice.random() * 2)
    process.send_signal(signal.SIGCONT)
    time.sleep(1)


@contextlib.contextmanager
def engine_of(kind: str) -> Iterator[tuple[str, Callable[[random.Random], None]]]:
    """An engine: the address of a new log, and what kills a part of it and starts that anew."""
    if kind == "postgresql":
        with running_postgresql() as database:

            def restart(dice: random.Random) -> None:
                database.kill()
                time.sleep(dice.random())
                database.start()

            yield database.url, restart
    else:
        with running_nats() as nodes:

            def restart_node(dice: random.Random) -> None:
                node = dice.choice(nodes.nodes)
                node.kill()
                time.sleep(dice.random() * 5)
                node.start()

            yield nodes.url("storm"), restart_node


def main(arguments: list[str]) -> int:
    """Run a storm as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--engine", choices=["postgresql", "nats"], default="postgresql")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    chosen = parser.parse_args(arguments)
    _say(f"storm over {chosen.engine}, --seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as folder, engine_of(chosen.engine) as (url, restart):
        make_shared_log(url).close()
        storm = Storm(Path(folder), url, chosen.seed)

        def trouble(storm: Storm) -> None:
            time.sleep(3)
            if storm.dice.random() < 0.5:
                restart(storm.dice)
            else:
                server_trouble(storm)

        try:
            storm.run(chosen.minutes * 60, trouble)
            _say(storm.summary())
            storm.check()
        except BaseException:
            _say("the servers said last:")
            _say("\n".join((Path(folder) / "log").read_text().splitlines()[-40:]))
            raise
    _say("One server could have answered so; nothing is missing, nothing is there twice.")
    return 0


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
