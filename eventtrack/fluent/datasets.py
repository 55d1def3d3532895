"""Datasets that runs read: a name, the source of the data, and a digest of its content.

Digests (of data frames and of arrays of real numbers), schemas and profiles are computed as MLflow
does, so the same data is the same dataset whichever package logged it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from eventtrack.errors import InvalidValueError
from eventtrack.fluent.context import source_tags
from eventtrack.views import records

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Arrays = np.ndarray[Any, Any] | Mapping[str, np.ndarray[Any, Any]]

# Only the first rows, up to this number, enter a digest (MLflow's bound).
DIGEST_ROWS_MAX = 10_000


class AnyDataset(Protocol):
    """A dataset that `log_input` takes: ours, or a dataset of the `mlflow` package."""

    def to_dict(self) -> dict[str, Any]:
        """Name, digest, source, source_type, and perhaps schema and profile, as texts."""
        ...


class DatasetSource:
    """The source of data: its kind (`local`, `http`, `s3`, `code`, ...) and its address."""

    def __init__(self, source_type: str, fields: Mapping[str, Any]) -> None:
        self.source_type = source_type
        self.fields = dict(fields)

    @property
    def uri(self) -> str | None:
        """The file or address; None if code made the data."""
        return self.fields.get("uri") or self.fields.get("url")

    def to_dict(self) -> dict[str, Any]:
        """The address of the data, as a dictionary."""
        return dict(self.fields)

    def to_json(self) -> str:
        """The address of the data, as the JSON text that the store keeps."""
        return json.dumps(self.fields)


class Dataset:
    """A dataset that a run reads. `schema` and `profile` are dictionaries, or None."""

    def __init__(
        self,
        source: Any,
        name: str | None,
        digest: str,
        schema: dict[str, Any] | None,
        profile: dict[str, Any] | None,
    ) -> None:
        self.name = name if name is not None else "dataset"
        self.digest = digest
        self.source = _source_of(source)
        self.schema = schema
        self.profile = profile

    def to_dict(self) -> dict[str, Any]:
        """The dataset as the store keeps it: texts only."""
        return {
            "name": self.name,
            "digest": self.digest,
            "source": self.source.to_json(),
            "source_type": self.source.source_type,
            "schema": json.dumps(self.schema) if self.schema is not None else None,
            "profile": json.dumps(self.profile) if self.profile is not None else None,
        }

    def to_json(self) -> str:
        """The dataset as one JSON text."""
        return json.dumps(self.to_dict())


class DictDataset(Dataset):
    """Columns by name, in plain Python."""

    data: Mapping[str, Sequence[Any]]


class PandasDataset(Dataset):
    """A data frame; `targets` and `predictions` name two of its columns."""

    df: "pd.DataFrame"
    targets: str | None
    predictions: str | None


class NumpyDataset(Dataset):
    """Arrays, or dictionaries of arrays."""

    features: "Arrays"
    targets: "Arrays | None"


def from_dict(
    data: Mapping[str, Sequence[Any]],
    source: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> DictDataset:
    """A dataset of columns in plain Python, all of the same length.

    Args:
        data: Sequences of equal length by name.
        source: A path, a URL or a `DatasetSource`; None means this program.
        name: None means `dataset`.
        digest: None computes the digest from the data.
    """
    lengths = {len(column) for column in data.values()}
    if len(lengths) > 1:
        raise InvalidValueError(
            f"the columns of a dataset must have one length, found {sorted(lengths)}"
        )
    rows = lengths.pop() if lengths else 0
    if digest is None:
        trimmed = {key: list(column[:DIGEST_ROWS_MAX]) for key, column in data.items()}
        text = json.dumps([rows, trimmed], default=str, sort_keys=True)
        digest = _short_digest([text.encode()])
    schema = {"mlflow_colspec": [_plain_column(key, column) for key, column in data.items()]}
    profile = {"num_rows": rows, "num_elements": rows * len(data)}
    dataset = DictDataset(source, name, digest, schema, profile)
    dataset.data = data
    return dataset


def from_pandas(
    df: "pd.DataFrame",
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """A dataset of a data frame. `targets` and `predictions` name columns; else as `from_dict`."""
    for what, column in (("targets", targets), ("predictions", predictions)):
        if column is not None and column not in df.columns:
            raise InvalidValueError(
                f"The specified pandas DataFrame does not contain the specified {what} column "
                f"'{column}'."
            )
    profile = {"num_rows": len(df), "num_elements": int(df.size)}
    dataset = PandasDataset(source, name, digest or _frame_digest(df), _frame_schema(df), profile)
    dataset.df, dataset.targets, dataset.predictions = df, targets, predictions
    return dataset


def from_numpy(
    features: "Arrays",
    source: Any = None,
    targets: "Arrays | None" = None,
    name: str | None = None,
    digest: str | None = None,
) -> NumpyDataset:
    """A dataset of arrays, or of dictionaries of arrays; else as `from_dict`."""
    parts = {"features": features} | ({"targets": targets} if targets is not None else {})
    schema = {
        "mlflow_tensorspec": {
            "features": json.dumps(_tensor_schema(features)),
            "targets": json.dumps(_tensor_schema(targets)) if targets is not None else None,
        }
    }
    profile = {
        f"{part}_{measure}": _measure(value, measure)
        for part, value in parts.items()
        for measure in ("shape", "size", "nbytes")
    }
    if digest is None:
        digest = _short_digest(
            piece
            for value in parts.values()
            for array in _arrays_of(value)
            for piece in _array_pieces(array)
        )
    dataset = NumpyDataset(source, name, digest, schema, profile)
    dataset.features, dataset.targets = features, targets
    return dataset


def get_source(dataset: Any) -> DatasetSource:
    """The source of the data of a dataset, or of a run's dataset input."""
    if isinstance(dataset, records.DatasetInput):
        dataset = dataset.dataset
    if isinstance(dataset, Dataset):
        return dataset.source
    if isinstance(dataset, records.Dataset):
        return DatasetSource(dataset.source_type, json.loads(dataset.source))
    raise InvalidValueError(
        f"Unrecognized dataset type {type(dataset)}. Expected one of: "
        "`mlflow.data.dataset.Dataset`, `mlflow.entities.Dataset`, `mlflow.entities.DatasetInput`."
    )


