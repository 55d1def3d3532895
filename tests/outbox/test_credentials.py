"""Who asks, and whom: users, tokens, certificates; from the URL or the environment."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import eventtrack
from eventtrack.errors import InvalidValueError, RemoteDeniedError
from eventtrack.rest import address_of
from eventtrack.tokens import Tokens
from tests.outbox.seen import flush
from tests.server.running import Running, running
from tests.server.test_tls import make_certificate

VARIABLES = (
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_INSECURE_TLS",
)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials but those that a test sets."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of `secure`."""
    return make_certificate(tmp_path_factory.mktemp("certificate")).certificate


@pytest.fixture(scope="module")
def secure(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that speaks HTTPS and wants tokens."""
    options = ("--tls-cert", str(certificate), "--tls-key", str(certificate.with_name("key.pem")))
    store = tmp_path_factory.mktemp("secure") / "store"
    with running(store, *options, verify=False) as found:
        yield found


@pytest.fixture(scope="module")
def token(secure: Running) -> str:
    """A token that may write."""
    return Tokens(secure.store).create("ada", "write")


def log() -> None:
    """What each of the tests wants to do."""
    with eventtrack.start_run() as run:
        eventtrack.log_metric("loss", 1)
    assert eventtrack.get_run(run.info.run_id).data.metrics == {"loss": 1}


def test_a_token_of_the_environment(
    secure: Running, token: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    eventtrack.set_tracking_uri(secure.url)
    log()


def test_a_token_as_the_password_of_the_environment(
    secure: Running, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", token)
    eventtrack.set_tracking_uri(secure.url)
    log()


def test_a_password_in_the_url_is_kept_nowhere(
    secure: Running, token: str, certificate: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
    eventtrack.set_tracking_uri(f"https://ada:{token}@{urlsplit(secure.url).netloc}")
    log()
    eventtrack.flush()
    written = [path.read_bytes() for path in state.rglob("*") if path.is_file()]
    assert written
    assert not any(token.encode() in data for data in written)
    assert token not in repr(address_of(eventtrack.get_tracking_uri()))
    assert flush()[0] == 0  # with the credentials of EVENTTRACK_URI


def test_the_same_server_may_be_asked_with_several_credentials(
    secure: Running, token: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
    other = Tokens(secure.store).create("bob", "write")
    place = urlsplit(secure.url).netloc
    first = eventtrack.MlflowClient(f"https://ada:{token}@{place}")
    second = eventtrack.MlflowClient(f"https://bob:{other}@{place}")
    run = first.create_run("0")
    second.log_metric(run.info.run_id, "loss", 1.0)
    second.store.close()
    first.log_param(run.info.run_id, "lr", 1)
    found = first.get_run(run.info.run_id)
    assert (found.data.metrics, found.data.params) == ({"loss": 1}, {"lr": "1"})


def test_without_a_token_the_start_of_a_run_is_refused(
    secure: Running, token: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
    eventtrack.set_tracking_uri(secure.url)
    with pytest.raises(RemoteDeniedError) as caught:
        eventtrack.start_run()
    assert "MLFLOW_TRACKING_TOKEN" in caught.value.hint


def test_a_certificate_that_nobody_vouches_for_is_an_outage_that_says_so(
    secure: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    eventtrack.set_tracking_uri(secure.url)
    with eventtrack.start_run() as run:
        eventtrack.log_metric("loss", 1)
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    assert flush(secure.url)[0] == 0
    eventtrack.set_tracking_uri(secure.url)
    assert eventtrack.get_run(run.info.run_id).data.metrics == {"loss": 1}


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("HTTP://LocalHost:80", "http://localhost"),
        ("https://a:b@example.org:443/base/path//", "https://example.org/base/path"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_a_server_has_one_address(uri: str, url: str) -> None:
    assert address_of(uri).url == url


@pytest.mark.parametrize("uri", ["http://", "http:5000", "http://host:port", "http://h?x", "a"])
def test_what_is_no_server_is_refused(uri: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        address_of(uri)
    assert caught.value.hint
