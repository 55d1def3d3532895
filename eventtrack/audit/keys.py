"""The private keys of feeds, as files of the store's folder."""

import os
from pathlib import Path

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

KEYS = "keys"


def signer_of(store: Path, replica: str) -> Signer:
    """The key of a feed, made on first use. Two processes that ask at once get the same one.

    Raises:
        StoreError: The file holds no Ed25519 key, or cannot be read.
    """
    path = store / KEYS / f"{replica}.pem"
    if not path.exists():
        _make(path)
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError) as error:
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
    path.parent.mkdir(mode=0o700, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # whoever is first makes the key; it is never replaced
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
