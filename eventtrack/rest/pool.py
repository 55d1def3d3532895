"""Connections of urllib3 that give up an answer that comes too slowly; see `patience`."""

import functools
import io
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from eventtrack.rest.address import Address
from eventtrack.rest.patience import Patience, PatientReader

if TYPE_CHECKING:
    import urllib3


def pool_of(address: Address) -> "urllib3.PoolManager":
    """A pool of connections to a server, through the environment's proxy if there is one."""
    import urllib3

    settings: dict[str, Any] = {"maxsize": 4, "block": False}
    if address.url.startswith("https:"):
        settings["cert_reqs"] = "CERT_REQUIRED" if address.verify else "CERT_NONE"
        settings["ca_certs"] = address.authorities
        settings["cert_file"] = address.client_certificate
    proxy = _proxy(address.url)
    if not address.verify:
        # The user asked for it; a warning for each request would drown everything else.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)
    pool.pool_classes_by_scheme = _patient_pools()
    return pool


def _proxy(url: str) -> str | None:
    """The proxy that the environment wants for a URL (HTTPS_PROXY, NO_PROXY, ...)."""
    import urllib.request

    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


@functools.cache
def _patient_pools() -> dict[str, Any]:
    """Pools by scheme, made at the first need: their modules take long to import."""
    from http.client import HTTPResponse

    from urllib3 import connection, connectionpool

    class PatientResponse(HTTPResponse):
        """Limits the time of the head as well: `http.client` waits anew for each of its bytes."""

        def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
            super().__init__(sock, *arguments, **options)
            raw = self.fp.detach()
            patience = Patience(sock.gettimeout() or 0)
            self.fp = io.BufferedReader(PatientReader(raw, patience))

    class PatientConnection(connection.HTTPConnection):
        response_class = PatientResponse

    class PatientSecureConnection(connection.HTTPSConnection):
        response_class = PatientResponse

    class PatientPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = PatientConnection

    class PatientSecurePool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = PatientSecureConnection

    return {"http": PatientPool, "https": PatientSecurePool}
