"""The description of an endpoint: its path, its request, the function that answers, its role."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.store.recorder import Prepared
from eventtrack.tokens import Role

# MLflow serves its clients under `/api` and its pages under both.
API_2, AJAX_2 = "/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"
API_3, AJAX_3 = "/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/"
BOTH = (API_2, AJAX_2)
PAGES_ONLY = (AJAX_2,)
PROXY_PREFIXES = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")

# A change for the writer's thread: points, or a function that makes any other change.
Change = Prepared | Callable[[], Json]


class Remarked(NamedTuple):
    """An answer with a remark for people, which goes into a header: "" for none."""

    answer: Json
    remark: str


# Takes `Values`, or `Fields` for a request that has a quicker reader. Returns the `Json` of the
# answer, perhaps `Remarked`; an endpoint that prepares returns a `Change`.
Answer = Callable[[Store, Any], Any]


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that takes JSON, or a query, and answers in JSON.

    Args:
        path: The path below each of the prefixes. A name in angle brackets stands for one piece of
            the path; `answer` reads the piece as a field of that name.
        answer: Asks or changes the store. It makes at most one change, so that a refusal leaves no
            trace in a commit shared with others.
        writes: Whether `answer` changes the store; it then runs on the writer's thread.
        prepares: Whether `answer` only checks the request, and returns the change to make.
        watched: Whether a read may take long: it stops when its client leaves, and one that asks
            about the past, or is `slow` anyway, leaves the threads of quick reads alone.
        slow: See `watched`.
        role: The role that a token needs. None: to read for a GET, else to write. A POST that only
            reads therefore names its role.
    """

    method: str
    path: str
    request: Request
    answer: Answer
    writes: bool = False
    prepares: bool = False
    watched: bool = False
    slow: bool = False
    prefixes: tuple[str, ...] = BOTH
    role: Role | None = None

    @property
    def needs(self) -> Role:
        """The role that a request needs."""
        return _needs(self.role, "POST" if self.writes else self.method)


Stream = Callable[[Services, HttpRequest, str], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class Streamed:
    """An endpoint that reads or sends bytes as they come.

    Args:
        path: The whole path. A slash at its end stands for everything below it, one name in angle
            brackets for any piece; `answer` gets that rest or that piece.
        role: As for an `Endpoint`.
    """

    method: str
    path: str
    answer: Stream
    role: Role | None = None

    @property
    def needs(self) -> Role:
        """The role that a request needs."""
        return _needs(self.role, self.method)


def _needs(declared: Role | None, method: str) -> Role:
    if declared is not None:
        return declared
    return Role.READ if method == "GET" else Role.WRITE
