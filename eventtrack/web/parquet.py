"""The first rows of a Parquet file for the pages, which cannot read the format themselves."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Queries
from eventtrack.web.answers import Json, number, shortened

ROWS_MAX = 10_000
_COLUMNS_MAX = 200
# A file may say that few bytes stand for many: a group of rows of more is not unpacked.
_GROUP_BYTES_MAX = 256 << 20


def rows(queries: Queries, run_id: str, path: str, sha256: str) -> Json:
    """The `columns` and the first 10,000 `rows` of a Parquet file, with the `total` of rows.

    Args:
        path: A file of the run; empty for a medium of the run with the digest `sha256`.

    Raises:
        InvalidValueError: The file is no Parquet, is too large, or the server has no pyarrow.
        NotFoundError: The run has no such file or medium.
    """
    if find_spec("pyarrow") is None:
        raise InvalidValueError(
            "the server cannot read Parquet files: it has no pyarrow",
            hint="`pip install 'eventtrack[parquet]'` where the server runs, then restart it",
        )
    return _read(_place(queries, run_id, path, sha256))


def _place(queries: Queries, run_id: str, path: str, sha256: str) -> Path:
    if path:
        return queries.artifacts.blob(run_id, path)[0]
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        digest = b""
    queries.items.media_type(run_id, digest)  # no bytes but those of media of this run
    if not queries.artifacts.blobs.holds(digest):
        raise NotFoundError(
            f"the bytes of the medium {sha256[:64]} are not here",
            hint="sync with the machine that logged it",
        )
    queries.artifacts.blobs.open(digest).close()
    return queries.artifacts.blobs.path(digest)


def _read(place: Path) -> Json:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(place) as file:
            names = file.schema_arrow.names[:_COLUMNS_MAX]
            total, groups = file.metadata.num_rows, []
            for group in range(file.metadata.num_row_groups):
                size = file.metadata.row_group(group).total_byte_size
                if size > _GROUP_BYTES_MAX:
                    raise InvalidValueError(
                        f"a group of rows of the file takes {size} bytes, too many to show",
                        hint="download the file, or write it with smaller groups of rows",
                    )
                groups.append(file.read_row_group(group, columns=names))
                if sum(table.num_rows for table in groups) >= ROWS_MAX:
                    break
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidValueError(
            f"the file is no Parquet that can be read: {str(error)[:200]}",
            hint="download it and look at it with another program",
        ) from error
    known = pa.concat_tables(groups).slice(0, ROWS_MAX) if groups else None
    columns = [known.column(name).to_pylist() for name in names] if known is not None else []
    return {
        "columns": names,
        "rows": [list(map(_cell, row)) for row in zip(*columns, strict=True)],
        "total": total,
    }


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        safe = isinstance(value, bool) or value is None or abs(value) < 2**53
        return value if safe else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else number(value)
    return shortened(value if isinstance(value, str) else str(value))
