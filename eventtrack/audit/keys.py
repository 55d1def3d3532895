"""Private keys (Ed25519) as files: those of feeds, in the store's folder, and those of logs."""

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
        keep_key(path, Ed25519PrivateKey.generate())
    try:
        private = read_key(path)
    except StoreError as error:
        error.hint = "put the file back from a backup; without it a copy of the store must go on"
        raise
    return Signer(ORIGIN + replica, private)


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file.

    Raises:
        StoreError: The file holds no Ed25519 key, or cannot be read.
    """
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm) as error:
        raise StoreError(
            f"cannot read the key {path}: {error}", hint="put the file back from a backup"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise StoreError(
            f"{path} holds a key of another kind than Ed25519",
            hint="put back the file that eventtrack made",
        )
    return private


def keep_key(path: Path, private: Ed25519PrivateKey) -> None:
    """Write a key to a file that only its owner may read, durably. An existing file stays.

    Raises:
        StoreError: The file cannot be written.
    """
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        make_folder(path.parent, 0o700)
        with locked(path.parent, f"make the key {path}"):
            if not path.exists():  # the first process makes the key; nobody replaces it
                rewrite_file(path, pem, 0o600)
    except OSError as error:
        raise translate_os_error(error, f"make the key {path}") from error
