"""Addresses of servers: a URL, with credentials from the URL or from the environment."""

import base64
import os
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from eventtrack.errors import InvalidValueError

SCHEMES = ("http", "https")
# MLflow's names: a user who has set them for MLflow's client need not set others.
USERNAME_VARIABLE = "MLFLOW_TRACKING_USERNAME"
PASSWORD_VARIABLE = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 - the name, not the secret
TOKEN_VARIABLE = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the name, not the secret
INSECURE_VARIABLE = "MLFLOW_TRACKING_INSECURE_TLS"
AUTHORITIES_VARIABLE = "MLFLOW_TRACKING_SERVER_CERT_PATH"
CLIENT_CERTIFICATE_VARIABLE = "MLFLOW_TRACKING_CLIENT_CERT_PATH"


@dataclass(frozen=True)
class Address:
    """A server's URL and the credentials for it. Printing an address shows no secret.

    Args:
        url: Scheme, host, port and path, without credentials and without a slash at the end: two
            addresses of one server have one `url`.
        authorization: The header's value, or None.
        verify: Whether the server has to prove its identity by a certificate.
        authorities: A file of certificates to trust instead of the system's, or None.
        client_certificate: A file with the client's own certificate and key, or None.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)
    verify: bool = True
    authorities: str | None = None
    client_certificate: str | None = None


def address_of(uri: str) -> Address:
    """The server at `uri`; credentials in the URI win over those of the environment.

    A user with a password is sent as Basic, a token as Bearer, as MLflow's client does.

    Raises:
        InvalidValueError: The URI names no server.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise InvalidValueError(
            f"cannot use {uri!r} as a server: {error}", hint="write it as http://host:port"
        ) from error
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise InvalidValueError(
            f"cannot use {uri!r} as a server: it names no host", hint="write it as http://host:port"
        )
    if parts.query or parts.fragment:
        raise InvalidValueError(
            f"cannot use {uri!r} as a server: it has a query or a fragment",
            hint="end it with the host, the port or a path",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port in (None, {"http": 80, "https": 443}[parts.scheme]) else f"{host}:{port}"
    return Address(
        url=f"{parts.scheme}://{place}{parts.path.rstrip('/')}",
        authorization=_authorization(parts),
        verify=os.environ.get(INSECURE_VARIABLE, "").lower() not in ("true", "1"),
        authorities=os.environ.get(AUTHORITIES_VARIABLE) or None,
        client_certificate=os.environ.get(CLIENT_CERTIFICATE_VARIABLE) or None,
    )


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is not None:
        return _basic(unquote(parts.username), unquote(parts.password or ""))
    user, password = os.environ.get(USERNAME_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
    if user and password:
        return _basic(user, password)
    token = os.environ.get(TOKEN_VARIABLE)
    return f"Bearer {token}" if token else None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
