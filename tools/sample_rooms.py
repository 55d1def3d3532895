"""What the pages of traces, models, data and media show in `tools/screenshots.py`."""

import io
import json
import math
import random
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from eventtrack.views.records import Dataset, DatasetInput, InputTag
from eventtrack.views.traces.records import Assessment, Span

QUESTIONS = (
    "Where is my refund?",
    "Can I change the address of order 17?",
    "How long does delivery take?",
    "My parcel is broken",
)
NOTE = "# ResNet for CIFAR-10\n\nSorts **photographs** into ten classes."


def fill(client: MlflowClient, experiment_id: str, run_id: str) -> dict[str, str]:
    """Put traces, models, datasets and media beside a run.

    Returns the address of each page by the name of its pictures.
    """
    store = client.store
    assert isinstance(store, Store)
    model_id = models(store, experiment_id, run_id)
    digest = datasets(client, run_id)
    questions = store.datasets.create("refund questions", experiment_ids=[experiment_id])
    store.datasets.merge_records(
        questions.dataset_id,
        [{"inputs": {"question": text}, "expectations": {"tone": "kind"}} for text in QUESTIONS],
    )
    trace_id = traces(store, experiment_id)
    media(client, run_id)
    return {
        "home": "",
        "search": "?q=sgd",
        "traces": "traces",
        "sessions": "traces?view=sessions",
        "trace": f"traces/{trace_id}?span={3:016x}",
        "models": "models",
        "model": "models/resnet",
        "model-history": "models/resnet?tab=history",
        "logged-model": f"logged-models/{model_id}",
        "data": "data",
        "dataset": f"data/{digest}",
        "evaluation": f"evaluation/{questions.dataset_id}",
        "run-media": f"runs/{run_id}?tab=series",
    }


def models(store: Store, experiment_id: str, run_id: str) -> str:
    """A registered model of three versions, of which the last serves; the id of its source."""
    store.registry.create("resnet", description=NOTE, tags={"team": "vision"})
    model = None
    for depth in (18, 34, 50):
        model = store.models.create(
            experiment_id,
            name=f"resnet-{depth}",
            source_run_id=run_id,
            model_type="pytorch",
            params={"depth": str(depth)},
        )
        store.registry.create_version(
            "resnet",
            f"models:/{model.model_id}",
            run_id=run_id,
            model_id=model.model_id,
            description=f"{depth} layers",
        )
    assert model is not None
    for alias, version in (("champion", 1), ("champion", 3), ("challenger", 2)):
        store.registry.set_alias("resnet", alias, version)
    return model.model_id


def datasets(client: MlflowClient, run_id: str) -> str:
    """What the run read; the digest of one."""
    schema = json.dumps({"mlflow_colspec": [{"name": "image", "type": "binary"}]})
    for name, digest, use in (("train", "5f2a91c0", "training"), ("test", "77b0e4d1", "eval")):
        dataset = Dataset(
            name=f"cifar10-{name}",
            digest=digest,
            source_type="local",
            source=json.dumps({"uri": f"data/cifar10/{name}.parquet"}),
            schema=schema,
            profile=json.dumps({"num_rows": 50_000}),
        )
        tag = InputTag(key="mlflow.data.context", value=use)
        client.log_inputs(run_id, datasets=[DatasetInput(dataset=dataset, tags=[tag])])
    return "5f2a91c0"


