"""Connections to engines are encrypted, and prove whom they reach, where the address says so."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackError
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from tests.contracts.shared_log import Writer, everything
from tests.server.test_tls import make_certificate
from tests.sharedlog.engines import NOBODY, running_nats, running_postgresql


def test_a_log_in_jetstream_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_certificate(tmp_path)
    block = Writer("ada").block()
    tls = f'tls {{ cert_file: "{files.certificate}", key_file: "{files.key}" }}'
    with running_nats(1, more=tls) as cluster:
        address = f"127.0.0.1:{cluster.nodes[0].port}/lab"
        with pytest.raises(EventtrackError, match="certificate"):
            make_shared_log(f"tls://{address}", replicas=1, risky=True)
        monkeypatch.setenv("NATS_CA", str(files.certificate))
        with contextlib.closing(make_shared_log(f"tls://{address}", replicas=1, risky=True)) as log:
            log.append(block, last=0)
            assert len(everything(log)) == 1


def test_a_log_in_postgresql_over_tls(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    with running_postgresql() as server:
        for source, name in ((files.certificate, "server.crt"), (files.key, "server.key")):
            target = server.folder / name
            shutil.copyfile(str(source), target)
            target.chmod(0o600)
            if not os.geteuid():
                os.chown(target, NOBODY, NOBODY)
        server.execute("ALTER SYSTEM SET ssl = on")
        server.execute("SELECT pg_reload_conf()")
        url = f"{server.url}?sslmode=verify-full"
        with pytest.raises(EventtrackError, match="certificate"):
            make_shared_log(url)
        proved = f"{url}&sslrootcert={files.certificate}"
        with contextlib.closing(make_shared_log(proved)) as log:
            log.append(Writer("ada").block(), last=0)
            rows = server.execute(
                "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                "WHERE application_name = 'eventtrack'"
            )
            assert set(rows) == {(True,)}
        open_shared_log(proved).close()
