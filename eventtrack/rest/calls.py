"""What all groups of calls share: the connection, and paging."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from eventtrack.rest.connection import Connection, Json
from eventtrack.views.records import PagedList

T = TypeVar("T")

API = "/api/2.0/mlflow/"


class Calls:
    """Calls over one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def _get(self, path: str, /, **query: Any) -> Json:
        sent = {name: value for name, value in query.items() if value is not None}
        return self.connection.get(API + path, sent)

    def _post(self, path: str, /, **body: Any) -> Json:
        sent = {name: value for name, value in body.items() if value is not None}
        return self.connection.post(API + path, sent)


def page(answer: Json, name: str, parse: Callable[[Json], T]) -> PagedList[T]:
    """The records in an answer's list, with the token of the next page."""
    return PagedList(map(parse, answer.get(name) or ()), answer.get("next_page_token") or None)


def all_pages(fetch: Callable[[str | None], PagedList[T]]) -> Iterator[T]:
    """The records of all pages; `fetch` gets the token of each, None for the first."""
    token: str | None = None
    while True:
        found = fetch(token)
        yield from found
        token = found.token
        if token is None:
            return
