"""An S3 server for tests and benchmarks: moto's, with buckets that misbehave.

    python tools/s3_server.py

Prints its URL and serves until its input ends. There is a bucket `bucket`; `ignores` does not know
conditional writes and overwrites, `refuses` says so, `denied` lets nobody in, `broken` breaks down
over everything. `GET /-/requests` answers with the requests since it was asked the last time, as
a JSON list of strings such as "PUT /bucket/name".
"""

import json
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

BUCKETS = ("bucket", "ignores", "refuses", "denied", "broken")
_ERROR = "<Error><Code>{}</Code><Message>{}</Message></Error>"
Start = Callable[..., Any]


class Front:
    """Counts requests, and lets some buckets misbehave, in front of the server."""

    def __init__(self, server: Callable[[dict[str, Any], Start], Iterable[bytes]]) -> None:
        self._server = server
        self._requests: list[str] = []

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path == "/-/requests":
            told, self._requests = self._requests, []
            return _answer(start, "200 OK", json.dumps(told))
        query = f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        self._requests.append(f"{method} {path}{query}")
        bucket = path.strip("/").partition("/")[0]
        if bucket == "ignores":
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if bucket == "refuses" and "HTTP_IF_NONE_MATCH" in environ:
            text = _ERROR.format("NotImplemented", "A header is not implemented")
            return _answer(start, "501 Not Implemented", text)
        if bucket == "denied" and method != "PUT":
            return _answer(start, "403 Forbidden", _ERROR.format("AccessDenied", "Access Denied"))
        if bucket == "broken" and method != "PUT":
            return _answer(start, "503 Slow Down", _ERROR.format("SlowDown", "Reduce your rate"))
        return self._server(environ, start)


def _answer(start: Start, status: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start(status, [("content-type", "application/xml"), ("content-length", str(len(body)))])
    return [body]


def main() -> None:
    """Serve."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        """Keeps connections, as a real one does, and says nothing."""

        protocol_version = "HTTP/1.1"

        def log_request(self, *args: object) -> None:
            """Nothing."""

    front = Front(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for name in BUCKETS:
        client.create_bucket(Bucket=name)
    print(url, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