def traces(store: Store, experiment_id: str) -> str:
    """Two dozen answers of an agent; the id of one that failed."""
    chance, failed = random.Random(5), ""
    now_ns = time.time_ns()
    for number in range(24):
        trace_id = f"tr-{number:032x}"
        question, bad = QUESTIONS[number % 4], number % 7 == 5
        began = now_ns - (25 - number) * 240_000_000_000
        steps = [
            (1, None, "agent", "AGENT", 0, 2400, {"question": question}),
            (2, 1, "retrieve", "RETRIEVER", 40, 600, {"query": question, "k": 3}),
            (3, 1, "answer", "CHAT_MODEL", 680, 1600, messages(question)),
            (4, 3, "look up order", "TOOL", 900, 300, {"order": 17}),
        ]
        spans = []
        for place, parent, name, kind, start, length, inputs in steps:
            wrong = bad and place == 4
            took = int(length * chance.uniform(0.7, 1.3))
            spans.append(
                Span(
                    trace_id=trace_id,
                    span_id=f"{place:016x}",
                    parent_id=None if parent is None else f"{parent:016x}",
                    name=name,
                    kind=kind,
                    status="ERROR" if bad and place in (1, 3, 4) else "OK",
                    start_time_ns=began + start * 1_000_000,
                    end_time_ns=began + (start + took) * 1_000_000,
                    body=body(name, inputs, wrong=wrong),
                    about_trace={
                        "session": f"chat-{number // 4}",
                        "user": "ada",
                        "request_preview": question,
                    },
                )
            )
        store.traces.log_spans(experiment_id, spans)
        if not bad:
            store.traces.assessments.create(
                Assessment(
                    assessment_id="",
                    trace_id=trace_id,
                    kind="feedback",
                    name="helpful",
                    value=number % 3 > 0,
                    source_type="HUMAN",
                )
            )
        failed = trace_id if bad else failed
    return failed


def messages(question: str) -> dict[str, Any]:
    """What a model is asked."""
    system = {"role": "system", "content": "You answer customers of a shop, briefly and kindly."}
    return {"messages": [system, {"role": "user", "content": question}], "temperature": 0.2}


def body(name: str, inputs: Any, *, wrong: bool) -> bytes:
    """A span as it stands in the log: values are texts of JSON."""
    outputs = None if wrong else {"answer": "Your refund takes five days."}
    attributes = {"mlflow.spanInputs": inputs, "mlflow.spanOutputs": outputs, "model": "shop-8b"}
    raised = {
        "exception.type": "TimeoutError",
        "exception.message": "the shop's database did not answer within 300 ms",
    }
    events = [{"name": "exception", "attributes": raised}] if wrong else []
    texts = {key: json.dumps(value) for key, value in attributes.items()}
    return json.dumps({"name": name, "attributes": texts, "events": events}).encode()


def media(client: MlflowClient, run_id: str) -> None:
    """Images, histograms, a cloud of points, a table and a console over steps."""
    numbers = np.random.default_rng(3)
    down, across = np.mgrid[0:48, 0:48]
    for step in range(0, 60, 2):
        wave = np.sin(across / 5 + step / 9) * np.cos(down / 7 - step / 11)
        noise = numbers.normal(size=wave.shape) * math.exp(-step / 15)
        grey = ((wave + noise) * 70 + 128).clip(0, 255)
        pixels = np.stack([grey, 255 - grey, np.full_like(grey, 90 + step)], -1).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        client.log_media(run_id, "samples", file.getvalue(), step, media_type="image/png")
        counts, edges = np.histogram(numbers.normal(step / 40, 1 - step / 90, 2000), bins=48)
        client.log_histogram(
            run_id, "weights/conv1", edges=edges.tolist(), counts=counts.tolist(), step=step
        )
        line = f"\x1b[32mepoch {step}\x1b[0m loss \x1b[1m{2.3 * math.exp(-step / 14):.4f}\x1b[0m"
        client.log_text_line(run_id, line, step=step)
    points = numbers.normal(size=(3000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 3000\n"
    fields = "".join(f"property float {axis}\n" for axis in "xyz")
    packed = b"".join(struct.pack("<3f", *map(float, point)) for point in points)
    with tempfile.TemporaryDirectory() as folder:
        cloud = Path(folder) / "sphere.ply"
        cloud.write_bytes(f"{head}{fields}end_header\n".encode() + packed)
        client.log_media(run_id, "sphere", cloud)
    classes = ("cat", "dog", "ship", "frog")
    rows = {
        "image": [f"img-{number}" for number in range(40)],
        "label": [classes[number % 4] for number in range(40)],
        "score": [round(0.5 + numbers.random() / 2, 3) for _ in range(40)],
    }
    client.log_table(run_id, rows, "predictions.json")
