r"""Tells artifact locations on one machine from locations that mean the same everywhere.

`/data/files`, `file:///data/files` and `C:\files` name another folder on each machine.
`eventtrack:/data/store` names a store in a folder. `s3://bucket/files` means the same everywhere.
"""

import re
from urllib.parse import urlsplit

_LOCAL_SCHEMES = ("file", "eventtrack")
# One letter is a drive of Windows.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")


def is_local(location: str) -> bool:
    """Whether a location is a path, a `file:` URI, a store, or no URI that can be read."""
    try:
        scheme = urlsplit(location).scheme
    except ValueError:
        return True
    return scheme in _LOCAL_SCHEMES or _SCHEME.fullmatch(scheme) is None


def below(location: str, path: str) -> str:
    """The location of `path` below a location; a query (`s3://bucket/files?a=b`) stays last."""
    place, mark, query = location, "", ""
    if not is_local(location):
        place, mark, query = location.partition("?")
    return f"{place.rstrip('/')}/{path}{mark}{query}"


def is_folder(location: str) -> bool:
    """Whether a location names a local folder of plain files, and no store."""
    try:
        return is_local(location) and urlsplit(location).scheme != "eventtrack"
    except ValueError:
        return False
