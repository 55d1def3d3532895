"""What one endpoint is: where it stands, what it is asked with, and who answers."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.store.recorder import Prepared
from eventtrack.tokens import Role

# MLflow serves its clients under the first and its pages under both.
API_2, AJAX_2 = "/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"
API_3, AJAX_3 = "/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/"
BOTH = (API_2, AJAX_2)
PAGES_ONLY = (AJAX_2,)
PROXY_PREFIXES = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")

# A change for the writer's thread: points, or anything else.
Change = Prepared | Callable[[], Json]
# Of `Values`, or of `Fields` where the request may be read in a quicker way. Gives the `Json` that
# is answered or, where the endpoint prepares, a `Change`.
Answer = Callable[[Store, Any], Any]


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that is asked in JSON, or by a query, and answers in JSON.

    Args:
        path: Below each of the prefixes. A name in angle brackets is one piece of it, which
            `answer` reads as a field of that name.
        answer: Asks or changes the store. It makes at most one change, so that a refusal leaves no
            trace in a commit shared with others.
        writes: Whether it changes something, on the writer's thread.
        prepares: Whether `answer` only checks the request, and gives back the change to make.
        role: What a token has to be good for. By default to write, save for a GET; so a POST that
            only reads has to say so.
    """

    method: str
    path: str
    request: Request
    answer: Answer
    writes: bool = False
    prepares: bool = False
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
        path: Whole; with a slash at its end for everything below it, or with one name in angle
            brackets for any piece, which `answer` gets.
        role: As of an `Endpoint`.
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
