"""Finds a store's folder from a tracking URI, or from the environment."""

import os
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from eventtrack.errors import InvalidValueError, StoreMissingError

DEFAULT_FOLDER = ".eventtrack"
# The first of these variables that is set counts.
ENVIRONMENT_VARIABLES = ("EVENTTRACK_URI", "MLFLOW_TRACKING_URI")


def resolve_path(uri: str | os.PathLike[str] | None = None) -> Path:
    """The absolute folder, links resolved, of the store that `uri` names.

    A path, `eventtrack:PATH` and `file:PATH` name a folder. None asks the environment
    (`EVENTTRACK_URI`, then `MLFLOW_TRACKING_URI`), and without either means `./.eventtrack`.

    Raises:
        InvalidValueError: The URI names something that is not a folder here.
    """
    text = os.fspath(uri) if uri is not None else chosen_uri()
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise InvalidValueError(
            f"cannot open {text}: {error}", hint="use a folder, or eventtrack:PATH"
        ) from error
    if parts.scheme in ("eventtrack", "file"):
        if parts.netloc not in ("", "localhost"):
            raise InvalidValueError(
                f"cannot open {text}: it names the machine {parts.netloc!r}",
                hint=f"for an absolute folder write three slashes: {parts.scheme}:///folder",
            )
        text = unquote(parts.path)
    elif len(parts.scheme) > 1:
        raise InvalidValueError(
            f"cannot open {text}: this eventtrack has no way to {parts.scheme}: URIs",
            hint="use a folder, or eventtrack:PATH; programs log to a server's URL with "
            "set_tracking_uri",
        )
    if "\0" in text:
        raise InvalidValueError(
            f"cannot open {text!r}: no path has a NUL in it", hint="name a folder"
        )
    try:
        folder = Path(text or DEFAULT_FOLDER).expanduser()
    except RuntimeError as error:
        raise InvalidValueError(
            f"cannot open {text}: {error}", hint="write the folder out, without a ~"
        ) from error
    try:
        # Links are resolved, so each folder has one name: a process opens a store only once.
        return Path(os.path.realpath(folder))
    except FileNotFoundError as error:
        raise StoreMissingError(
            f"cannot open {folder}: the folder that this program runs in was deleted",
            hint="go to another folder (`cd`), or name the store by its whole path",
        ) from error


def chosen_uri() -> str:
    """The folder, URI or server's URL that the environment names; "" if it names none."""
    for name in ENVIRONMENT_VARIABLES:
        if value := os.environ.get(name):
            return value
    return ""


def uri_of(folder: Path) -> str:
    """The URI of a store's folder, which may be called `50%`, `#1` or `what?`."""
    return f"eventtrack:{quote(str(folder))}"


def is_server_uri(uri: str) -> bool:
    """Whether a tracking URI names a server: `http://...` or `https://...`."""
    return uri.lower().startswith(("http:", "https:"))
