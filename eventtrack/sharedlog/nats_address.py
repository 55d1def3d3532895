"""The addresses of shared logs in NATS JetStream."""

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from eventtrack.errors import InvalidValueError
from eventtrack.sharedlog.addresses import without_password


class NatsAddress(NamedTuple):
    """A `nats://` URL: `nats://USER@HOST:PORT,HOST:PORT/NAME?monitor=PORT`."""

    servers: list[str]
    name: str
    monitors: list[str]

    @classmethod
    def parse(cls, url: str) -> "NatsAddress":
        """Read a URL.

        Raises:
            InvalidValueError: It names no host or no log.
        """
        shown = without_password(url)
        parts = urlsplit(url)
        user, at, places = parts.netloc.rpartition("@")
        hosts = [place for place in places.split(",") if place]
        name = unquote(parts.path.strip("/"))
        if not hosts or not name.replace("-", "").replace("_", "").isalnum():
            raise InvalidValueError(
                f"cannot use {shown!r} as a shared log: it needs a host, and a name of letters, "
                "digits, '-' and '_'",
                hint="write nats://HOST:4222/NAME, with a comma between several hosts",
            )
        ports = ",".join(parse_qs(parts.query).get("monitor", [])).split(",")
        try:
            names = [urlsplit(f"//{host}").hostname or "" for host in hosts]
            servers = [f"{parts.scheme}://{user}{at}{host}" for host in hosts]
            for server in servers:
                urlsplit(server).port  # noqa: B018 - raises
        except ValueError as error:
            raise InvalidValueError(
                f"cannot use {shown!r} as a shared log: {error}",
                hint="write nats://HOST:4222/NAME",
            ) from error
        known = [port for port in ports if port.isdecimal()]
        if len(known) not in (0, 1, len(names)):
            raise InvalidValueError(
                f"cannot use {shown!r}: it has {len(names)} hosts and {len(known)} ports to watch",
                hint="write monitor=8222, or as many ports as there are hosts",
            )
        each = known * len(names) if len(known) == 1 else known
        monitors = [f"{host}:{port}" for host, port in zip(names, each, strict=False)]
        return cls(servers, name, monitors)
