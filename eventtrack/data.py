"""Datasets for `log_input`: made from columns, data frames or arrays."""

from eventtrack.fluent.datasets import (
    Dataset,
    DatasetSource,
    DictDataset,
    NumpyDataset,
    PandasDataset,
    from_dict,
    from_numpy,
    from_pandas,
    get_source,
)

__all__ = [
    "Dataset",
    "DatasetSource",
    "DictDataset",
    "NumpyDataset",
    "PandasDataset",
    "from_dict",
    "from_numpy",
    "from_pandas",
    "get_source",
]
