"""The files of the pages for a browser, under paths that change with the content."""

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"
# The files stand below this path and a digest of all files, which changes with any file.
PREFIX = "/static/"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INLINE = re.compile(r"<script(?: type=\"importmap\")?>(.*?)</script>", re.DOTALL)
# Nothing leaves the machine, and only the files run: no inline script but the import map and the
# watch over the start, no inline style, no code made out of text. Logged images are shown from
# memory (`blob:`), where an SVG's scripts do not run.
_POLICY = (
    "default-src 'none'; script-src 'self' {}; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Asset(NamedTuple):
    """A file: its bytes, the same compressed with gzip, and its type."""

    body: bytes
    compressed: bytes
    media_type: str


class Assets(NamedTuple):
    """All files by their paths below `PREFIX`; the page that loads them, and its policy."""

    files: dict[str, Asset]
    page: Asset
    policy: str


@cache
def load() -> Assets:
    """Read and compress the files; cached. The first call costs some 20 ms."""
    paths = sorted(path for path in STATIC.rglob("*") if path.suffix in _TYPES)
    bodies = {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in paths}
    digest = hashlib.sha256()
    for name, body in bodies.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    version = digest.hexdigest()[:12]
    # A part of the page itself, so that it is there when files are not.
    page = bodies.pop("index.html").decode().replace("{{start}}", bodies.pop("start.js").decode())
    page = page.replace("{{preload}}", _preload(bodies))
    page = page.replace("{{base}}", f"{PREFIX}{version}")
    return Assets(
        {f"{version}/{name}": _asset(name, body) for name, body in bodies.items()},
        _asset("index.html", page.encode()),
        _POLICY.format(" ".join(map(_allowed, _INLINE.findall(page)))),
    )


def _allowed(script: str) -> str:
    """The source expression of a policy that lets an inline script run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _preload(names: Iterable[str]) -> str:
    """Links that let a browser fetch all modules at once, not one import after the other."""
    modules = [name for name in names if name.endswith((".js", ".mjs"))]
    return "\n".join(f'<link rel="modulepreload" href="{{{{base}}}}/{name}">' for name in modules)


def _asset(name: str, body: bytes) -> Asset:
    return Asset(body, gzip.compress(body, 9, mtime=0), _TYPES[Path(name).suffix])
