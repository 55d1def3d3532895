"""A sync that is killed at any instant goes on where it stopped."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.sync.machines import envelopes, machine, record_run, sync
from tests.sync.places import Place

ROUNDS = 12


def killed(folder: Path, url: str, after_s: float) -> bool:
    """Sync in a process of its own and kill it after some time; whether it was still alive."""
    words = ["-m", "eventtrack", "--store", str(folder), "sync", url, "--json"]
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(after_s)
    alive = process.poll() is None
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert alive or process.returncode == 0, errors
    return alive


@pytest.mark.slow
def test_a_sync_that_was_killed_anywhere_goes_on(one: Store, place: Place, tmp_path: Path) -> None:
    for number in range(60):
        run_id = record_run(one, str(number), points=500)
        one.artifacts.log_bytes(run_id, os.urandom(100_000), "file.bin")
    one.flush()
    two = machine(tmp_path / "two")
    record_run(two, "second")
    two.close()
    generator = random.Random(0)
    kills = 0
    for _ in range(ROUNDS):
        # A process needs 0.06 s at least to begin, and the whole exchange 0.1 s or more.
        kills += killed(one.path, place.url, generator.uniform(0.05, 0.25))
        if place.names():
            kills += killed(tmp_path / "two", place.url, generator.uniform(0.05, 0.25))
    assert kills
    for store in (one, two := machine(tmp_path / "two"), one):
        sync(store, place.url)
    assert one.maintenance.digest() == two.maintenance.digest()
    assert envelopes(one) == envelopes(two)
    assert two.maintenance.check().ok
    assert one.maintenance.check().ok
    two.close()


_ERASER = """
import sys
from eventtrack.store import open_store
from eventtrack.sync import synchronize

store = open_store(sys.argv[1])
for number in range(1000):
    run = store.runs.create("0", run_name=f"{number}")
    store.runs.set_tags(run.info.run_id, {"who": f"patient-{run.info.run_id}"})
    synchronize(store, sys.argv[2])
    store.redaction.redact_envelopes(store.feeds.of_stream(f"run/{run.info.run_id}"), "asked")
    synchronize(store, sys.argv[2])
    print(flush=True)
"""


def secrets_in(data: bytes) -> list[bytes]:
    """Whom the bytes tell of."""
    return re.findall(rb"patient-[0-9a-f]{32}", data)


@pytest.mark.slow
def test_who_is_killed_while_it_erases_and_merges_loses_nothing(
    place: Place, two: Store, tmp_path: Path
) -> None:
    generator = random.Random(0)
    for _ in range(6):
        words = [sys.executable, "-c", _ERASER, str(tmp_path / "one"), place.url]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(5):
                assert process.stdout.readline()
            time.sleep(generator.uniform(0, 0.2))
            process.kill()
        sync(two, place.url)
        assert two.maintenance.check().ok
    one = machine(tmp_path / "one")
    for store in (one, two, one):
        sync(store, place.url)
    assert envelopes(one) == envelopes(two)
    assert len(envelopes(one)) >= 6 * 5 * 3
    # Where it died between recording and redacting, what was recorded is meant to be there.
    secrets = {secret for name in place.names() for secret in secrets_in(place.get(name))}
    assert secrets <= {secret for data in envelopes(one).values() for secret in secrets_in(data)}
    one.close()
