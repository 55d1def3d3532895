"""SHA-256 of few bytes, by Python itself: headers, nodes of trees, ids, keys.

`hashlib` loads OpenSSL, which takes a new process 2.5 ms. That pays for files and large payloads,
where OpenSSL is three times as fast. Of 200 bytes it saves 0.4 us. `random` of the standard library
takes its hash the same way.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256  # Python 3.12 and newer
    except ImportError:
        try:
            from _sha256 import sha256  # Python 3.11
        except ImportError:
            from hashlib import sha256

__all__ = ["sha256"]
