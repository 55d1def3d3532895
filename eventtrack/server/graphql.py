"""GraphQL: MLflow's pages ask for a run, its experiment and more in one request.

Each question is a REST endpoint under another name, with the same answer. `graphql-core`, the
library that MLflow's own server uses, selects the requested fields. It comes with the `mlflow`
package, so it is installed wherever MLflow's pages are.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat import rules
from eventtrack.compat.errors import NotServedError
from eventtrack.compat.graph import SCHEMA
from eventtrack.compat.responses import Json
from eventtrack.errors import EventtrackError
from eventtrack.log.checked import UNREADABLE
from eventtrack.server import bodies
from eventtrack.server.endpoint import Endpoint, Remarked, Streamed
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.tokens import Role

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLError, GraphQLOutputType, GraphQLSchema

# The largest request of MLflow's pages has 190 tokens. The schema has no ring, so this limit also
# bounds the depth of the answer and the number of questions.
_TOKENS_MAX = 1000
# As in MLflow: questions in one request. Each may be a search.
_QUESTIONS_MAX = 10
_BODY_BYTES_MAX = 2**20
_QUESTIONS = {
    "mlflowGetExperiment": "experiments/get",
    "mlflowGetMetricHistoryBulkInterval": "metrics/get-history-bulk-interval",
    "mlflowGetRun": "runs/get",
    "mlflowListArtifacts": "artifacts/list",
    "mlflowSearchDatasets": "experiments/search-datasets",
    "mlflowSearchModelVersions": "model-versions/search",
    "mlflowSearchRuns": "runs/search",
}
# The value of a field that a REST answer leaves out, by the field's type.
_UNSET = {"String": "", "LongString": 0, "Boolean": False, "Float": 0.0}

# Answers one field, from the object that it belongs to and the arguments of the question.
_Resolver = Callable[..., Any]


@dataclass(frozen=True)
class _Source:
    """The source of the answers: the REST endpoints by their paths, and the store they ask."""

    store: Store
    endpoints: Mapping[str, Endpoint]


class _Asked(msgspec.Struct):
    """A request in GraphQL; unknown fields are ignored, as everywhere."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = msgspec.field(default=None, name="operationName")


def streamed(endpoints: Iterable[Endpoint]) -> tuple[Streamed, ...]:
    """The endpoints of GraphQL, which answer from the answers of REST endpoints."""
    by_path = {endpoint.path: endpoint for endpoint in endpoints}

    async def answer(services: Services, request: Request, _: str) -> Response:
        body = await bodies.read(request, _BODY_BYTES_MAX)
        return await services.read(lambda: _answer(_Source(services.store, by_path), body))

    # Its mutations only read, too.
    return tuple(Streamed(method, "/graphql", answer, role=Role.READ) for method in ("GET", "POST"))


def _answer(source: _Source, body: bytes) -> Response:
    try:
        import graphql
    except ImportError:
        raise NotServedError(
            "GraphQL is not served: graphql-core is not installed",
            hint='`pip install "eventtrack[mlflow]"` where the server runs',
        ) from None
    try:
        asked = msgspec.json.decode(body, type=_Asked)
        document = graphql.parse(asked.query, max_tokens=_TOKENS_MAX, no_location=True)
    except (*UNREADABLE, graphql.GraphQLError) as unreadable:
        return _response(None, [f"Bad request: {unreadable}"], status=400)
    schema = _schema()
    errors = graphql.validate(schema, document) or _too_many(document)
    if errors:
        return _response(None, [error.message for error in errors])
    result = graphql.execute_sync(
        schema,
        document,
        context_value=source,
        variable_values=asked.variables,
        operation_name=asked.operation_name,
    )
    errors = result.errors or []
    for error in errors:
        cause = error.original_error
        if cause is not None and not isinstance(cause, graphql.GraphQLError):
            raise cause  # our own fault: logged, and answered as any other
    return _response(result.data, [error.message for error in errors])


