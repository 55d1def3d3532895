"""The table of paths and endpoints, and the refusal of paths without an endpoint."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple, NoReturn

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from eventtrack.compat import catalogue
from eventtrack.compat.errors import NoSuchEndpointError, NotServedError, refuse
from eventtrack.server import (
    absent,
    artifacts,
    assessments,
    corrections,
    datasets,
    experiments,
    graphql,
    information,
    live,
    metrics,
    models,
    multipart,
    openapi,
    otlp,
    recording,
    registry,
    runs,
    saved_views,
    scorers,
    series,
    sync,
    trace_metrics,
    traces,
    web_api,
    web_files,
    web_rooms,
)
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.server.threads import Services

Served = Endpoint | Streamed


async def _describe(services: Services, request: HttpRequest, _: str) -> Response:
    body = msgspec.json.encode(openapi.document(served()))
    return Response(body, media_type="application/json")


ENDPOINTS: tuple[Endpoint, ...] = (
    *absent.ENDPOINTS,
    *corrections.ENDPOINTS,
    *saved_views.ENDPOINTS,
    *datasets.ENDPOINTS,
    *experiments.ENDPOINTS,
    *runs.ENDPOINTS,
    *recording.ENDPOINTS,
    *metrics.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *models.ENDPOINTS,
    *registry.ENDPOINTS,
    *scorers.ENDPOINTS,
    *traces.ENDPOINTS,
    *trace_metrics.ENDPOINTS,
    *assessments.ENDPOINTS,
    *information.ENDPOINTS,
    *web_api.ENDPOINTS,
    *web_files.ENDPOINTS,
    *web_rooms.ENDPOINTS,
)
STREAMED: tuple[Streamed, ...] = (
    *artifacts.STREAMED,
    *graphql.streamed(ENDPOINTS),
    *models.STREAMED,
    *registry.STREAMED,
    *multipart.STREAMED,
    *otlp.STREAMED,
    *information.STREAMED,
    *live.STREAMED,
    *series.STREAMED,
    *web_api.STREAMED,
    *web_files.STREAMED,
    *sync.STREAMED,
    Streamed("GET", "/openapi.json", _describe),
)


def served() -> Iterator[tuple[str, str, Served]]:
    """Every served method and whole path. A slash at the end stands for everything below."""
    for endpoint in ENDPOINTS:
        for prefix in endpoint.prefixes:
            yield endpoint.method, f"{prefix}{endpoint.path}", endpoint
    for streamed in STREAMED:
        yield streamed.method, streamed.path, streamed


class Match(NamedTuple):
    """The entry that answers a request, the rest of the path below it, and its named pieces."""

    entry: Served | Response
    rest: str = ""
    pieces: Mapping[str, str] = MappingProxyType({})


class Routes:
    """The table of paths. A lookup costs a dictionary access, or a match for each pattern.

    Args:
        pages: Served beside the endpoints.
    """

    def __init__(self, pages: Iterable[Streamed] = ()) -> None:
        self._exact: dict[str, dict[str, Served]] = {}
        self._below: dict[str, dict[str, Served]] = {}
        patterns: dict[str, dict[str, Served]] = {}
        shown = ((page.method, page.path, page) for page in pages)
        for method, path, entry in chain(served(), shown):
            if path.endswith("/") and path != "/":
                table = self._below
            else:
                table = patterns if "<" in path else self._exact
            table.setdefault(path, {})[method] = entry
        self._patterns = [(_pattern(path), methods) for path, methods in patterns.items()]

    def find(self, method: str, path: str) -> Match:
        """The entry that answers a request, or a response that names the allowed methods.

        Raises:
            NotServedError: MLflow has the endpoint, this server does not yet.
            NoSuchEndpointError: Neither has the endpoint.
        """
        asked = "GET" if method == "HEAD" else method
        methods, rest, pieces = self._look_up(path)
        if methods is not None and asked in methods:
            return Match(methods[asked], rest, pieces)
        if catalogue.is_mlflows(asked, path):
            raise NotServedError(
                f"{method} {path} is not served by eventtrack yet",
                hint="docs/mlflow.md lists what is; `mlflow server` has the rest",
            )
        if methods is None:
            _refuse_unknown(method, path)
        allowed = ", ".join(sorted(methods))
        wrong = refuse("BAD_REQUEST", f"{path} takes {allowed}, not {method}", status=405)
        return Match(Response(wrong.body, 405, {"allow": allowed}, "application/json"))

    def _look_up(self, path: str) -> tuple[dict[str, Served] | None, str, dict[str, str]]:
        """The entries of a path by method, the rest of the path, and its named pieces."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, "", {}
        for pattern, behind in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return behind, "", match.groupdict()
        for prefix, behind in self._below.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return behind, path[len(prefix) :], {}
        return None, "", {}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub("<([a-z_]+)>", r"(?P<\1>[^/]+)", re.escape(path)))


def _refuse_unknown(method: str, path: str) -> NoReturn:
    raise NoSuchEndpointError(
        f"No endpoint at {method} {path[:200]}",
        hint="MLflow's endpoints begin with /api/2.0/mlflow/; docs/mlflow.md lists them",
    )
