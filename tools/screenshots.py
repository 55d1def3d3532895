"""Pictures of every page, of a store as a team has it: `python tools/screenshots.py FOLDER`.

Makes the store, serves it, and takes each page light and dark, and as wide as a phone. `--readme`
draws the pictures of README.md anew, in `eventtrack/docs/images`. Needs chromium, Playwright and
Pillow; only the clock differs between two calls.
"""

import argparse
import contextlib
import io
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from eventtrack.client import MlflowClient  # noqa: E402
from eventtrack.entities import Metric  # noqa: E402
from tools import sample_rooms  # noqa: E402

README_IMAGES = ROOT / "eventtrack" / "docs" / "images"
WIDTHS = {"wide": (1280, 820), "phone": (390, 844)}
# Colours of a picture in README: flat pages need few, and each costs bytes.
COLOURS = 128
EPOCHS = 60
NOTE = """## Warm-up helps
Runs **without warm-up** diverge above `lr = 0.1`; see *loss* in the first ten epochs.

- next: cosine schedule
- then: the whole data set
"""


class Sample(NamedTuple):
    """What the pages are opened with."""

    experiment_id: str
    runs: list[str]
    best: str
    died: str
    rooms: dict[str, str]


def fill(folder: Path) -> Sample:
    """A sweep, a finished baseline, and a training that was killed."""
    client, chance = MlflowClient(str(folder)), random.Random(7)
    experiment_id = client.create_experiment("cifar10-resnet", tags={"team": "vision"})
    for name in ("speech-conformer", "ablation-augment"):
        other = client.create_experiment(name)
        for number in range(3):
            train(client, chance, other, f"seed-{number}", 0.03, "sgd", {})
    begun_ms = time.time_ns() // 1_000_000 - 62 * 3_600_000
    sweep = client.create_run(experiment_id, start_time=begun_ms, run_name="sweep").info.run_id
    runs = [
        train(client, chance, experiment_id, f"{optimizer} lr={rate}", rate, optimizer, nested)
        for optimizer in ("adamw", "sgd", "lion")
        for rate in (0.003, 0.01, 0.03, 0.1, 0.3)
        for nested in ({"mlflow.parentRunId": sweep},)
    ]
    client.set_terminated(sweep)
    client.set_terminated(runs[4], "FAILED", end_time=begun_ms + 61 * 3_600_000)
    best = runs[7]
    client.set_tag(best, "mlflow.note.content", NOTE)
    client.set_tag(best, "stage", "candidate")
    client.set_tag(best, "stage", "production")
    client.log_text(best, "class,precision,recall\ncat,0.91,0.88\ndog,0.93,0.95\n", "report.csv")
    client.log_dict(best, {"model": "resnet18", "widths": [64, 128, 256]}, "config/model.json")
    client.log_image(best, confusion(chance), "confusion.png")
    program = folder.parent / "train.py"
    program.write_text(KILLED, encoding="utf-8")
    killed = [sys.executable, str(program), str(folder), experiment_id]
    died = subprocess.run(killed, capture_output=True, text=True, check=False).stdout.strip()
    rooms = sample_rooms.fill(client, experiment_id, best)
    return Sample(experiment_id, runs, best, died, rooms)


KILLED = """
import os, signal, sys
import eventtrack
eventtrack.set_tracking_uri(sys.argv[1])
eventtrack.set_experiment(experiment_id=sys.argv[2])
run = eventtrack.start_run(run_name="overnight")
for step in range(40):
    eventtrack.log_metric("train/loss", 2.3 / (1 + step / 6), step=step)
eventtrack.flush()
print(run.info.run_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def train(
    client: MlflowClient,
    chance: random.Random,
    experiment_id: str,
    name: str,
    rate: float,
    optimizer: str,
    tags: dict[str, str],
) -> str:
    """A run whose curves look like those of a training; too great a rate diverges."""
    ago_ms = chance.randrange(2 * 3_600_000, 60 * 3_600_000)
    start_ms = time.time_ns() // 1_000_000 - ago_ms
    run = client.create_run(experiment_id, run_name=name, tags=tags, start_time=start_ms)
    run_id: str = run.info.run_id
    for key, value in (("lr", rate), ("optimizer", optimizer), ("batch_size", 256), ("seed", 7)):
        client.log_param(run_id, key, value)
    fit = math.exp(-(math.log10(rate / 0.02) ** 2)) * (1.0 if optimizer == "sgd" else 0.9)
    points = []
    for step in range(EPOCHS):
        noise = chance.gauss(0, 0.025)
        loss = 2.3 * math.exp(-fit * step / 14) + 0.25 / fit * 0.4 + abs(noise) * 2
        loss += max(rate - 0.2, 0) * step * 0.12
        accuracy = min(0.97, max(0.1, 1 - loss / 2.6 + noise / 3))
        values = {
            "train/loss": loss,
            "val/loss": loss * 1.06 + abs(noise) + max(step - 40, 0) * 0.002,
            "val/accuracy": accuracy,
            "system/gpu_utilization_percentage": 88 + 100 * noise,
            "system/cpu_utilization_percentage": 35 + 60 * noise,
        }
        at = start_ms + step * 41_000
        points += [Metric(key, value, at, step) for key, value in values.items()]
    client.log_batch(run_id, points)
    client.set_terminated(run_id, end_time=start_ms + EPOCHS * 41_000)
    return run_id


def confusion(chance: random.Random) -> Any:
    """A confusion matrix as an image."""
    size, cell = 10, 24
    cells = [
        [chance.random() * 0.25 + (row == at) * 0.7 for at in range(size)] for row in range(size)
    ]
    grey = np.kron(np.array(cells), np.ones((cell, cell)))
    return np.stack([255 - grey * 220, 255 - grey * 150, 255 - grey * 70], axis=-1).astype(np.uint8)


def pages(sample: Sample) -> dict[str, str]:
    """The address of each page by the name of its pictures."""
    run = f"runs/{sample.best}"
    some = ",".join(sample.runs[5:9])
    return {
        **sample.rooms,
        "experiments": "experiments",
        "runs": f"experiments/{sample.experiment_id}",
        "run": run,
        "run-charts": f"{run}?tab=charts",
        "run-files": f"{run}?tab=files&file=confusion.png",
        "run-table": f"{run}?tab=files&file=report.csv",
        "run-history": f"{run}?tab=history",
        "run-lost": f"runs/{sample.died}",
        "compare": f"compare?runs={some}",
        "time": "time",
        "sync": "sync",
        "log": "log",
        "help": "help",
    }


# Which pages illustrate README.md, and in which theme.
ILLUSTRATIONS = {"runs": "light", "run-charts": "dark", "compare": "dark", "run-history": "light"}


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of the store's server."""
    command = [sys.executable, "-m", "eventtrack", "--store", str(folder), "--json", "server"]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def picture(page: Page, address: str) -> bytes:
    """The page once nothing moves on it any more."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("main")
    page.wait_for_timeout(1500)
    return page.screenshot()


def take(browser: Browser, url: str, sample: Sample, folder: Path) -> None:
    """All pages in all themes and widths."""
    for width, (across, down) in WIDTHS.items():
        for theme in ("light", "dark"):
            size = {"width": across, "height": down}
            page = browser.new_page(viewport=size, color_scheme=theme)  # type: ignore[arg-type]
            for name, route in pages(sample).items():
                shot = picture(page, f"{url}/#/{route}")
                (folder / f"{name}-{width}-{theme}.png").write_bytes(shot)
            page.close()


def illustrate(browser: Browser, url: str, sample: Sample) -> None:
    """The pictures of README.md, with few colours and so few bytes."""
    README_IMAGES.mkdir(exist_ok=True)
    size = {"width": 1280, "height": 720}
    for name, theme in ILLUSTRATIONS.items():
        page = browser.new_page(viewport=size, color_scheme=theme)  # type: ignore[arg-type]
        shot = Image.open(io.BytesIO(picture(page, f"{url}/#/{pages(sample)[name]}")))
        shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
            README_IMAGES / f"{name}.png", optimize=True
        )
        page.close()


def main() -> None:
    """Make the store, serve it, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="where the pictures go")
    parser.add_argument("--readme", action="store_true", help="draw README's pictures anew")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="the browser's program")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        store = Path(scratch) / "runs"
        sample = fill(store)
        browser = playwright.chromium.launch(executable_path=asked.browser)
        with served(store) as url:
            if asked.folder is not None:
                asked.folder.mkdir(parents=True, exist_ok=True)
                take(browser, url, sample, asked.folder)
            if asked.readme:
                illustrate(browser, url, sample)
        browser.close()


if __name__ == "__main__":
    main()
