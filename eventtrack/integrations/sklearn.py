"""Logs every training of scikit-learn, after one call: `sklearn.autolog()`.

    from eventtrack.integrations import sklearn

    sklearn.autolog()
    RandomForestClassifier(n_estimators=50).fit(X, y)  # a run, or facts of the active run

`fit` of every estimator is wrapped, less those that only prepare data. A fit within a fit (of a
pipeline, an ensemble or a search) is a part of the outer fit and logs nothing of its own.
"""

import functools
import importlib.util
import inspect
import json
import logging
import multiprocessing.dummy
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, Unpack

from eventtrack.errors import UsageError
from eventtrack.integrations.missing import missing
from eventtrack.integrations.scores import training_scores
from eventtrack.integrations.writer import RunOptions, RunWriter
from eventtrack.views.records import RunStatus

try:
    from sklearn.utils import all_estimators
except ImportError as error:
    raise missing("scikit-learn", error) from error

ModelFormat = Literal["skops", "joblib", "none"]

# They prepare data, and a program fits dozens of them.
_PREPARING = (
    "sklearn.compose",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.impute",
    "sklearn.preprocessing",
)
_METHODS = ("fit", "fit_predict", "fit_transform")
_MARK = "_eventtrack_original"

_is_inside: ContextVar[bool] = ContextVar("eventtrack_sklearn_fit", default=False)
_fits = 0  # outer fits of this process that are going on; guarded by _lock
_lock = threading.Lock()


def autolog(
    *, log_models: ModelFormat = "skops", disable: bool = False, **run: Unpack[RunOptions]
) -> None:
    """Log each fit from now on: params, scores on the training data, the model, a search's trials.

    A search such as `GridSearchCV` logs its best params and its best score, and each candidate as
    a run below its own.

    Args:
        log_models: The format of models: "skops", whose files run no code when they are loaded;
            "joblib", which takes every estimator, and runs whatever its file says; or "none".
        disable: Stop logging instead.
        run: The choice of the run; see `RunOptions`.

    Raises:
        UsageError: skops is not installed.
    """
    if log_models == "skops" and not disable and importlib.util.find_spec("skops") is None:
        raise UsageError(
            "cannot keep models as skops files: skops is not installed",
            hint='run `pip install skops`, or pass log_models="joblib" or log_models="none"',
        )
    for _, estimator in all_estimators():
        if not estimator.__module__.startswith(_PREPARING):
            for name in _METHODS:
                _unwrap(estimator, name)
                if not disable:
                    _wrap(estimator, name, log_models, run)


def _wrap(estimator: type, name: str, log_models: ModelFormat, run: RunOptions) -> None:
    original = inspect.getattr_static(estimator, name, None)
    if not inspect.isfunction(original):
        return  # there is none, or it is there under conditions, as in a search

    @functools.wraps(original)
    def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_inner():
            return original(self, *args, **kwargs)
        with _inside():
            return _logged(self, functools.partial(original, self), args, kwargs, log_models, run)

    # An inherited method is wrapped where it is inherited: its owner may be no estimator.
    setattr(fit, _MARK, original if name in vars(estimator) else None)
    setattr(estimator, name, fit)


def _unwrap(estimator: type, name: str) -> None:
    wrapped = vars(estimator).get(name)
    if hasattr(wrapped, _MARK):
        original = getattr(wrapped, _MARK)
        if original is None:
            delattr(estimator, name)
        else:
            setattr(estimator, name, original)


def _is_inner() -> bool:
    """Whether this fit is a part of another one: below it, or in a thread that joblib started."""
    is_worker = isinstance(threading.current_thread(), multiprocessing.dummy.DummyProcess)
    return _is_inside.get() or (is_worker and _fits > 0)


@contextmanager
def _inside() -> Iterator[None]:
    global _fits
    token = _is_inside.set(True)
    with _lock:
        _fits += 1
    try:
        yield
    finally:
        with _lock:
            _fits -= 1
        _is_inside.reset(token)


def _logged(
    estimator: Any,
    fit: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    log_models: ModelFormat,
    run: RunOptions,
) -> Any:
    writer = RunWriter(run)
    name = type(estimator).__name__
    writer.start(name)
    try:
        writer.params(estimator.get_params(deep=True))
        module = type(estimator).__module__
        writer.tags({"estimator_name": name, "estimator_class": f"{module}.{name}"})
        result = fit(*args, **kwargs)
        if writer.client is not None:
            writer.metrics(training_scores(estimator, *_data(args, kwargs)), None)
            if hasattr(estimator, "cv_results_"):
                _log_search(estimator, writer)
            _log_model(estimator, writer, log_models)
    except BaseException:
        writer.finish(RunStatus.FAILED)
        raise
    writer.finish()
    return result


def _data(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """The first two arguments of a fit, by place or by name."""
    data = [*args[:2], *([None] * 2)]
    return kwargs.get("X", data[0]), kwargs.get("y", data[1])


def _log_search(search: Any, writer: RunWriter) -> None:
    """Log the best of a search, and each candidate as a run below it."""
    if hasattr(search, "best_params_"):
        writer.params({f"best_{key}": value for key, value in search.best_params_.items()})
    if hasattr(search, "best_score_"):
        writer.metrics({"best_cv_score": search.best_score_}, None)
    results = search.cv_results_
    columns = {key: values for key, values in results.items() if not key.startswith("param_")}
    plain = {key: [_plain(value) for value in values] for key, values in columns.items()}
    writer.text(json.dumps(plain, indent=2, default=str), "cv_results.json")
    for number, params in enumerate(results["params"]):
        candidate = writer.child(f"candidate {number}")
        candidate.params(params)
        candidate.metrics(
            {key: values[number] for key, values in plain.items() if key != "params"}, None
        )
        candidate.finish()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _log_model(estimator: Any, writer: RunWriter, log_models: ModelFormat) -> None:
    if log_models == "none":
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{log_models}"
        try:
            if log_models == "skops":
                import skops.io

                skops.io.dump(estimator, path)
            else:
                import joblib

                joblib.dump(estimator, path)
        except Exception as error:  # of whatever the estimator holds; it is trained all the same
            logging.getLogger("eventtrack").warning(
                "eventtrack: %s is not kept as a %s file: %s: %s",
                type(estimator).__name__,
                log_models,
                type(error).__name__,
                error,
            )
            return
        writer.file(path)
