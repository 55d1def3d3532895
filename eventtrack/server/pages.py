"""MLflow's own pages: the files it was built with, served as its server serves them.

They come with the full package only (`mlflow-skinny` leaves them out), which is looked for and
never imported: that takes seconds.
"""

import importlib.util
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from eventtrack.compat.errors import NoSuchEndpointError
from eventtrack.errors import InvalidValueError
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services

# Four weeks, as in MLflow (server/__init__.py): the names of the files change with their content.
_FILES_AGE_MAX_S = 2419200
# What notebooks show a trace in; the one page that others may frame, as in MLflow.
_NOTEBOOK_PAGES = "lib/notebook-trace-renderer/"
# No page from elsewhere may frame one of these, and no browser may take it for what it is not.
_CLOSED = {"x-frame-options": "SAMEORIGIN", "x-content-type-options": "nosniff"}
# The types that Python does not know by itself on a machine without a table of them.
_TYPES = {
    ".eot": "application/vnd.ms-fontobject",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# Nothing of a page leaves the machine, but for what a figure that somebody logged as HTML asks for:
# it is shown in a sandbox of its own, yet under the page's policy, with its script inline and the
# library for it from where `log_figure` points to. Charts make code out of text, and styles stand
# wherever they are used.
_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' https://cdn.plot.ly; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; "
    "media-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "worker-src 'self' blob:; "
    "frame-src 'self' blob: data:; "
    "object-src 'none'; "
    "base-uri 'self'; "
    "form-action 'self'; "
    "frame-ancestors 'self'"
)


def find() -> Path:
    """The folder of MLflow's built pages.

    Raises:
        InvalidValueError: MLflow, or the part of it that has them, is not installed.
    """
    spec = importlib.util.find_spec("mlflow")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / "server" / "js" / "build"
        if (folder / "index.html").is_file():
            return folder
    found = "mlflow is not installed" if spec is None else "the installed mlflow has none"
    raise InvalidValueError(
        f"cannot serve MLflow's pages: {found}",
        hint='`pip install "eventtrack[mlflow]"` brings them; mlflow-skinny is mlflow without them',
    )


def endpoints(folder: Path) -> tuple[Streamed, ...]:
    """What serves the pages of a folder: `/` and everything below `/static-files/`."""
    # Some installers link the files of a package to a cache of theirs.
    files = StaticFiles(directory=folder, follow_symlink=True)

    async def index(services: Services, request: Request, _: str) -> Response:
        response = await files.get_response("index.html", request.scope)
        # The one name that stays when MLflow is updated: asked for again at each visit.
        response.headers["cache-control"] = "no-cache"
        response.headers["content-security-policy"] = _POLICY
        response.headers.update(_CLOSED)
        return response

    async def file(services: Services, request: Request, path: str) -> Response:
        try:
            response = await files.get_response(path, request.scope)
        except HTTPException as error:
            raise NoSuchEndpointError(
                f"MLflow's pages have no file {path[:200]!r}",
                hint="was MLflow updated under a running server? Restart it and reload the page",
            ) from error
        response.headers["cache-control"] = f"public, max-age={_FILES_AGE_MAX_S}"
        known = _TYPES.get(Path(path).suffix)
        if known is not None:
            response.headers["content-type"] = known
        response.headers.update(_CLOSED)
        if path.startswith(_NOTEBOOK_PAGES):
            del response.headers["x-frame-options"]
        return response

    return Streamed("GET", "/", index), Streamed("GET", "/static-files/", file)
