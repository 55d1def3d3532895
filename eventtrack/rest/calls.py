"""The common base of all groups of calls: the connection, and paging."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from eventtrack.errors import EndpointMissingError, NotFoundError, RemoteError
from eventtrack.rest.connection import Connection, Json
from eventtrack.views.records import PagedList

T = TypeVar("T")

API = "/api/2.0/mlflow/"
OWN_API = "/api/eventtrack/1/"
# A server that filters after it has read a page may send empty pages, but few in a row.
_EMPTY_PAGES_MAX = 1000


class Calls:
    """Calls over one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def _get(self, path: str, /, **query: Any) -> Json:
        sent = {name: value for name, value in query.items() if value is not None}
        return self.connection.get(API + path, sent)

    def _extension(self) -> Json:
        """The features that a server of eventtrack has beside MLflow's; empty for any other."""
        try:
            answer = self.connection.get("/api/3.0/mlflow/server-info")
        except (EndpointMissingError, NotFoundError):
            return {}  # an older server
        extension = answer.get("eventtrack")
        return extension if isinstance(extension, dict) else {}

    def _post_own(self, path: str, /, **body: Any) -> Json:
        """Ask for what MLflow's API lacks; an `EndpointMissingError` from any other server."""
        sent = {name: value for name, value in body.items() if value is not None}
        return self.connection.post(OWN_API + path, sent)

    def _post(self, path: str, /, **body: Any) -> Json:
        sent = {name: value for name, value in body.items() if value is not None}
        return self.connection.post(API + path, sent)


def page(answer: Json, name: str, parse: Callable[[Json], T]) -> PagedList[T]:
    """The records in an answer's list, with the token of the next page.

    Raises:
        RemoteError: The records are not in MLflow's form.
    """
    try:
        return PagedList(map(parse, answer.get(name) or ()), answer.get("next_page_token") or None)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise RemoteError(
            f"the server's list of {name} cannot be read: {type(error).__name__}: {error}",
            hint="is this the URL of an MLflow or eventtrack server, and is it recent enough?",
        ) from error


def all_pages(fetch: Callable[[str | None], PagedList[T]]) -> Iterator[T]:
    """The records of all pages; `fetch` gets the token of each, None for the first.

    Raises:
        RemoteError: The pages have no end.
    """
    token: str | None = None
    for number in itertools.count():
        records = fetch(token)
        yield from records
        if records.token is None:
            return
        if records.token == token or (not records and number > _EMPTY_PAGES_MAX):
            raise RemoteError(
                "the server sends pages without an end, with nothing new on them",
                hint="is this the URL of an MLflow or eventtrack server? Its log may say more",
            )
        token = records.token
