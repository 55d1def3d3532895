"""What every test starts with: a fluent API that knows nothing of the test before."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from eventtrack.store import Store

# How long an example takes says something of the machine, nothing of the law.
settings.register_profile("eventtrack", deadline=None)
settings.load_profile("eventtrack")

# A shell that runs the tests in its background ignores interrupts, and so would every program that
# the tests start to interrupt it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The fluent API reads these, and writes some of them for processes started later.
VARIABLES = (
    "EVENTTRACK_URI",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
    "EVENTTRACK_RUN_ID",
    "EVENTTRACK_RUN_EXPERIMENT",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING",
    "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL",
    "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING",
    "MLFLOW_SYSTEM_METRICS_NODE_ID",
)


@pytest.fixture(autouse=True)
def closed_stores(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stores that a test left open in its own folder are closed: each has eight open files."""
    yield
    module = sys.modules.get("eventtrack.store.store")
    folder = request.node.funcargs.get("tmp_path")
    if module is not None and folder is not None:
        for path, store in list(module._stores.items()):
            if path.is_relative_to(folder):
                store.close()


@pytest.fixture(autouse=True)
def fresh_fluent_state() -> Iterator[None]:
    """No choice of store or experiment, no open runs, no MLflow variables; before and after."""
    before = {name: os.environ.pop(name, None) for name in VARIABLES}
    yield
    _forget_fluent_state()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def one(tmp_path: Path) -> "Iterator[Store]":
    """A machine with a store of its own."""
    yield from _machine(tmp_path / "one")


@pytest.fixture
def two(tmp_path: Path) -> "Iterator[Store]":
    """Another one."""
    yield from _machine(tmp_path / "two")


def _machine(folder: Path) -> "Iterator[Store]":
    # Most tests need no machine; this must not load it for them.
    from tests.sync.machines import machine

    store = machine(folder)
    yield store
    store.close()


def _forget_fluent_state() -> None:
    # Most tests never load the fluent API; this must not load it for them.
    stack = sys.modules.get("eventtrack.fluent.stack")
    if stack is not None:
        stack.forget()
    experiments = sys.modules.get("eventtrack.fluent.experiments")
    if experiments is not None:
        experiments.forget_choice()
    location = sys.modules.get("eventtrack.fluent.location")
    if location is not None:
        location.close_all()


@pytest.fixture(scope="session")
def s3_process() -> Iterator[str]:
    """The URL of a server with buckets, one for all tests of this process."""
    words = [sys.executable, str(Path(__file__).parents[1] / "tools" / "s3_server.py")]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture
def s3_server(s3_process: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a server with buckets, which the environment names as well."""
    for name, text in s3_settings(s3_process).items():
        monkeypatch.setenv(name, text)
    return s3_process


def s3_settings(url: str) -> dict[str, str]:
    """The environment of a program that uses a server with buckets."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
