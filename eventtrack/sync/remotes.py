"""The remotes of a store, by name, and the meaning of their addresses."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from eventtrack.errors import (
    AlreadyExistsError,
    CorruptionError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.log.checked import UNREADABLE, decode_checked, encode_checked
from eventtrack.log.durable import make_folder, rewrite_in_turn, rewrite_note
from eventtrack.log.filesystem import translate_os_error
from eventtrack.rest.address import SCHEMES
from eventtrack.sharedlog.addresses import NATS, POSTGRESQL
from eventtrack.sharedlog.making import holds_shared_log
from eventtrack.spaces.bucket import BucketSpace, refuse_bad_url
from eventtrack.spaces.folder import FolderSpace
from eventtrack.store.replication import Replication
from eventtrack.sync.http import open_http
from eventtrack.sync.protocol import Remote
from eventtrack.sync.segments import NoSegmentsError, SegmentRemote
from eventtrack.sync.selection import Selection
from eventtrack.sync.shared_log import open_log_remote
from eventtrack.sync.ssh import open_ssh
from eventtrack.views.records import Record

DEFAULT_REMOTE = "origin"
REMOTES_FILE = "remotes.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class RemoteAddress(Record):
    """A remote: its name in this store, its URL, and the selection that is pulled from it."""

    name: str
    url: str
    wanted: Selection = msgspec.field(default_factory=Selection)


class Remotes:
    """The named remotes of one store, in its folder."""

    def __init__(self, store: Replication) -> None:
        self._store = store
        self._folder = store.folder
        self._file = store.folder / REMOTES_FILE
        self._forks = store.folder / "forks.json"

    def list(self) -> list[RemoteAddress]:
        """All remotes, in order of their names."""
        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise translate_os_error(error, f"read {self._file}") from error
        return decode_remotes(data, self._file)

    def add(self, name: str, url: str, wanted: Selection | None = None) -> RemoteAddress:
        """Remember a remote.

        Raises:
            AlreadyExistsError: There is a remote of that name.
            InvalidValueError: The name or the URL is not valid.
        """
        known = self.list()
        if not _NAME.fullmatch(name):
            raise InvalidValueError(
                f"{name!r} cannot be the name of a remote",
                hint="use letters, digits, '-', '_' and '.', for example `origin`",
            )
        if any(address.name == name for address in known):
            raise AlreadyExistsError(
                f"there is a remote {name!r} already",
                hint=f"`eventtrack remote remove {name}` first, or choose another name",
            )
        if _scheme(url) == "s3":
            refuse_bad_url(url)
        if without_secrets(url) != url:
            raise InvalidValueError(
                "the URL of a remote is kept readable, so it must not hold a password or a token",
                hint="leave it out, and set MLFLOW_TRACKING_TOKEN, PGPASSWORD or NATS_CREDS where "
                "you sync; ssh takes keys",
            )
        address = RemoteAddress(name=name, url=absolute_url(url), wanted=wanted or Selection())
        self._write([*known, address])
        return address

    def remove(self, name: str) -> RemoteAddress:
        """Forget a remote. Everything exchanged with it stays on both sides."""
        address = self._find(name)
        if address is None:
            raise NotFoundError(f"there is no remote {name!r}", hint="see `eventtrack remote list`")
        self._write([other for other in self.list() if other != address])
        self.ledger(address, "status").unlink(missing_ok=True)
        return address

    def resolve(self, remote: str | None) -> RemoteAddress:
        """The remote of a name or a URL; None means the store's only remote, or `origin`.

        Raises:
            NotFoundError: There is no such remote.
        """
        if remote is None:
            known = self.list()
            address = known[0] if len(known) == 1 else self._find(DEFAULT_REMOTE)
            if address is None:
                raise NotFoundError(
                    "no remote is named, and this store has " + ("several" if known else "none"),
                    hint="name one, or `eventtrack remote add origin URL`",
                )
            return address
        address = self._find(remote)
        if address is not None:
            return address
        if _NAME.fullmatch(remote) and not Path(remote).exists():
            raise NotFoundError(
                f"there is no remote {remote!r}",
                hint=f"`eventtrack remote add {remote} URL` first; a folder is written with a "
                f"slash: ./{remote}",
            )
        return RemoteAddress(name="", url=absolute_url(remote))

    def ledger(self, address: RemoteAddress, direction: str) -> Path:
        """The file with the notes of one kind about a remote, such as the artifacts exchanged."""
        try:
            make_folder(self._folder)
        except OSError as error:
            raise translate_os_error(error, f"make {self._folder}") from error
        return self._folder / f"{hashlib.sha256(address.url.encode()).hexdigest()[:16]}.{direction}"

    def ledgers(self, kind: str) -> Iterable[Path]:
        """The files of a kind, of all remotes that there ever were."""
        return sorted(self._folder.glob(f"{'[0-9a-f]' * 16}.{kind}"))

    def now_ms(self) -> int:
        """The store's clock."""
        return self._store.now_ms()

    def forks(self) -> dict[str, str]:
        """The message about each feed that was met with two histories, by replica in hex."""
        try:
            return msgspec.json.decode(self._forks.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}

    def note_forks(self, forks: dict[str, str]) -> None:
        """Remember feeds with two histories."""
        known = self.forks()
        if forks.items() - known.items():
            self._replace(self._forks, msgspec.json.format(msgspec.json.encode({**known, **forks})))

    def note(self, file: Path, value: object) -> None:
        """Write a file of this folder that only saves work: see `rewrite_note`.

        Raises:
            OSError: It was not written.
        """
        rewrite_note(file, msgspec.json.format(msgspec.json.encode(value)))

    def _find(self, name: str) -> RemoteAddress | None:
        return next((address for address in self.list() if address.name == name), None)

    def _write(self, remotes: Sequence[RemoteAddress]) -> None:
        self._replace(self._file, encode_checked(sorted(remotes, key=_name_of)))

    def _replace(self, file: Path, data: bytes) -> None:
        """Replace a file of this folder: readers see the old file or the new file."""
        try:
            rewrite_in_turn(file, data)
        except OSError as error:
            raise translate_os_error(error, f"write {file}") from error


