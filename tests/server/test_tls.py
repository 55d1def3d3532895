"""HTTPS with a certificate of one's own, through the real client."""

import datetime as dt
import ipaddress
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from eventtrack.errors import InvalidValueError
from eventtrack.server import TlsFiles
from eventtrack.tokens import Tokens
from tests.server.running import API, ROOT, running
from tests.server.test_access import mlflow_script


def make_certificate(folder: Path, passphrase: bytes | None = None) -> TlsFiles:
    """A certificate for this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    files = TlsFiles(folder / "cert.pem", folder / "key.pem")
    assert files.key is not None
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, encryption))
    return files


@pytest.mark.slow
def test_mlflow_logs_over_tls_and_checks_whom_it_talks_to(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    files = make_certificate(tmp_path)
    script = (
        "import mlflow\n"
        "with mlflow.start_run():\n"
        "    mlflow.log_metric('m', 1)\n"
        "    mlflow.log_text('hello', 'a.txt')\n"
    )
    options = ("--tls-cert", str(files.certificate), "--tls-key", str(files.key))
    context = ssl.create_default_context(cafile=files.certificate)
    with running(tmp_path / "store", *options, verify=context) as server:
        assert server.url.startswith("https://127.0.0.1:")
        token = Tokens(server.store).create("ada", "write")
        known = {
            "MLFLOW_TRACKING_TOKEN": token,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(files.certificate),
        }
        done = mlflow_script(script, server.url, tmp_path, **known)
        assert done.returncode == 0, done.stderr
        del known["MLFLOW_TRACKING_SERVER_CERT_PATH"]
        stranger = mlflow_script(script, server.url, tmp_path, **known)
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.stderr
        plain = server.url.replace("https", "http")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{plain}{API}experiments/get?experiment_id=0", trust_env=False)
        headers = {"authorization": f"Bearer {token}"}
        body = {"experiment_ids": ["0"]}
        found = server.client.post(f"{API}runs/search", json=body, headers=headers)
        assert len(found.json()["runs"]) == 1


def test_a_certificate_may_hold_its_key(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    assert files.key is not None
    both = tmp_path / "both.pem"
    both.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    TlsFiles(both).check()


def test_files_that_are_no_good_are_refused(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other", passphrase=b"secret")
    for wrong in (
        TlsFiles(files.certificate),
        TlsFiles(files.certificate, files.certificate),
        TlsFiles(files.certificate, other.key),
        TlsFiles(other.certificate, other.key),
        TlsFiles(tmp_path / "missing", files.key),
    ):
        with pytest.raises(InvalidValueError, match="cannot serve TLS with"):
            wrong.check()


def test_a_server_with_a_wrong_key_does_not_start(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    command = [sys.executable, "-m", "eventtrack", "--store", str(tmp_path / "s"), "server"]
    for options, said in (
        (["--tls-cert", str(files.certificate)], "PEM"),
        (["--tls-key", str(files.key)], "--tls-cert"),
    ):
        done = subprocess.run(
            [*command, "--port", "0", *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr
