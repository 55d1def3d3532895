"""Behind nginx that ends TLS, set up as docs/server.md says."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.running import API, ROOT, Running, running
from tests.server.test_access import mlflow_script
from tests.server.test_tls import make_certificate


def nginx() -> str:
    """The program, where Debian puts it. Without it tests are skipped, in CI they fail."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        missing = "no nginx on this machine: `apt-get install nginx-light` brings it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def documented(**replaced: str) -> str:
    """The block that the docs tell people to use, for this test's ports and files."""
    text = (ROOT / "eventtrack/docs/server.md").read_text()
    found = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert found
    block = found[1]
    for old, new in replaced.items():
        assert block.count(old) == 1
        block = block.replace(old, new)
    return block


@contextlib.contextmanager
def proxied(server: Running, folder: Path) -> Iterator[tuple[str, Path]]:
    """Put nginx before a server; its address, and the certificate that it shows."""
    files = make_certificate(folder)
    port = free_port()
    block = documented(
        **{
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "tracking.example": "localhost",
            "/etc/ssl/tracking.pem": str(files.certificate),
            "/etc/ssl/tracking.key": str(files.key),
            "http://127.0.0.1:5000": server.url,
        }
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = folder / "nginx.conf"
    settings.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{block}}}\n"
    )
    process = subprocess.Popen([nginx(), "-c", str(settings), "-e", str(folder / "error.log")])
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield f"https://localhost:{port}", files.certificate
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
def test_mlflow_and_pages_work_behind_nginx(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "data.bin").write_bytes(os.urandom(3 * 2**20 + 5))
    script = (
        "import mlflow\n"
        "with mlflow.start_run() as run:\n"
        "    mlflow.log_metric('m', 1)\n"
        "    mlflow.log_artifact('data.bin')\n"
        "mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path='back')\n"
    )
    with (
        running(tmp_path / "store") as server,
        proxied(server, tmp_path) as (url, certificate),
        httpx.Client(
            base_url=url,
            verify=ssl.create_default_context(cafile=certificate),
            trust_env=False,
            timeout=60,
        ) as client,
    ):
        done = mlflow_script(
            script,
            url,
            tmp_path,
            MLFLOW_TRACKING_SERVER_CERT_PATH=str(certificate),
            REQUESTS_CA_BUNDLE=str(certificate),
            MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true",
            MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE="1",
            MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(2**20),
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "back/data.bin").read_bytes() == (tmp_path / "data.bin").read_bytes()
        assert client.get("/").status_code == 200
        # Events come as they happen, not when a buffer is full.
        with client.stream("GET", "/api/eventtrack/1/live") as stream:
            server.new_run()
            assert "event: changes" in stream.iter_lines()
        body = {"name": "by a page"}
        ours = client.post(f"{API}experiments/create", json=body, headers={"origin": url})
        assert ours.status_code == 200
        theirs = {"origin": "https://other.example"}
        assert client.post(f"{API}experiments/create", json=body, headers=theirs).status_code == 403
