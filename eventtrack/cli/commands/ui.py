"""`eventtrack ui`: opens the pages of a store in the browser; starts a server if none runs."""

import errno
import os
import sys
import threading
from urllib.parse import urlsplit

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.errors import InvalidValueError
from eventtrack.folders import chosen_uri, is_server_uri
from eventtrack.rest.address import address_of

_HOST = "127.0.0.1"
_PORT = 5000
# Ports of other protocols to which browsers open no connection: those of the Fetch standard for
# which no rights of an administrator are needed.
_REFUSED_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080}
    | set(range(6665, 6670))
)


@command(
    "ui",
    "eventtrack ui",
    "eventtrack ui /data/runs",
    "eventtrack ui --no-browser --port 8080",
    "eventtrack ui https://tracking.example:5000",
)
@click.argument("named", metavar="[STORE]", required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"The port to listen on.  [default: {_PORT}, or a free one if that is taken]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@pass_invocation
def ui(call: Invocation, named: str | None, port: int | None, no_browser: bool) -> None:
    """Open the pages of a store in the browser; Ctrl-C ends the server behind them.

    STORE is a folder or the URL of a server; by default --store, EVENTTRACK_URI,
    MLFLOW_TRACKING_URI or ./.eventtrack. If a server of the store already runs on this machine, the
    command opens its pages and ends. Otherwise it starts a server for this machine alone, to which
    programs may log; `eventtrack server` has more options.

    JSON: one object, with url, store (null for a server's URL) and started (whether this command
    runs a server until it is interrupted), once the pages can be opened.
    """
    if port in _REFUSED_PORTS:
        raise click.UsageError(
            f"browsers open no pages at port {port}: another protocol uses it. "
            "Choose another port, such as 5000"
        )
    if named is not None and call.uri is not None:
        raise click.UsageError("name the store once: as STORE, or with --store")
    call.uri = named if named is not None else call.uri
    uri = call.uri if call.uri is not None else chosen_uri()
    if is_server_uri(uri):
        _tell(call, address_of(uri).url, None, browse=not no_browser)
        return
    from eventtrack.folders import resolve_path
    from eventtrack.server.presence import present

    path = resolve_path(uri)
    ours = [server.url for server in present(path) if server.pages == "eventtrack"]
    ours = [url for url in ours if port in (None, urlsplit(url).port)]
    if ours:
        _tell(call, ours[0], str(path), browse=not no_browser)
        return
    _serve(call, str(path), port, browse=not no_browser)


def _serve(call: Invocation, path: str, port: int | None, *, browse: bool) -> None:
    from eventtrack.server import serve

    opened = call.open(source="server")

    def ready(url: str) -> None:
        _tell(call, url, path, browse=browse, started=True)

    try:
        try:
            serve(opened, _HOST, _PORT if port is None else port, on_ready=ready)
        except InvalidValueError as error:
            if port is not None or getattr(error.__cause__, "errno", None) != errno.EADDRINUSE:
                raise
            serve(opened, _HOST, 0, on_ready=ready)
    finally:
        opened.close()


def _tell(
    call: Invocation, url: str, path: str | None, *, browse: bool, started: bool = False
) -> None:
    """Print the address of the pages, and open them if a browser can show them."""
    remote = bool(os.environ.get("SSH_CONNECTION"))
    opens = browse and _has_browser(remote=remote)
    if call.out.json:
        call.out.json_line({"url": url, "store": path, "started": started})
    else:
        what = text.clean(path) if path is not None else "The server's pages"
        end = " ; Ctrl-C ends." if started else ""
        verb = "are" if path is None else "is served"
        call.out.wrapped(f"{what} {verb} at {url}{end}")
        if browse and not opens:
            call.out.note(_hint(url, remote=remote))
        call.out.stream.flush()
    if opens:
        # In a thread: some browsers run in the foreground, and the server has to answer them.
        # Without a server of its own the command waits until the browser has the address.
        opener = threading.Thread(target=_open, args=(url,), daemon=started)
        opener.start()


def _has_browser(*, remote: bool) -> bool:
    """Whether a browser would appear in front of the person who typed the command."""
    if os.environ.get("BROWSER"):  # set on purpose; editors that work over ssh set it too
        return True
    if remote:
        return False
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) or os.uname().sysname == "Darwin"


def _open(url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        print("No browser could be started: open the address yourself.", file=sys.stderr)


def _hint(url: str, *, remote: bool) -> str:
    parts = urlsplit(url)
    if not remote or parts.hostname not in (_HOST, "::1"):
        return "There is no display here to show a browser on: open the address where there is one."
    from eventtrack.store.session import current_user

    there = f"{current_user()}@{os.uname().nodename}"
    forward = f"ssh -L {parts.port}:{parts.netloc} {there}"
    return f"On your own machine: `{forward}`, then open http://127.0.0.1:{parts.port}"
