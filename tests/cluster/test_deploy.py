"""What tools/deploy/ holds can be run, as far as can be seen without an engine for containers."""

import contextlib
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import yaml

from eventtrack.cli import cli
from eventtrack.sharedlog.making import make_shared_log
from tests.cluster.processes import cluster_of
from tests.server.running import API, ROOT
from tests.server.test_proxy import free_port, nginx
from tests.server.test_tls import make_certificate

DEPLOY = ROOT / "tools" / "deploy"


def understood(words: list[str]) -> dict[str, Any]:
    """The values of a call of `eventtrack server`, which the command line must understand."""
    before, _, after = (words[: words.index("server")], None, words[words.index("server") + 1 :])
    assert before[0] == "--store"
    command = cli.get_command(click.Context(cli), "server")
    assert command is not None
    return command.make_context("server", list(after)).params


def test_the_unit_starts_a_server(tmp_path: Path) -> None:
    unit = (DEPLOY / "eventtrack-server@.service").read_text().replace("%i", "5001")
    line = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert line
    program, *words = line[1].split()
    assert program.endswith("/eventtrack")
    assert understood(words)["port"] == 5001
    verifier = shutil.which("systemd-analyze")
    if verifier is not None:
        file = tmp_path / "eventtrack-server.service"
        file.write_text(unit.replace(program, shutil.which("true") or "/bin/true"))
        done = subprocess.run(
            [verifier, "verify", "--man=no", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        complaints = [line for line in done.stderr.splitlines() if file.name in line]
        assert not complaints, complaints


def test_the_compose_file_names_what_is_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    for service in services.values():
        assert ("image" in service) != ("build" in service)
        assert set(service.get("depends_on", [])) <= set(services)
        assert {each["source"] for each in service.get("configs", [])} <= set(compose["configs"])
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
    for name in ("one", "two"):
        values = understood(services[name]["command"])
        assert (values["host"], values["allow_remote"]) == ("0.0.0.0", True)
        assert f"server {name}:{values['port']}" in compose["configs"]["proxy"]["content"]
    assert "[postgresql,nats,s3]" in (DEPLOY / "Dockerfile").read_text()


def test_the_manifests_fit_together() -> None:
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    assert set(kinds) == {"Job", "Deployment", "Service", "PodDisruptionBudget"}
    deployment = kinds["Deployment"]["spec"]
    pod = deployment["template"]
    labels = pod["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == kinds["Service"]["spec"]["selector"]
    budget = kinds["PodDisruptionBudget"]["spec"]
    assert budget["selector"]["matchLabels"] == labels
    assert budget["minAvailable"] < deployment["replicas"]
    [container] = pod["spec"]["containers"]
    [port] = container["ports"]
    assert understood(container["args"])["port"] == port["containerPort"]
    assert kinds["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    # It says 503 while the cache fills: a probe that kills must not ask it.
    assert container["livenessProbe"]["httpGet"]["path"] == "/version"
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}
    store = Path(container["args"][1])
    assert any(store.is_relative_to(each["mountPath"]) for each in container["volumeMounts"])


@contextlib.contextmanager
def balanced(urls: list[str], folder: Path) -> Iterator[httpx.Client]:
    """The nginx of tools/deploy before two servers; a client of it."""
    files, port = make_certificate(folder), free_port()
    block = (DEPLOY / "nginx.conf").read_text()
    replaced = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "tracking.example": "localhost",
        "/etc/ssl/tracking.pem": str(files.certificate),
        "/etc/ssl/tracking.key": str(files.key),
        "127.0.0.1:5001": urls[0].removeprefix("http://"),
        "127.0.0.1:5002": urls[1].removeprefix("http://"),
    }
    for old, new in replaced.items():
        assert old in block
        block = block.replace(old, new)
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
    verify = ssl.create_default_context(cafile=files.certificate)
    url = f"https://localhost:{port}"
    try:
        with httpx.Client(base_url=url, verify=verify, trust_env=False, timeout=60) as client:
            deadline = time.monotonic() + 60
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    client.get("/version")
                    break
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield client
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
def test_clients_behind_nginx_notice_no_death_of_a_server(
    tmp_path: Path, postgresql_url: str
) -> None:
    make_shared_log(postgresql_url).close()
    allowed = ("--allowed-host", "localhost")
    with (
        cluster_of(tmp_path, postgresql_url, "ada", "ben", arguments=allowed) as (ada, ben),
        balanced([ada.url, ben.url], tmp_path) as client,
    ):
        answer = client.post(f"{API}runs/create", json={"experiment_id": "0"})
        run_id = answer.json()["run"]["info"]["run_id"]
        for step in range(20):
            if step == 10:
                ada.kill()
            point = {"key": "m", "value": 1, "timestamp": step, "step": step}
            sent = {"run_id": run_id, "metrics": [point]}
            answer = client.post(f"{API}runs/log-batch", json=sent)
            assert answer.status_code == 200, (step, answer.text)
            read = client.get(f"{API}runs/get", params={"run_id": run_id}).json()
            assert read["run"]["data"]["metrics"][0]["step"] == step
