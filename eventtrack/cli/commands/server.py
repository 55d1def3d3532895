"""`eventtrack server`: MLflow's REST API over a store."""

import contextlib
from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation

_UNENCRYPTED = "Nothing is encrypted, not even tokens: add --tls-cert, or a proxy before it."
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@command(
    "server",
    "eventtrack server",
    "eventtrack --store /data/runs server --port 5001",
    "eventtrack server --ui mlflow",
    "MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python train.py",
    "eventtrack server --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem",
    "eventtrack --store /var/cache/eventtrack server --cluster postgresql://db/lab",
    "eventtrack server --sync origin --sync ssh://cluster/~/runs",
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
    type=click.Choice(["eventtrack", "mlflow"]),
    default="eventtrack",
    show_default=True,
    help="Which web pages to show; MLflow's need its full package.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    help="A name of the server, as in the browser's address line; refuses requests to other names.",
)
@click.option(
    "--tls-cert", type=_FILE, help="Speak HTTPS with this certificate (PEM, with its chain)."
)
@click.option("--tls-key", type=_FILE, help="The certificate's key, if it is in another file.")
@click.option(
    "--sync",
    "remotes",
    metavar="REMOTE",
    multiple=True,
    help="Keep the store in step with a remote, by its name or URL; may be repeated.",
)
@click.option(
    "--cluster",
    metavar="URL",
    envvar="EVENTTRACK_CLUSTER",
    help="Be one of several servers over the shared log at this URL; --store is then a cache.  "
    "[default: EVENTTRACK_CLUSTER]",
)
@click.option(
    "--stale-reads",
    is_flag=True,
    help="Answer reads, marked with their age, also while the shared log does not answer.",
)
@pass_invocation
def server(
    call: Invocation,
    host: str,
    port: int,
    allow_remote: bool,
    allowed_hosts: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    ui: str,
    remotes: tuple[str, ...],
    cluster: str | None,
    stale_reads: bool,
) -> None:
    """Serve a store to MLflow's clients, until interrupted.

    Programs that use mlflow log here once MLFLOW_TRACKING_URI, or mlflow.set_tracking_uri(), names
    the URL that is printed. What was answered is on disk. The store stays open to others meanwhile:
    programs that log to it directly, and the other commands.

    Once `eventtrack token create` has made a token, every request needs one: set
    MLFLOW_TRACKING_TOKEN for the programs. docs/server.md tells how to serve a team.

    With --sync it exchanges with other stores meanwhile, as `eventtrack sync --follow` does: what
    comes is on the pages at once. Trouble is told on standard error, when it begins and ends.

    With --cluster the server keeps the store equal to a shared log, which `eventtrack cluster init`
    made: docs/cluster.md. Any number of such servers answer as one.

    JSON: one object, with url and store, once the server answers.
    """
    from eventtrack.cli.clustered import joined
    from eventtrack.cli.sync_report import print_trouble
    from eventtrack.server import Followers, TlsFiles, serve
    from eventtrack.server.guard import is_loopback
    from eventtrack.store import resolve_path

    if tls_key is not None and tls_cert is None:
        raise click.UsageError("--tls-key needs --tls-cert")
    tls = TlsFiles(tls_cert, tls_key) if tls_cert is not None else None
    if stale_reads and cluster is None:
        raise click.UsageError("--stale-reads needs --cluster")
    with contextlib.ExitStack() as stack:
        if cluster is None:
            store, clustered = call.open(create=True, source="server"), None
            stack.callback(store.close)
        else:
            folder = resolve_path(call.uri)
            store, clustered = stack.enter_context(joined(cluster, folder, stale_reads))

        def ready(url: str) -> None:
            if call.out.json:
                call.out.json_line({"url": url, "store": str(store.path)})
            else:
                call.out.line(f"Serving {text.clean(str(store.path))} at {url} ; Ctrl-C ends.")
                if tls is None and not is_loopback(host):
                    call.out.note(_UNENCRYPTED)
            call.out.stream.flush()

        followers = Followers(store, remotes, print_trouble)
        serve(
            store,
            host,
            port,
            allow_remote=allow_remote,
            mlflow_pages=ui == "mlflow",
            allowed_hosts=allowed_hosts,
            tls=tls,
            followers=followers,
            clustered=clustered,
            on_ready=ready,
        )