def dataset_record(dataset: AnyDataset | records.Dataset) -> records.Dataset:
    """The record that the store keeps of a dataset."""
    if isinstance(dataset, records.Dataset):
        return dataset
    try:
        fields = dataset.to_dict()
        return records.Dataset(
            name=fields["name"],
            digest=fields["digest"],
            source_type=fields["source_type"],
            source=fields["source"],
            schema=fields.get("schema"),
            profile=fields.get("profile"),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidValueError(
            f"Unrecognized dataset type {type(dataset)}",
            hint="make one with eventtrack.data.from_pandas, from_numpy or from_dict",
        ) from error


def _source_of(source: Any) -> DatasetSource:
    if isinstance(source, DatasetSource):
        return source
    if source is None:
        return DatasetSource("code", {"tags": source_tags()})
    if hasattr(source, "to_json") and hasattr(source, "_get_source_type"):
        # A source from the `mlflow` package.
        return DatasetSource(source._get_source_type(), json.loads(source.to_json()))  # noqa: SLF001
    text = str(source)
    scheme = urlsplit(text).scheme.lower()
    if scheme in {"http", "https"}:
        return DatasetSource("http", {"url": text})
    # A scheme of a single letter is a drive of Windows.
    return DatasetSource(scheme if len(scheme) > 1 and scheme != "file" else "local", {"uri": text})


def _short_digest(pieces: Any) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()[:8]


def _plain_column(name: str, column: Sequence[Any]) -> dict[str, Any]:
    present = [cell for cell in column if cell is not None]
    kinds = {type(cell) for cell in present}
    names = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "binary"}
    if kinds == {int, float}:
        kinds = {float}
    kind = names.get(kinds.pop(), "any") if len(kinds) == 1 else "any"
    return {"type": kind, "name": name, "required": len(present) == len(column)}


