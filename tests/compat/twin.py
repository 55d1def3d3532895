"""The same request to MLflow's own server and to ours, and the same answer expected."""

import math
import re
import secrets
from typing import Any

import httpx

API = "/api/2.0/mlflow/"
AJAX = "/ajax-api/2.0/mlflow/"

# What no two servers agree on.
_OWN = (
    *("creation_time", "last_update_time", "next_page_token", "creationTime", "lastUpdateTime"),
    *("creation_timestamp_ms", "last_updated_timestamp_ms"),
    *("creation_timestamp", "last_updated_timestamp"),
)
_MODEL_ID = re.compile(r"\bm-[0-9a-f]{32}\b")
# MLflow's book-keeping about its own tables.
_LEFT_OUT = ("mlflow.trace.infoFinalized", "mlflow.trace.spansLocation")
_SQL = re.compile(r" Error: \(sqlite3.*", re.DOTALL)


class Twin:
    """Two servers that are asked alike; `{name}` in a request is what each knows under it."""

    def __init__(self, ours: httpx.Client, theirs: httpx.Client) -> None:
        self._clients = (ours, theirs)
        # In the names of this test's experiments: both servers serve many tests.
        self.word = f"t{secrets.token_hex(6)}"
        self._last = httpx.Response(200)
        self._known: tuple[dict[str, str], dict[str, str]] = ({}, {})

    def remember(self, name: str, ours: str, theirs: str) -> None:
        """Both servers' words for one thing, an id say."""
        for known, value in zip(self._known, (ours, theirs), strict=True):
            known[name] = value

    def new_experiment(self, name: str = "experiment", **body: Any) -> None:
        """An experiment on both, remembered under a name."""
        body = {"name": f"{self.word}-{name}", **body}
        pair = self._ask("POST", f"{API}experiments/create", json=body)
        self.remember(name, *(one.json()["experiment_id"] for one in pair))

    def new_run(self, name: str = "run", experiment: str = "experiment", **body: Any) -> None:
        """A run on both, remembered under a name."""
        body = {"experiment_id": f"{{{experiment}}}", "run_name": name, **body}
        pair = self._ask("POST", f"{API}runs/create", json=body)
        self.remember(name, *(one.json()["run"]["info"]["run_id"] for one in pair))

    def post(self, path: str, /, body: Any = None, **how: Any) -> Any:
        """A request in JSON; returns our answer, which is theirs."""
        return self.same("POST", API + path, json=body, **how)

    def next_page(self) -> str:
        """Our token for the page after the last answer; MLflow's server understands it as well."""
        found: str = self._last.json()["next_page_token"]
        return found

    def get(self, path: str, /, **query: Any) -> Any:
        """A query; returns our answer, which is theirs."""
        return self.same("GET", API + path, params=query)

    def same(
        self,
        method: str,
        path: str,
        *,
        own_words: bool = False,
        any_error: bool = False,
        unordered: bool = False,
        inner: tuple[str, ...] = (),
        own: tuple[str, ...] = (),
        **request: Any,
    ) -> Any:
        """Send a request to both and compare status, error code, message and body.

        Args:
            own_words: Our message says the same in other words.
            any_error: Theirs is an error of the database's that tells nobody what is wrong.
            unordered: The lists in the answer have no order.
            inner: Leads to a list in the answer, or in each thing of a list, that has no order.
            own: Further fields that no two servers agree on.

        Returns:
            Our answer, with the ids and times of either server replaced.
        """
        pair = self._ask(method, path, **request)
        self._last = pair[0]
        if pair[1].status_code >= 400 and "json" not in pair[1].headers["content-type"]:
            # A page of Flask's, often for an exception that nobody caught: the request is at fault.
            assert 400 <= pair[0].status_code < 500, pair[0].text
            return pair[0].json()
        ours, theirs = (
            _without(self._plain(known, one), own)
            for known, one in zip(self._known, pair, strict=True)
        )
        if any_error:
            assert pair[0].status_code >= 400
            assert pair[1].status_code >= 400
            return ours
        if unordered:
            for body in (ours, theirs):
                body.update({key: sorted(items, key=str) for key, items in body.items()})
        for body in (ours, theirs) if inner else ():
            _sort_below(body, inner)
        if own_words:
            for body in (ours, theirs):
                assert body.pop("message")
        assert (pair[0].status_code, ours) == (pair[1].status_code, theirs)
        return ours

    def refused(self, method: str, path: str, **request: Any) -> str:
        """Send what MLflow's server would read by half to ours alone; returns why it is refused."""
        path, request = (_filled(one, self._known[0]) for one in (path, request))
        answer = self._clients[0].request(method, path, **request)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        return str(answer.json()["message"])

    def _ask(self, method: str, path: str, **request: Any) -> list[httpx.Response]:
        return [
            client.request(
                method,
                _filled(path, known),
                **{name: _filled(value, known) for name, value in request.items()},
            )
            for client, known in zip(self._clients, self._known, strict=True)
        ]

    def _plain(self, known: dict[str, str], response: httpx.Response) -> Any:
        if "json" not in response.headers.get("content-type", ""):
            return response.text
        if not response.content:
            return None
        found = _comparable(response.json(), {value: name for name, value in known.items()})
        if isinstance(found, dict):
            found.pop("hint", None)
        return found


def _without(value: Any, names: tuple[str, ...]) -> Any:
    """An answer without some fields, at any depth."""
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return value


def _sort_below(value: Any, names: tuple[str, ...]) -> None:
    if isinstance(value, list):
        for item in value:
            _sort_below(item, names)
    elif isinstance(value, dict) and names[0] in value:
        if len(names) == 1:
            value[names[0]].sort(key=str)
        else:
            _sort_below(value[names[0]], names[1:])


def _filled(value: Any, known: dict[str, str]) -> Any:
    """A request with every `{name}` that is known filled in."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), value)
    if isinstance(value, list | tuple):
        return [_filled(item, known) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, known) for name, item in value.items()}
    return value


def _comparable(value: Any, names: dict[str, str]) -> Any:
    """An answer without what differs from server to server."""
    if isinstance(value, dict):
        return {
            key: "OWN"
            if key in _OWN
            else f"<{names[item]}>"
            if key in ("experiment_id", "experimentId") and item in names
            else [f"<{names[one]}>" if one in names else one for one in item]
            if key == "experiment_ids"
            else _comparable(item, names)
            for key, item in value.items()
            if key not in _LEFT_OUT and item != {"mlflow.trace.infoFinalized": "true"}
        }
    if isinstance(value, list):
        items = [_comparable(item, names) for item in value]
        if all(isinstance(item, dict) and set(item) == {"key", "value"} for item in items):
            items.sort(key=lambda item: str(item["key"]))  # params and tags have no order
        return items
    if isinstance(value, float) and math.isnan(value):
        return "NaN"  # its bulk request alone answers a literal, which is no JSON
    if isinstance(value, str):
        for known in sorted(names, key=len, reverse=True):
            value = re.sub(_place_of(known), f"<{names[known]}>", value)
        return _SQL.sub("", _MODEL_ID.sub("<a model>", value))
    return value


def _place_of(known: str) -> str:
    """Where an id stands in a text; those of MLflow's experiments are short and ambiguous."""
    before = r"(?<!\w)" if len(known) > 9 else r"(?:(?<=[/=])|(?<=experiment )|(?<=id ))"
    return rf"{before}{re.escape(known)}(?!\w)"
