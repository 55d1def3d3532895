"""`eventtrack server`: MLflow's REST API over a store."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation


@command(
    "server",
    "eventtrack server",
    "eventtrack --store /data/runs server --port 5001",
    "eventtrack server --ui mlflow",
    "MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python train.py",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--allow-remote",
    is_flag=True,
    help="Listen beyond this machine without tokens: all who reach the port may read and write.",
)
@click.option(
    "--ui",
    type=click.Choice(["mlflow"]),
    help="Show web pages: those of the mlflow package, where it is installed in full.",
)
@pass_invocation
def server(call: Invocation, host: str, port: int, allow_remote: bool, ui: str | None) -> None:
    """Serve a store to MLflow's clients, until interrupted.

    Programs that use mlflow log here once MLFLOW_TRACKING_URI, or mlflow.set_tracking_uri(), names
    the URL that is printed. What was answered is on disk. The store stays open to others meanwhile:
    programs that log to it directly, and the other commands.

    Once `eventtrack token create` has made a token, every request needs one: set
    MLFLOW_TRACKING_TOKEN for the programs. docs/server.md tells how to serve a team.

    JSON: one object, with url and store, once the server answers.
    """
    from eventtrack.server import serve

    store = call.open(create=True, source="server")

    def ready(url: str) -> None:
        if call.out.json:
            call.out.json_line({"url": url, "store": str(store.path)})
        else:
            call.out.line(f"Serving {text.clean(str(store.path))} at {url} ; Ctrl-C ends.")
        call.out.stream.flush()

    try:
        serve(
            store,
            host,
            port,
            allow_remote=allow_remote,
            mlflow_pages=ui == "mlflow",
            on_ready=ready,
        )
    finally:
        store.close()
