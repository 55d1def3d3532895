"""A server's certificate and key."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from eventtrack.errors import InvalidValueError


@dataclass(frozen=True)
class TlsFiles:
    """Files in PEM: the certificate with its chain, and its key.

    Args:
        key: None if the certificate's file holds the key too.
    """

    certificate: Path
    key: Path | None = None

    def check(self) -> None:
        """Load the files once, to refuse bad ones early.

        Raises:
            InvalidValueError: A file cannot be read, the key is encrypted, or the two do not match.
        """
        shown = f"{self.certificate} and {self.key}" if self.key else str(self.certificate)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, self.key, _no_password)
        except OSError as error:  # `ssl.SSLError` is one
            raise InvalidValueError(
                f"cannot serve TLS with {shown}: {error.strerror or error}",
                hint="both are PEM files, readable to this user; the key has no passphrase",
            ) from error


def _no_password() -> NoReturn:
    """Refuse an encrypted key. OpenSSL would ask on the terminal, and services have none."""
    raise ssl.SSLError("the key is encrypted")
