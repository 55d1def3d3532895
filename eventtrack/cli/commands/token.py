"""`eventtrack token`: tokens for the server of a store."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.shared_tokens import office_of, tokens_of
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.sharedlog.addresses import without_password
from eventtrack.tokens import ROLE_NAMES, RoleName, Token, Tokens

if TYPE_CHECKING:
    from eventtrack.cli.output import Output
    from eventtrack.cluster.tokens import TokenOffice

_SPAN = re.compile(r"(\d{1,6})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@click.group(
    "token",
    cls=Group,
    epilog=examples(
        "eventtrack token create alice-laptop",
        "eventtrack token list",
        "eventtrack token revoke alice-laptop",
        "eventtrack token create alice-laptop --cluster postgresql://db.example/lab",
    ),
)
def token() -> None:
    """Make, list and revoke tokens for `eventtrack server`.

    Once a token exists, every request to the store's servers needs one. Servers notice at once.

    With --cluster the tokens are those of all servers of a shared log. They are facts of the log,
    signed with the key that `eventtrack cluster init` wrote on the machine where it ran.
    """


_CLUSTER = click.option(
    "--cluster",
    metavar="URL",
    envvar="EVENTTRACK_CLUSTER",
    help="Of all servers of this shared log.  [default: EVENTTRACK_CLUSTER]",
)
_KEY = click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the log's private key.  [default: where `cluster init` wrote it]",
)


class _Expiry(click.ParamType[int]):
    """`90d`, `12h`, `2w`, or an ISO time: milliseconds since 1970."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The moment in milliseconds since 1970."""
        span = _SPAN.fullmatch(value)
        try:
            if span:
                hours = int(span[1]) * _HOURS[span[2]]
                moment = datetime.now(UTC) + timedelta(hours=hours)
            else:
                moment = datetime.fromisoformat(value)
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: say 90d, 12h, 2w, or 2027-01-31", param, ctx)


@token.command(
    "create",
    epilog=examples(
        "eventtrack token create alice-laptop",
        "eventtrack token create dashboard --role read --expires 90d",
        "export MLFLOW_TRACKING_TOKEN=$(eventtrack token create ci --expires 12h)",
    ),
)
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(ROLE_NAMES),
    default="write",
    show_default=True,
    help="read: look at everything. write: also log, change and delete. admin: also all that is "
    "kept for those who run the server.",
)
@click.option("--expires", type=_Expiry(), help="90d, 12h, 2w or an ISO time.  [default: never]")
@_CLUSTER
@_KEY
@pass_invocation
def create(
    call: Invocation,
    name: str,
    role: RoleName,
    expires: int | None,
    cluster: str | None,
    key_file: Path | None,
) -> None:
    """Make a token and print it, only this once: the store keeps its hash.

    NAME is the author in the log of all that is written with the token. Programs that use mlflow
    take the token from MLFLOW_TRACKING_TOKEN; a browser asks for it as the password of any user.

    JSON: one object with name, role, token, created_ms and expires_ms.
    """
    tokens: Tokens | TokenOffice
    if cluster is not None:
        tokens, place = office_of(cluster, key_file), without_password(cluster)
    else:
        path = call.open(create=True).path
        tokens, place = Tokens(path), str(path)
    made = tokens.create(name, role, expires)
    if call.out.json:
        kept = next(stored for stored in reversed(tokens.list()) if stored.name == name)
        call.out.document({**_as_json(kept), "token": made})
        return
    call.out.line(made)
    call.out.note(
        f"{name} may {role}. This is shown once; set MLFLOW_TRACKING_TOKEN to it. "
        f"Servers of {text.clean(place)} ask for a token now."
    )


@token.command("list", epilog=examples("eventtrack token list", "eventtrack token list --json"))
@_CLUSTER
@pass_invocation
def list_tokens(call: Invocation, cluster: str | None) -> None:
    """List the tokens that were not revoked, oldest first.

    JSON: a list of tokens with name, role, created_ms, expires_ms and expired.
    """
    path = Path() if cluster is not None else call.open().path
    tokens = tokens_of(cluster) if cluster is not None else Tokens(path).list()
    if call.out.json:
        call.out.document([_as_json(listed) for listed in tokens])
    elif tokens:
        _draw(call.out, tokens)
    elif cluster is not None:
        call.out.note("No token counts. Once a first was given, servers answer nobody without.")
    elif Tokens(path).path.exists():
        call.out.note(f"No token is left, so nobody may use a server. {_ways_out(path)}")
    else:
        call.out.note("No tokens: servers of this store ask nobody who they are.")


@token.command("revoke", epilog=examples("eventtrack token revoke alice-laptop"))
@click.argument("name")
@_CLUSTER
@_KEY
@pass_invocation
def revoke(call: Invocation, name: str, cluster: str | None, key_file: Path | None) -> None:
    """Take a token back. Running servers refuse it from the next request on.

    Everything written with the token stays, and so does its name in the log. With --cluster this
    is final, and may be repeated until the log answers.

    JSON: the token, as in `token list`.
    """
    if cluster is not None:
        revoked = office_of(cluster, key_file).revoke(name)[-1]
        call.out.document(_as_json(revoked)) if call.out.json else call.out.line(f"Revoked {name}.")
        return
    tokens = Tokens(call.open().path)
    revoked = tokens.revoke(name)
    if call.out.json:
        call.out.document(_as_json(revoked))
        return
    call.out.line(f"Revoked {name}.")
    if not tokens.list():
        call.out.note(
            f"It was the last: nobody may use a server now. {_ways_out(tokens.path.parent)}"
        )


@token.command(
    "share",
    epilog=examples("eventtrack token share --cluster postgresql://db/lab"),
)
@_CLUSTER
@_KEY
@pass_invocation
def share(call: Invocation, cluster: str | None, key_file: Path | None) -> None:
    """Give the tokens of a store to all servers of a shared log, as they are.

    Whoever has such a token goes on with it. The file tokens.json of the store stays, and counts
    for servers of that store alone. May be repeated.

    JSON: a list of the tokens that are new to the log, as in `token list`.
    """
    if cluster is None:
        raise click.UsageError("name the shared log with --cluster URL")
    shared = office_of(cluster, key_file).share(Tokens(call.open().path).list())
    if call.out.json:
        call.out.document([_as_json(token) for token in shared])
    else:
        call.out.line(f"{text.count(len(shared), 'token')} given to all servers of the log.")


def _draw(out: "Output", tokens: Sequence[Token]) -> None:
    rows: list[list[Cell]] = [
        [token.name, token.role, text.moment(token.created_ms), _expiry(token)] for token in tokens
    ]
    columns = [Column("name", style="cyan"), Column("role"), Column("created"), Column("expires")]
    out.table(columns, rows)


def _expiry(token: Token) -> Cell:
    if token.expires_ms is None:
        return "never"
    when = text.local_time(token.expires_ms)
    return Styled(f"{when} (expired)", "red") if token.expired(_now_ms()) else when


def _as_json(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "role": token.role,
        "created_ms": token.created_ms,
        "expires_ms": token.expires_ms,
        "expired": token.expired(_now_ms()),
    }


def _ways_out(path: object) -> str:
    return f"Make one, or delete {text.clean(str(path))}/tokens.json to do without."


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
