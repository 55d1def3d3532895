"""The private keys of feeds, as files of the store's folder."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from eventtrack.audit.checkpoints import ORIGIN
from eventtrack.audit.notes import Signer
from eventtrack.errors import StoreError
from eventtrack.log.durable import make_folder, rewrite_file
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.locking import locked

KEYS = "keys"


def signer_of(store: Path, replica: str) -> Signer:
    """The key of a feed, made on first use. Two processes that ask at once get the same key.

    Raises:
        StoreError: The file holds no Ed25519 key, or cannot be read.
    """
    path = store / KEYS / f"{replica}.pem"
    if not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise translate_os_error(error, f"make the key {path}") from error
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm) as error:
        raise StoreError(
            f"cannot read the key of this store's feed, {path}: {error}",
            hint="put the file back from a backup; without it a copy of the store must go on",
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise StoreError(
            f"{path} holds a key of another kind than Ed25519",
            hint="put back the file that `eventtrack audit` made",
        )
    return Signer(ORIGIN + replica, private)


def _make(path: Path) -> None:
    folder = path.parent
    make_folder(folder, 0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with locked(folder, f"make the key {path}"):
        if not path.exists():  # the first process makes the key; nobody replaces it
            rewrite_file(path, pem, 0o600)
