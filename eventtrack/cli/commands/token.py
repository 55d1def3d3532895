"""`eventtrack token`: tokens for the server of a store."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.tokens import ROLE_NAMES, RoleName, Token, Tokens

if TYPE_CHECKING:
    from eventtrack.cli.output import Output

_SPAN = re.compile(r"(\d{1,6})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@click.group(
    "token",
    cls=Group,
    epilog=examples(
        "eventtrack token create alice-laptop",
        "eventtrack token list",
        "eventtrack token revoke alice-laptop",
    ),
)
def token() -> None:
    """Make, list and revoke tokens for `eventtrack server`.

    Once a token exists, every request to the store's servers needs one. Servers notice at once.
    """


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
@pass_invocation
def create(call: Invocation, name: str, role: RoleName, expires: int | None) -> None:
    """Make a token and print it, only this once: the store keeps its hash.

    NAME is the author in the log of all that is written with the token. Programs that use mlflow
    take the token from MLFLOW_TRACKING_TOKEN; a browser asks for it as the password of any user.

    JSON: one object with name, role, token, created_ms and expires_ms.
    """
    path = call.open(create=True).path
    tokens = Tokens(path)
    made = tokens.create(name, role, expires)
    if call.out.json:
        kept = next(stored for stored in tokens.list() if stored.name == name)
        call.out.document({**_as_json(kept), "token": made})
        return
    call.out.line(made)
    call.out.note(
        f"{name} may {role}. This is shown once; set MLFLOW_TRACKING_TOKEN to it. "
        f"Servers of {text.clean(str(path))} ask for a token now."
    )


@token.command("list", epilog=examples("eventtrack token list", "eventtrack token list --json"))
@pass_invocation
def list_tokens(call: Invocation) -> None:
    """List the tokens that were not revoked, oldest first.

    JSON: a list of tokens with name, role, created_ms, expires_ms and expired.
    """
    path = call.open().path
    tokens = Tokens(path).list()
    if call.out.json:
        call.out.document([_as_json(listed) for listed in tokens])
    elif tokens:
        _draw(call.out, tokens)
    elif Tokens(path).path.exists():
        call.out.note(f"No token is left, so nobody may use a server. {_ways_out(path)}")
    else:
        call.out.note("No tokens: servers of this store ask nobody who they are.")


@token.command("revoke", epilog=examples("eventtrack token revoke alice-laptop"))
@click.argument("name")
@pass_invocation
def revoke(call: Invocation, name: str) -> None:
    """Take a token back. Running servers refuse it from the next request on.

    Everything written with the token stays, and so does its name in the log.

    JSON: the token, as in `token list`.
    """
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


def _draw(out: "Output", tokens: list[Token]) -> None:
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