def _response(data: Json | None, errors: list[str], status: int = 200) -> Response:
    """An answer as MLflow's pages read it: errors as plain texts, and status 200 with most."""
    body = msgspec.json.encode({"data": data, "errors": errors or None})
    return Response(body, status, media_type="application/json")


def _too_many(document: "DocumentNode") -> "list[GraphQLError]":
    """The one error of a request with too many questions."""
    import graphql

    class Count(graphql.Visitor):
        """Counts the fields of `Query` and `Mutation`."""

        questions = 0

        def enter_field(self, node: graphql.FieldNode, *_: Any) -> None:
            self.questions += node.name.value in _QUESTIONS

    count = Count()
    graphql.visit(document, count)
    if count.questions <= _QUESTIONS_MAX:
        return []
    return [
        graphql.GraphQLError(
            f"GraphQL queries should have at most {_QUESTIONS_MAX} root fields, "
            f"got {count.questions} root fields."
        )
    ]


@functools.cache
def _schema() -> "GraphQLSchema":
    import graphql

    schema = graphql.build_schema(SCHEMA)
    for kind in schema.type_map.values():
        if isinstance(kind, graphql.GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                field.resolve = _resolver(kind.name, name, field.type)
    long = schema.type_map["LongString"]
    assert isinstance(long, graphql.GraphQLScalarType)
    setattr(long, "serialize", str)  # noqa: B010 (the way to set it; mypy takes it for a method)
    return schema


def _resolver(kind: str, name: str, answer: "GraphQLOutputType") -> _Resolver:
    """The resolver of a field: it asks the store, or takes the field out of an answer."""
    if name in _QUESTIONS:
        return lambda _, info, **sent: _ask(info.context, _QUESTIONS[name], sent.get("input"))
    if (kind, name) == ("MlflowRunExtension", "experiment"):
        return lambda run, info: _experiment(info.context, run)
    if (kind, name) == ("MlflowRunExtension", "modelVersions"):
        return lambda run, info: _model_versions(info.context, run)
    key = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
    unset = _unset(answer)
    if str(answer) == "Float":
        return lambda source, _: _number(source.get(key, unset))
    return lambda source, _: source.get(key, unset)


def _unset(answer: "GraphQLOutputType") -> Any:
    import graphql

    if isinstance(answer, graphql.GraphQLList):
        return []
    if isinstance(answer, graphql.GraphQLEnumType):
        return next(iter(answer.values))
    if isinstance(answer, graphql.GraphQLObjectType):
        return None if answer.name == "ApiError" else {}
    return _UNSET[str(answer)]


def _number(value: Any) -> Any:
    """A number as GraphQL writes it. GraphQL has no NaN: null, as in MLflow."""
    return None if value == "NaN" else value


def _ask(source: _Source, path: str, sent: Any) -> Json:
    """The answer of a REST endpoint.

    Raises:
        GraphQLError: The endpoint refuses; the message is the endpoint's.
    """
    import graphql

    endpoint = source.endpoints[path]
    values, stopped = endpoint.request.message.parse(sent or {})
    if stopped is not None:
        raise graphql.GraphQLError(rules.unreadable(stopped.path, stopped.value))
    try:
        answer: Json | Remarked = endpoint.answer(source.store, values)
    except EventtrackError as error:
        raise graphql.GraphQLError(error.message) from None
    plain = answer.answer if isinstance(answer, Remarked) else answer
    # Parts of it may be encoded already.
    decoded: Json = msgspec.json.decode(msgspec.json.encode(plain))
    return decoded


def _experiment(source: _Source, run: Json) -> Json:
    asked = {"experiment_id": run["info"]["experiment_id"]}
    return dict(_ask(source, "experiments/get", asked)["experiment"])


def _model_versions(source: _Source, run: Json) -> list[Json]:
    asked = {"filter": f"run_id='{run['info']['run_id']}'"}
    return list(_ask(source, "model-versions/search", asked).get("model_versions", ()))
