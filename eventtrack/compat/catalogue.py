"""Every endpoint of MLflow's server, served by us or not, so that errors can name missing ones.

Read from MLflow 3.17.2 (`mlflow.server.handlers.get_endpoints` and the routes beside them); a test
compares the two where MLflow is installed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The endpoints of each group as `methods path`. `api/` also stands for `ajax-api/`, which MLflow's
# pages ask; `ajax-api/` stands for itself. A name in angle brackets is one segment of the path;
# `<artifact_path>` and everything after it may have more.
_TEXT = {
    "The server itself": """
        GET /health
        GET /version
        GET /api/3.0/mlflow/server-info
    """,
    "Experiments": """
        POST /api/2.0/mlflow/experiments/create
        POST /api/2.0/mlflow/experiments/delete
        POST /api/2.0/mlflow/experiments/delete-experiment-tag
        GET /api/2.0/mlflow/experiments/get
        GET /api/2.0/mlflow/experiments/get-by-name
        POST /api/2.0/mlflow/experiments/restore
        GET,POST /api/2.0/mlflow/experiments/search
        POST /ajax-api/2.0/mlflow/experiments/search-datasets
        POST /api/2.0/mlflow/experiments/set-experiment-tag
        POST /api/2.0/mlflow/experiments/update
    """,
    "Runs": """
        POST /api/2.0/mlflow/runs/create
        POST /ajax-api/2.0/mlflow/runs/create-promptlab-run
        POST /api/2.0/mlflow/runs/delete
        POST /api/2.0/mlflow/runs/delete-tag
        GET /api/2.0/mlflow/runs/get
        POST /api/2.0/mlflow/runs/log-batch
        POST /api/2.0/mlflow/runs/log-inputs
        POST /api/2.0/mlflow/runs/log-metric
        POST /api/2.0/mlflow/runs/log-model
        POST /api/2.0/mlflow/runs/log-parameter
        POST /api/2.0/mlflow/runs/outputs
        POST /api/2.0/mlflow/runs/restore
        POST /api/2.0/mlflow/runs/search
        POST /api/2.0/mlflow/runs/set-tag
        POST /api/2.0/mlflow/runs/update
    """,
    "Metrics": """
        GET /api/2.0/mlflow/metrics/get-history
        GET /ajax-api/2.0/mlflow/metrics/get-history-bulk
        GET /api/2.0/mlflow/metrics/get-history-bulk-interval
    """,
    "Artifacts": """
        GET /get-artifact
        GET /api/2.0/mlflow/artifacts/list
        POST /api/2.0/mlflow/artifacts/presigned-download-url
        POST /api/2.0/mlflow/artifacts/presigned-upload-url
        GET /ajax-api/2.0/mlflow/get-artifact
        POST /ajax-api/2.0/mlflow/upload-artifact
    """,
    "Artifact proxy": """
        GET /api/2.0/mlflow-artifacts/artifacts
        DELETE,GET,PUT /api/2.0/mlflow-artifacts/artifacts/<artifact_path>
        POST /api/2.0/mlflow-artifacts/mpu/abort/<artifact_path>
        POST /api/2.0/mlflow-artifacts/mpu/complete/<artifact_path>
        POST /api/2.0/mlflow-artifacts/mpu/create/<artifact_path>
        GET /api/2.0/mlflow-artifacts/presigned/<artifact_path>
    """,
    "Logged models": """
        POST /api/2.0/mlflow/logged-models
        DELETE,GET,PATCH /api/2.0/mlflow/logged-models/<model_id>
        GET /api/2.0/mlflow/logged-models/<model_id>/artifacts/directories
        GET /ajax-api/2.0/mlflow/logged-models/<model_id>/artifacts/files
        POST /api/2.0/mlflow/logged-models/<model_id>/params
        PATCH /api/2.0/mlflow/logged-models/<model_id>/tags
        DELETE /api/2.0/mlflow/logged-models/<model_id>/tags/<tag_key>
        POST /api/2.0/mlflow/logged-models/search
    """,
    "Model registry": """
        GET /model-versions/get-artifact
        POST /api/2.0/mlflow/model-versions/create
        DELETE /api/2.0/mlflow/model-versions/delete
        DELETE /api/2.0/mlflow/model-versions/delete-tag
        GET /api/2.0/mlflow/model-versions/get
        GET /ajax-api/2.0/mlflow/model-versions/get-artifact
        GET /api/2.0/mlflow/model-versions/get-download-uri
        GET /api/2.0/mlflow/model-versions/search
        POST /api/2.0/mlflow/model-versions/set-tag
        POST /api/2.0/mlflow/model-versions/transition-stage
        PATCH /api/2.0/mlflow/model-versions/update
        DELETE,GET,POST /api/2.0/mlflow/registered-models/alias
        POST /api/2.0/mlflow/registered-models/create
        DELETE /api/2.0/mlflow/registered-models/delete
        DELETE /api/2.0/mlflow/registered-models/delete-tag
        GET /api/2.0/mlflow/registered-models/get
        GET,POST /api/2.0/mlflow/registered-models/get-latest-versions
        POST /api/2.0/mlflow/registered-models/rename
        GET /api/2.0/mlflow/registered-models/search
        POST /api/2.0/mlflow/registered-models/set-tag
        PATCH /api/2.0/mlflow/registered-models/update
    """,
    "Traces and assessments": """
        POST /v1/traces
        GET /api/2.0/mlflow/get-online-trace-details
        GET /ajax-api/2.0/mlflow/get-trace-artifact
        GET,POST /api/2.0/mlflow/traces
        PATCH /api/2.0/mlflow/traces/<request_id>
        GET /api/2.0/mlflow/traces/<request_id>/info
        DELETE,PATCH /api/2.0/mlflow/traces/<request_id>/tags
        POST /api/2.0/mlflow/traces/delete-traces
        POST /api/2.0/mlflow/traces/link-prompts
        POST /api/2.0/mlflow/traces/link-to-run
        GET /api/2.0/mlflow/unified-traces
        GET /ajax-api/3.0/mlflow/get-trace-artifact
        POST /api/3.0/mlflow/traces
        GET /api/3.0/mlflow/traces/<trace_id>
        POST /api/3.0/mlflow/traces/<trace_id>/assessments
        DELETE,GET,PATCH /api/3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>
        DELETE,PATCH /api/3.0/mlflow/traces/<trace_id>/tags
        GET /api/3.0/mlflow/traces/batchGet
        POST /api/3.0/mlflow/traces/batchGetInfos
        POST /api/3.0/mlflow/traces/calculate-filter-correlation
        POST /api/3.0/mlflow/traces/delete-traces
        GET /api/3.0/mlflow/traces/get
        POST /api/3.0/mlflow/traces/metrics
        POST /api/3.0/mlflow/traces/search
    """,
    "Evaluation datasets": """
        DELETE,GET /api/3.0/mlflow/datasets/<dataset_id>
        POST /api/3.0/mlflow/datasets/<dataset_id>/add-experiments
        GET /api/3.0/mlflow/datasets/<dataset_id>/experiment-ids
        DELETE,GET,POST /api/3.0/mlflow/datasets/<dataset_id>/records
        POST /api/3.0/mlflow/datasets/<dataset_id>/remove-experiments
        PATCH /api/3.0/mlflow/datasets/<dataset_id>/tags
        DELETE /api/3.0/mlflow/datasets/<dataset_id>/tags/<key>
        POST /api/3.0/mlflow/datasets/create
        GET,POST /api/3.0/mlflow/datasets/search
    """,
    "Everything else": """
        GET,POST /graphql
        GET,POST /ajax-api/2.0/mlflow/gateway-proxy
        GET,POST /api/2.0/mlflow/webhooks
        DELETE,GET,PATCH /api/2.0/mlflow/webhooks/<webhook_id>
        POST /api/2.0/mlflow/webhooks/<webhook_id>/test
        POST /ajax-api/3.0/mlflow/demo/delete
        POST /ajax-api/3.0/mlflow/demo/generate
        POST /api/3.0/mlflow/gateway/budgets/create
        DELETE /api/3.0/mlflow/gateway/budgets/delete
        GET /api/3.0/mlflow/gateway/budgets/get
        GET /api/3.0/mlflow/gateway/budgets/list
        POST /api/3.0/mlflow/gateway/budgets/update
        GET /api/3.0/mlflow/gateway/budgets/windows
        POST /api/3.0/mlflow/gateway/endpoints/bindings/create
        DELETE /api/3.0/mlflow/gateway/endpoints/bindings/delete
        GET /api/3.0/mlflow/gateway/endpoints/bindings/list
        POST /api/3.0/mlflow/gateway/endpoints/create
        DELETE /api/3.0/mlflow/gateway/endpoints/delete
        DELETE /api/3.0/mlflow/gateway/endpoints/delete-tag
        GET /api/3.0/mlflow/gateway/endpoints/get
        GET /api/3.0/mlflow/gateway/endpoints/list
        POST /api/3.0/mlflow/gateway/endpoints/models/attach
        POST /api/3.0/mlflow/gateway/endpoints/models/detach
        POST /api/3.0/mlflow/gateway/endpoints/set-tag
        POST /api/3.0/mlflow/gateway/endpoints/update
        POST /api/3.0/mlflow/gateway/guardrails/add-to-endpoint
        POST /api/3.0/mlflow/gateway/guardrails/create
        DELETE /api/3.0/mlflow/gateway/guardrails/delete
        GET /api/3.0/mlflow/gateway/guardrails/get
        GET /api/3.0/mlflow/gateway/guardrails/list
        GET /api/3.0/mlflow/gateway/guardrails/list-for-endpoint
        DELETE /api/3.0/mlflow/gateway/guardrails/remove-from-endpoint
        PATCH /api/3.0/mlflow/gateway/guardrails/update-config
        POST /api/3.0/mlflow/gateway/model-definitions/create
        DELETE /api/3.0/mlflow/gateway/model-definitions/delete
        GET /api/3.0/mlflow/gateway/model-definitions/get
        GET /api/3.0/mlflow/gateway/model-definitions/list
        POST /api/3.0/mlflow/gateway/model-definitions/update
        GET /ajax-api/3.0/mlflow/gateway/provider-config
        GET /ajax-api/3.0/mlflow/gateway/secrets/config
        POST /api/3.0/mlflow/gateway/secrets/create
        DELETE /api/3.0/mlflow/gateway/secrets/delete
        GET /api/3.0/mlflow/gateway/secrets/get
        GET /api/3.0/mlflow/gateway/secrets/list
        POST /api/3.0/mlflow/gateway/secrets/update
        GET /ajax-api/3.0/mlflow/gateway/supported-models
        GET /ajax-api/3.0/mlflow/gateway/supported-providers
        POST /ajax-api/3.0/mlflow/genai/evaluate/invoke
        POST /api/3.0/mlflow/issues
        GET,PATCH /api/3.0/mlflow/issues/<issue_id>
        POST /ajax-api/3.0/mlflow/issues/invoke
        POST /api/3.0/mlflow/issues/search
        GET /ajax-api/3.0/mlflow/jobs/<job_id>
        PATCH /ajax-api/3.0/mlflow/jobs/cancel/<job_id>
        POST /api/3.0/mlflow/label-schemas/create
        DELETE /api/3.0/mlflow/label-schemas/delete
        GET /api/3.0/mlflow/label-schemas/get
        GET /api/3.0/mlflow/label-schemas/get-by-name
        GET /api/3.0/mlflow/label-schemas/list
        PATCH /api/3.0/mlflow/label-schemas/update
        POST /api/3.0/mlflow/prompt-optimization/jobs
        DELETE,GET /api/3.0/mlflow/prompt-optimization/jobs/<job_id>
        POST /api/3.0/mlflow/prompt-optimization/jobs/<job_id>/cancel
        GET,POST /api/3.0/mlflow/prompt-optimization/jobs/search
        POST /api/3.0/mlflow/review-queues/create
        POST /api/3.0/mlflow/review-queues/delete
        GET /api/3.0/mlflow/review-queues/get
        GET /api/3.0/mlflow/review-queues/get-by-name
        POST /api/3.0/mlflow/review-queues/get-or-create-user
        POST /api/3.0/mlflow/review-queues/items/add
        GET /api/3.0/mlflow/review-queues/items/list
        POST /api/3.0/mlflow/review-queues/items/remove
        POST /api/3.0/mlflow/review-queues/items/set-status
        GET /api/3.0/mlflow/review-queues/list
        POST /api/3.0/mlflow/review-queues/update
        POST /ajax-api/3.0/mlflow/scorer/invoke
        DELETE /api/3.0/mlflow/scorers/delete
        GET /api/3.0/mlflow/scorers/get
        GET /api/3.0/mlflow/scorers/list
        PUT /api/3.0/mlflow/scorers/online-config
        GET /api/3.0/mlflow/scorers/online-configs
        POST /api/3.0/mlflow/scorers/register
        GET /api/3.0/mlflow/scorers/versions
        GET,POST /ajax-api/3.0/mlflow/ui-telemetry
        GET,POST /api/3.0/mlflow/workspaces
        DELETE,GET,PATCH /api/3.0/mlflow/workspaces/<workspace_name>
    """,
}


@dataclass(frozen=True, slots=True)
class Known:
    """An endpoint of MLflow's, under its name in its group."""

    group: str
    method: str
    path: str

    def paths(self) -> tuple[str, ...]:
        """The full paths of the endpoint."""
        if self.path.startswith("/api/"):
            return self.path, f"/ajax-api/{self.path.removeprefix('/api/')}"
        return (self.path,)


def known() -> Iterator[Known]:
    """All of MLflow's endpoints, group by group."""
    for group, text in _TEXT.items():
        for line in text.split("\n"):
            methods, _, path = line.strip().partition(" ")
            for method in methods.split(",") if path else ():
                yield Known(group, method, path)


def is_mlflows(method: str, path: str) -> bool:
    """Whether MLflow has an endpoint at a path."""
    return any(asked == method and pattern.fullmatch(path) for asked, pattern in _PATTERNS)


def _pattern(path: str) -> re.Pattern[str]:
    whole = re.escape(path).replace("<artifact_path>", ".+")
    return re.compile(re.sub("<[a-z_]+>", "[^/]+", whole))


_PATTERNS = [(endpoint.method, _pattern(path)) for endpoint in known() for path in endpoint.paths()]
