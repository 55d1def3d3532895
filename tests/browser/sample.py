"""What MLflow's pages are shown of: runs with one of everything, traces and models."""

import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eventtrack.client import MlflowClient
from eventtrack.entities import Metric, Param, RunTag
from tests.server.running import Running

HTML = """<!doctype html><p id="said">by nobody</p>
<script>document.getElementById("said").textContent = "by a script of the page"</script>"""

WITH_MLFLOW = """
import pathlib
import sys
import tempfile
import mlflow
from mlflow import MlflowClient

url, experiment_id = sys.argv[1:]
mlflow.set_tracking_uri(url)
mlflow.set_experiment(experiment_id=experiment_id)

@mlflow.trace(name="answer", span_type="AGENT")
def answer(number):
    mlflow.update_current_trace(metadata={"mlflow.trace.session": f"session-{number % 2}"})
    with mlflow.start_span("ask", span_type="CHAT_MODEL") as span:
        span.set_inputs({"messages": [{"role": "user", "content": "why?"}]})
        usage = {"input_tokens": 10, "output_tokens": number, "total_tokens": 10 + number}
        cost = {"input_cost": 0.25, "output_cost": 0.5, "total_cost": 0.75}
        span.set_attributes({"mlflow.chat.tokenUsage": usage, "mlflow.llm.cost": cost})
        span.set_attributes({"mlflow.llm.model": "gpt-x", "mlflow.llm.provider": "openai"})
    with mlflow.start_span("look up", span_type="TOOL"):
        if number == 3:
            raise ValueError("not there")
    return "because"

for number in range(6):
    try:
        answer(number)
    except ValueError:
        pass
    trace_id = mlflow.get_last_active_trace_id()
    mlflow.log_feedback(trace_id=trace_id, name="correct", value=number % 2 == 0)
    mlflow.log_feedback(trace_id=trace_id, name="relevance", value=number / 5)

client = MlflowClient()
with mlflow.start_run() as run:
    model = client.create_logged_model(experiment_id, "forest", source_run_id=run.info.run_id)
    mlflow.log_metric("accuracy", 0.9, model_id=model.model_id)
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "MLmodel").write_text("flavors: {}")
    client.log_model_artifacts(model.model_id, folder)
client.finalize_logged_model(model.model_id, "READY")
client.create_registered_model("woods", description="of trees")
source = f"models:/{model.model_id}"
client.create_model_version("woods", source, run.info.run_id, model_id=model.model_id)
client.set_registered_model_alias("woods", "best", "1")
print(model.model_id)
"""


@dataclass
class Filled:
    """A server with MLflow's pages, and what its store holds."""

    server: Running
    experiment_id: str
    run_ids: list[str]
    model_id: str

    def url(self, route: str) -> str:
        """Where a page is; `{e}`, `{m}`, `{a}` and `{b}`: the experiment, a model and two runs."""
        a, b = self.run_ids[:2]
        known = {"e": self.experiment_id, "m": self.model_id, "a": a, "b": b}
        return f"{self.server.url}/#/{route.format_map(known)}"


def fill(client: MlflowClient) -> tuple[str, list[str]]:
    """An experiment with two runs that have one of everything, and a child of the first."""
    experiment_id = client.create_experiment("digits")
    run_ids = []
    for name, rate in (("slow", 0.01), ("fast", 0.1)):
        run = client.create_run(experiment_id, run_name=name)
        run_ids.append(run.info.run_id)
        points = [
            Metric(key, value, 1000 * step + 1, step)
            for step in range(100)
            for key, value in (
                ("loss", 1 / (1 + rate * step)),
                ("eval/f1", step / 100),
                ("system/cpu_utilization_percentage", float(step)),
            )
        ]
        tags = [RunTag("team", "blue"), RunTag("mlflow.note.content", "# Remarkable")]
        params = [Param("lr", str(rate)), Param("optimizer", "adam")]
        client.log_batch(run.info.run_id, points, params, tags)
        client.log_metric(run.info.run_id, "broken", float("nan"))
        client.log_text(run.info.run_id, "two lines\nof text", "notes.txt")
        client.log_dict(run.info.run_id, {"depth": 18}, "config/model.json")
        client.log_text(run.info.run_id, HTML, "page.html")
        client.log_image(run.info.run_id, np.full((40, 60, 3), 200, np.uint8), "grey.png")
        table = pd.DataFrame({"question": ["why?"], "answer": ["because"]})
        client.log_table(run.info.run_id, table, "answers.json")
        client.set_terminated(run.info.run_id)
    parent = {"mlflow.parentRunId": run_ids[0]}
    child = client.create_run(experiment_id, run_name="fold-1", tags=parent)
    client.set_terminated(child.info.run_id)
    return experiment_id, run_ids


def log_as_mlflow(url: str, experiment_id: str) -> str:
    """Traces, a logged model and a registered one, by mlflow itself in a process of its own.

    Returns:
        The id of the logged model.
    """
    done = subprocess.run(
        [sys.executable, "-c", WITH_MLFLOW, url, experiment_id],
        env={**os.environ, "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]
