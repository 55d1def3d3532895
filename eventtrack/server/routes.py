"""Which endpoint stands behind which path, and what is said where there is none."""

from collections.abc import Iterable, Iterator
from typing import NoReturn

from starlette.responses import Response

from eventtrack.compat import catalogue
from eventtrack.compat.errors import NoSuchEndpointError, NotServedError, refuse
from eventtrack.server import artifacts, experiments, information, metrics, models, recording, runs
from eventtrack.server.endpoint import Endpoint, Streamed

Served = Endpoint | Streamed

ENDPOINTS: tuple[Endpoint, ...] = (
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *recording.ENDPOINTS,
    *metrics.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *models.ENDPOINTS,
    *information.ENDPOINTS,
)
STREAMED: tuple[Streamed, ...] = (*artifacts.STREAMED, *information.STREAMED)


def served() -> Iterator[tuple[str, str, Served]]:
    """Every method and whole path that is served; a path with a slash at its end has more below."""
    for endpoint in ENDPOINTS:
        for prefix in endpoint.prefixes:
            yield endpoint.method, f"{prefix}{endpoint.path}", endpoint
    for streamed in STREAMED:
        yield streamed.method, streamed.path, streamed


class Routes:
    """The table of paths. A lookup costs one or two dictionary accesses."""

    def __init__(self, entries: Iterable[tuple[str, str, Served]] | None = None) -> None:
        self._exact: dict[str, dict[str, Served]] = {}
        self._below: dict[str, dict[str, Served]] = {}
        for method, path, entry in served() if entries is None else entries:
            table = self._below if path.endswith("/") else self._exact
            table.setdefault(path, {})[method] = entry

    def find(self, method: str, path: str) -> tuple[Served | Response, str]:
        """What answers a request, and the rest of the path that it gets.

        Raises:
            NotServedError: MLflow has the endpoint, this server does not yet.
            NoSuchEndpointError: MLflow has none either.
        """
        asked = "GET" if method == "HEAD" else method
        methods, rest = self._exact.get(path), ""
        if methods is None:
            for prefix, behind in self._below.items():
                if path.startswith(prefix) and len(path) > len(prefix):
                    methods, rest = behind, path[len(prefix) :]
                    break
        if methods is not None and asked in methods:
            return methods[asked], rest
        if catalogue.is_mlflows(asked, path):
            raise NotServedError(
                f"{method} {path} is not served by eventtrack yet",
                hint="docs/mlflow.md lists what is; `mlflow server` has the rest",
            )
        if methods is None:
            _refuse_unknown(method, path)
        allowed = ", ".join(sorted(methods))
        wrong = refuse("BAD_REQUEST", f"{path} takes {allowed}, not {method}", status=405)
        return Response(wrong.body, 405, {"allow": allowed}, "application/json"), ""


def _refuse_unknown(method: str, path: str) -> NoReturn:
    raise NoSuchEndpointError(
        f"No endpoint at {method} {path[:200]}",
        hint="MLflow's endpoints begin with /api/2.0/mlflow/; docs/mlflow.md lists them",
    )
