"""`eventtrack remote`: the named places that a store syncs with."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.tables import Column


@click.group(
    "remote",
    cls=Group,
    epilog=examples("eventtrack remote add origin /mnt/usb/runs", "eventtrack remote list"),
)
def remote() -> None:
    """Name the places that this store syncs with."""


@remote.command("list", epilog=examples("eventtrack remote list", "eventtrack remote list --json"))
@pass_invocation
def list_remotes(call: Invocation) -> None:
    """List the remotes of this store.

    JSON: a list of objects with name, url and wanted: the experiments and runs that are pulled; all
    if it names none.
    """
    from eventtrack.sync import Remotes

    remotes = Remotes(call.open().replication).list()
    if call.out.json:
        call.out.document([address.to_dictionary() for address in remotes])
    elif not remotes:
        call.out.note("No remotes. `eventtrack remote add origin URL` names one.")
    else:
        columns = [Column("name"), Column("url", width_max=200)]
        call.out.table(columns, [[address.name, text.clean(address.url)] for address in remotes])


@remote.command(
    "add",
    epilog=examples(
        "eventtrack remote add origin /mnt/usb/runs",
        "eventtrack remote add cluster ssh://login.example.org/~/runs",
        "eventtrack remote add lab https://tracking.example:5000",
    ),
)
@click.argument("name")
@click.argument("url")
@pass_invocation
def add(call: Invocation, name: str, url: str) -> None:
    r"""Remember a remote under a name. Nothing is exchanged yet; the remote need not exist.

    \b
    URLs:
      /mnt/usb/runs             a folder: a stick, a shared or a network disk
      ssh://HOST/data/runs      the store in that folder of another machine
      ssh://HOST:22/~/runs      below the home folder
      ssh://HOST/~/runs?program=venv/bin/eventtrack
                                where eventtrack is not on the PATH there
      https://HOST:5000         the store of an `eventtrack server`; MLFLOW_TRACKING_TOKEN counts

    JSON: as of `eventtrack remote list`, one object.
    """
    from eventtrack.sync import Remotes

    address = Remotes(call.open(create=True).replication).add(name, url)
    if call.out.json:
        call.out.document(address.to_dictionary())
    else:
        call.out.wrapped(f"{address.name} is {text.clean(address.url)}")


@remote.command("remove", epilog=examples("eventtrack remote remove origin"))
@click.argument("name")
@pass_invocation
def remove(call: Invocation, name: str) -> None:
    """Forget a remote. What was exchanged stays on both sides.

    JSON: as of `eventtrack remote list`, one object.
    """
    from eventtrack.sync import Remotes

    address = Remotes(call.open().replication).remove(name)
    if call.out.json:
        call.out.document(address.to_dictionary())
    else:
        call.out.wrapped(f"{address.name} ({text.clean(address.url)}) is forgotten.")
