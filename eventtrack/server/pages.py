"""MLflow's own pages: the files of its build, served as its server serves them.

Only the full package has them; `mlflow-skinny` leaves them out. The package is located and never
imported: an import takes seconds.
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
# Notebooks show a trace in this page, the only page that others may frame, as in MLflow.
_NOTEBOOK_PAGES = "lib/notebook-trace-renderer/"
# No foreign page may frame these pages, and no browser may guess another type for them.
_CLOSED = {"x-frame-options": "SAMEORIGIN", "x-content-type-options": "nosniff"}
# Types that Python does not know on a machine without a table of types.
_TYPES = {
    ".eot": "application/vnd.ms-fontobject",
    ".ttf": "font/ttf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# Pages load nothing from other machines, with one exception: figures logged as HTML. A figure is
# shown in a sandbox of its own, yet under the page's policy; its script is inline, and its library
# comes from the address that `log_figure` wrote. Charts make code out of text (`unsafe-eval`), and
# styles stand in the elements that use them.
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
        InvalidValueError: MLflow is not installed, or only `mlflow-skinny` is.
    """
    spec = importlib.util.find_spec("mlflow")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place) / "server" / "js" / "build"
        if (folder / "index.html").is_file():
            return folder
    cause = "mlflow is not installed" if spec is None else "the installed mlflow has none"
    raise InvalidValueError(
        f"cannot serve MLflow's pages: {cause}",
        hint='`pip install "eventtrack[mlflow]"` brings them; mlflow-skinny is mlflow without them',
    )


def endpoints(folder: Path) -> tuple[Streamed, ...]:
    """The endpoints of the pages in a folder: `/` and everything below `/static-files/`."""
    # Some installers make the files of a package links into their cache.
    files = StaticFiles(directory=folder, follow_symlink=True)

    async def index(services: Services, request: Request, _: str) -> Response:
        response = await files.get_response("index.html", request.scope)
        # This name stays when MLflow is updated, so browsers ask for it again at each visit.
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
