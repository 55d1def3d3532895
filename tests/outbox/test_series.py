"""Text, histograms and media of runs on a server: logged here, delivered once, read from there."""

import contextlib
import hashlib
import io
import uuid
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

import eventtrack
from eventtrack.errors import NotFoundError, UsageError
from eventtrack.outbox import item_parts
from eventtrack.views.items import HistogramItem, MediaItem, TextItem
from tests.outbox.conftest import Script
from tests.outbox.proxy import Proxy, proxy_to
from tests.outbox.seen import flush
from tests.server.running import Running, running


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[tuple[Running, Proxy]]:
    with running(tmp_path / "theirs") as server, proxy_to(server.url) as proxy:
        eventtrack.set_tracking_uri(proxy.url)
        eventtrack.set_experiment(f"series {uuid.uuid4().hex}")
        yield server, proxy


def log_each_kind() -> str:
    with eventtrack.start_run() as run:
        for step in range(3):
            eventtrack.log_text_line(f"epoch {step}", step=step, timestamp=step)
            eventtrack.log_histogram("weights", edges=[0, 1, 2], counts=[step, 1], step=step)
            eventtrack.log_html("report", f"<h1>{step}</h1>", step=step, caption="so far")
    return str(run.info.run_id)


def test_each_kind_is_read_as_it_was_logged(ours: tuple[Running, Proxy]) -> None:
    client, run_id = eventtrack.MlflowClient(), log_each_kind()
    lines = client.get_series(run_id, "log")
    assert lines == [TextItem(text=f"epoch {at}", step=at, timestamp=at) for at in range(3)]
    assert client.get_series(run_id, "log", start=-2) == lines[1:]
    assert client.get_series(run_id, "log", "text", 1, 2) == lines[1:2]
    assert client.get_series(run_id, "log", stop=-1) == lines[:2]
    counts = [item.counts for item in client.get_series(run_id, "weights")]
    assert counts == [[float(step), 1.0] for step in range(3)]
    assert isinstance(client.get_series(run_id, "weights")[0], HistogramItem)
    pages = client.get_series(run_id, "report")
    assert [(it.media_type, it.caption, it.step) for it in pages] == [
        ("text/html", "so far", step) for step in range(3)
    ]
    assert isinstance(pages[0], MediaItem)
    assert {(it.kind, it.count) for it in client.store.items.list(run_id)} == {
        ("text", 3),
        ("histogram", 3),
        ("media", 3),
    }
    for kind in ("text", None):
        with pytest.raises(NotFoundError):
            client.get_series(run_id, "nothing", kind)
    server = ours[0]
    asked = {"run_id": run_id, "sha256": pages[1].sha256}
    got = server.client.get("/api/eventtrack/1/media", params=asked)
    assert got.content == b"<h1>1</h1>"


def test_a_lost_answer_doubles_nothing(
    ours: tuple[Running, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_parts, "CALL_BYTES_MAX", 50)
    _, proxy = ours
    with eventtrack.start_run() as run:
        eventtrack.log_text_line("first", timestamp=0)
        eventtrack.flush()
        for round_ in range(3):
            proxy.cut_answers = 2
            for number in range(10):
                eventtrack.log_text_line("same", timestamp=round_)
                eventtrack.log_media("cat", bytes([number]), media_type="image/png")
            with contextlib.suppress(eventtrack.exceptions.MlflowException, Exception):
                eventtrack.flush()
    proxy.cut_answers = 0
    eventtrack.flush()
    client = eventtrack.MlflowClient()
    assert [it.text for it in client.get_series(run.info.run_id, "log")] == ["first"] + [
        "same"
    ] * 30
    assert len(client.get_series(run.info.run_id, "cat")) == 30


def test_an_outage_costs_nothing(ours: tuple[Running, Proxy]) -> None:
    _, proxy = ours
    proxy.close()
    run_id = log_each_kind()
    proxy.open()
    assert flush()[0] == 0
    assert len(eventtrack.MlflowClient().get_series(run_id, "report")) == 3


def test_a_killed_program_leaves_its_lines_and_sounds_to_flush(
    ours: tuple[Running, Proxy], script: Script
) -> None:
    _, proxy = ours
    done = script(
        """
        import os, signal
        import eventtrack as mlflow
        with mlflow.start_run() as run:
            print(run.info.run_id, flush=True)
            for step in range(2000):
                mlflow.log_text_line(f"line {step}", step=step)
            mlflow.log_audio("sound", [0.0, 0.5], sample_rate=8000)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        proxy.url,
    )
    assert done.returncode == -9, done.stderr
    assert flush()[0] == 0
    client, run_id = eventtrack.MlflowClient(), done.stdout.strip()
    assert [it.step for it in client.get_series(run_id, "log")] == list(range(2000))
    [sound] = client.get_series(run_id, "sound")
    asked = {"run_id": run_id, "sha256": sound.sha256}
    data = ours[0].client.get("/api/eventtrack/1/media", params=asked).content
    assert hashlib.sha256(data).hexdigest() == sound.sha256
    with contextlib.closing(wave.open(io.BytesIO(data))) as read:
        assert read.getframerate() == 8000


def test_mlflows_server_is_named_and_images_still_go_to_its_files(
    theirs_url: str, experiment: str
) -> None:
    np = pytest.importorskip("numpy")
    pytest.importorskip("PIL")
    eventtrack.set_tracking_uri(theirs_url)
    eventtrack.set_experiment(experiment)
    with eventtrack.start_run() as run:
        with pytest.raises(UsageError, match="no series of text"):
            eventtrack.log_text_line("a line")
        eventtrack.log_image(np.zeros((2, 2), "uint8"), key="cat", step=1)
    eventtrack.flush()
    paths = [it.path for it in eventtrack.MlflowClient().list_artifacts(run.info.run_id, "images")]
    assert len(paths) == 2