def decode_remotes(data: bytes, file: Path) -> list[RemoteAddress]:
    """The remotes in the bytes of a store's `remotes.json`.

    Raises:
        CorruptionError: The bytes are not as they were written.
    """
    try:
        return decode_checked(data, list[RemoteAddress])
    except UNREADABLE as error:
        raise CorruptionError(
            f"cannot read {file}: {error}",
            hint="restore it from a backup; or delete it and add the remotes anew",
        ) from error


def open_remote(url: str, *, create: bool = False) -> Remote:
    """The remote at a URL.

    Args:
        create: Whether to make the remote, if that is possible: for a push.

    Raises:
        InvalidValueError: URLs of this scheme are not supported.
        RemoteError: The remote cannot be opened.
    """
    scheme = _scheme(url)
    opener = _OPENERS.get(scheme)
    if opener is None:
        raise InvalidValueError(
            f"this eventtrack has no way to {scheme}: remotes",
            hint=f"use a folder, or one of: {', '.join(f'{name}://' for name in _OPENERS if name)}",
        )
    return opener(url, create)


def _open_folder(url: str, create: bool) -> Remote:
    return SegmentRemote(FolderSpace(Path(url)), create=create)


def _open_bucket(url: str, create: bool) -> Remote:
    try:
        return SegmentRemote(BucketSpace(url), create=create)
    except NoSegmentsError:
        # Only now is the bucket asked for a log, so a sync with a remote costs no request more.
        if not holds_shared_log(url):
            raise
    return open_log_remote(url)


def _open_log(url: str, create: bool) -> Remote:
    return open_log_remote(url)


_OPENERS: dict[str, Callable[[str, bool], Remote]] = {
    "": _open_folder,
    "ssh": open_ssh,
    "http": open_http,
    "https": open_http,
    "s3": _open_bucket,
    **dict.fromkeys((*POSTGRESQL, *NATS), _open_log),
}


def _scheme(url: str) -> str:
    scheme, colon, _ = url.partition(":")
    return scheme if colon and re.fullmatch(r"[a-z][a-z0-9+]+", scheme) else ""


def absolute_url(url: str) -> str:
    """The URL in a form that every process reads alike: a folder becomes an absolute path."""
    scheme = _scheme(url)
    if scheme == "file":
        url, scheme = unquote(urlsplit(url).path), ""
    if scheme:
        return url
    if not url:
        raise InvalidValueError(
            "a remote needs a URL",
            hint="a folder, s3://BUCKET/PREFIX, ssh://HOST/PATH, https://HOST, or a shared log",
        )
    return str(Path(url).expanduser().absolute())


def without_secrets(url: str) -> str:
    """The URL without its password, fit to be shown and kept.

    The user of a server's URL may be a token, and so may its query: both are left out. So is the
    query of an engine's URL if it has the password.
    """
    scheme = _scheme(url)
    try:
        parts = urlsplit(url) if scheme else None
    except ValueError:
        return url  # whoever opens it says what is wrong
    if parts is None:
        return url
    user, _, place = parts.netloc.rpartition("@")
    if "password" in parse_qs(parts.query):
        return without_secrets(parts._replace(query="").geturl())
    if scheme in SCHEMES:
        return parts._replace(netloc=place, query="").geturl() if user or parts.query else url
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{user.partition(':')[0]}@{place}").geturl()


def _name_of(address: RemoteAddress) -> str:
    return address.name