def _frame_digest(df: "pd.DataFrame") -> str:
    import numpy as np
    import pandas as pd

    head = df.head(DIGEST_ROWS_MAX)
    texts = [column for column in head.columns if all(isinstance(cell, str) for cell in df[column])]
    numbers = head.select_dtypes(include=[np.number]).columns
    hashed = pd.util.hash_pandas_object(head[head.columns[[]].union(texts).union(numbers)])
    return _short_digest(
        [hashed.to_numpy(), np.int64(len(df)), *(str(column).encode() for column in df.columns)]
    )


def _frame_schema(df: "pd.DataFrame") -> dict[str, Any] | None:
    specs = []
    for column in df.columns:
        kind = _column_type(df[column])
        if kind is None:
            return None
        required = not bool(df[column].isna().any())
        specs.append({"type": kind, "name": column, "required": required})
    return {"mlflow_colspec": specs}


def _column_type(series: Any) -> str | None:
    """MLflow's name for the type of a column; None if MLflow has no name for it."""
    dtype = series.dtype
    size = getattr(dtype, "itemsize", 8)
    match getattr(dtype, "kind", "O"):
        case "b":
            return "boolean"
        case "i":
            return "integer" if size <= 4 else "long"
        case "u":
            return "integer" if size < 4 else "long" if size < 8 else None
        case "f":
            return "float" if size <= 4 else "double"
        case "M":
            return "datetime"
        case "U" | "S" | "O":
            kinds = {type(cell) for cell in series.dropna()}
            names = {str: "string", bytes: "binary", bool: "boolean"}
            return names.get(kinds.pop()) if len(kinds) == 1 else None
    return None


def _arrays_of(value: "Arrays") -> Iterator["np.ndarray[Any, Any]"]:
    if isinstance(value, Mapping):
        yield from (value[key] for key in sorted(value))
    else:
        yield value


def _measure(value: "Arrays", measure: str) -> Any:
    if isinstance(value, Mapping):
        return {key: getattr(array, measure) for key, array in value.items()}
    return getattr(value, measure)


def _tensor_schema(value: "Arrays") -> list[dict[str, Any]]:
    if not isinstance(value, Mapping):
        return [{"type": "tensor", "tensor-spec": _tensor(value)}]
    return [
        {"name": name, "type": "tensor", "tensor-spec": _tensor(array)}
        for name, array in value.items()
    ]


def _tensor(array: "np.ndarray[Any, Any]") -> dict[str, Any]:
    # The first dimension counts the examples: it is not part of the schema.
    name = {"U": "str", "S": "bytes"}.get(array.dtype.kind, array.dtype.name)
    return {"dtype": name, "shape": [-1, *array.shape[1:]]}


def _array_pieces(array: "np.ndarray[Any, Any]") -> Iterator[Any]:
    import numpy as np

    head = array.reshape(-1)[:DIGEST_ROWS_MAX]
    if array.dtype.kind in "biufmM":
        yield _mixed(head)
    else:
        yield from (str(cell).encode() for cell in head)
    yield from (np.int64(length) for length in array.shape)


def _mixed(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The bits of each number, well mixed: the finalizer of splitmix64, as pandas hashes numbers.

    The finalizer is written out here, so that digests are the same without pandas.
    """
    bits = _bits(array).astype("u8")
    bits ^= bits >> 30
    bits *= 0xBF58476D1CE4E5B9
    bits ^= bits >> 27
    bits *= 0x94D049BB133111EB
    bits ^= bits >> 31
    return bits


def _bits(array: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The array's memory as unsigned integers of the same width."""
    return array.view(f"u{array.dtype.itemsize}")
