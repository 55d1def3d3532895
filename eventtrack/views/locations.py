r"""Whether an artifact location is a folder of some machine, or a place that has a name everywhere.

`/data/files`, `file:///data/files` and `C:\files` name folders: another one on each machine.
`eventtrack:/data/store` names a store in a folder. `s3://bucket/files` means the same everywhere.
"""

import re
from urllib.parse import urlsplit

_LOCAL_SCHEMES = ("file", "eventtrack")
# One letter is a drive of Windows.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")


def is_local(location: str) -> bool:
    """Whether a location is a path, a `file:` URI or a store, or cannot be read as a URI at all."""
    try:
        scheme = urlsplit(location).scheme
    except ValueError:
        return True
    return scheme in _LOCAL_SCHEMES or _SCHEME.fullmatch(scheme) is None


def below(location: str, path: str) -> str:
    """A place below a location, whose query (`s3://bucket/files?region=x`) stays at the end."""
    place, mark, query = location, "", ""
    if not is_local(location):
        place, mark, query = location.partition("?")
    return f"{place.rstrip('/')}/{path}{mark}{query}"


def is_folder(location: str) -> bool:
    """Whether a location that `is_local` names a folder of plain files, and no store."""
    try:
        return is_local(location) and urlsplit(location).scheme != "eventtrack"
    except ValueError:
        return False
