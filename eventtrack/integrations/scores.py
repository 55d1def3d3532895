"""Scores of an estimator of scikit-learn on the data that it was fitted to, by MLflow's names."""

import logging
from collections.abc import Callable
from typing import Any

from eventtrack.integrations.missing import missing

try:
    from sklearn import metrics
    from sklearn.base import is_classifier, is_regressor
except ImportError as error:
    raise missing("scikit-learn", error) from error


def training_scores(estimator: Any, data: Any, truth: Any) -> dict[str, float]:
    """The scores that can be computed; a score that fails is left out, and named in the log.

    Args:
        estimator: A fitted estimator.
        data: What it was fitted to.
        truth: The values or classes to learn; None for an estimator without any.
    """
    scores: dict[str, Callable[[], Any]] = {}
    if hasattr(estimator, "score"):
        scores["score"] = lambda: estimator.score(data, truth)
    if truth is not None and (is_classifier(estimator) or is_regressor(estimator)):
        try:
            guesses = estimator.predict(data)
        except Exception as error:
            _leave_out("predict", error)
            return {}
        if is_classifier(estimator):
            scores |= _of_classifier(estimator, data, truth, guesses)
        else:
            scores |= _of_regressor(truth, guesses)
    values = {}
    for name, score in scores.items():
        try:
            values[f"training_{name}"] = float(score())
        except Exception as error:
            _leave_out(name, error)
    return values


def _of_classifier(
    estimator: Any, data: Any, truth: Any, guesses: Any
) -> dict[str, Callable[[], Any]]:
    def weighted(score: Callable[..., Any]) -> Callable[[], Any]:
        return lambda: score(truth, guesses, average="weighted", zero_division=0)

    scores: dict[str, Callable[[], Any]] = {
        "precision_score": weighted(metrics.precision_score),
        "recall_score": weighted(metrics.recall_score),
        "f1_score": weighted(metrics.f1_score),
        "accuracy_score": lambda: metrics.accuracy_score(truth, guesses),
    }
    if hasattr(estimator, "predict_proba"):
        scores["log_loss"] = lambda: metrics.log_loss(truth, estimator.predict_proba(data))
        scores["roc_auc"] = lambda: _roc_auc(truth, estimator.predict_proba(data))
    return scores


def _roc_auc(truth: Any, probabilities: Any) -> Any:
    if probabilities.shape[1] == 2:
        return metrics.roc_auc_score(truth, probabilities[:, 1])
    return metrics.roc_auc_score(truth, probabilities, average="weighted", multi_class="ovo")


def _of_regressor(truth: Any, guesses: Any) -> dict[str, Callable[[], Any]]:
    return {
        "mean_squared_error": lambda: metrics.mean_squared_error(truth, guesses),
        "root_mean_squared_error": lambda: metrics.root_mean_squared_error(truth, guesses),
        "mean_absolute_error": lambda: metrics.mean_absolute_error(truth, guesses),
        "r2_score": lambda: metrics.r2_score(truth, guesses),
    }


def _leave_out(name: str, error: Exception) -> None:
    logging.getLogger("eventtrack").warning(
        "eventtrack: the training score %r is left out: %s: %s", name, type(error).__name__, error
    )
