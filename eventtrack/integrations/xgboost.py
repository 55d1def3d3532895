"""A callback for XGBoost: `xgboost.train(..., callbacks=[EventtrackCallback()])`.

The estimators of `xgboost.sklearn` take it too: `XGBClassifier(callbacks=[EventtrackCallback()])`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import RunOptions, RunWriter

try:
    from xgboost.callback import TrainingCallback
except ImportError as error:
    raise missing("xgboost", error) from error


class EventtrackCallback(TrainingCallback):
    """Logs a training to one run: settings, metrics of each round, importances, the model.

    Metrics are named by their data and their function, as `validation-rmse`.

    Args:
        log_model: Keep the model as `model.ubj`, XGBoost's own format.
        run: The choice of the run; see `RunOptions`.
    """

    def __init__(self, *, log_model: bool = True, **run: Unpack[RunOptions]) -> None:
        super().__init__()
        self._log_model = log_model
        self._writer = RunWriter(run)

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before training, and in ranks that do not write."""
        return self._writer.run_id

    def before_training(self, model: Any) -> Any:
        """Start the run, or join the active one, and log the settings."""
        self._writer.start()
        if hasattr(model, "save_config"):  # a cross-validation has several models, and none of it
            self._writer.params(dict(_settings(json.loads(model.save_config()))))
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Log the round's metrics; never ends the training."""
        self._writer.metrics(
            {
                f"{data}-{name}": _last(values)
                for data, metrics in evals_log.items()
                for name, values in metrics.items()
            },
            epoch,
        )
        return False

    def after_training(self, model: Any) -> Any:
        """Log what was learnt, and end the run if training began it."""
        if hasattr(model, "save_raw") and self._writer.client is not None:
            self._writer.params({"num_boost_round": model.num_boosted_rounds()})
            best = model.attr("best_iteration")
            if best is not None:
                self._writer.metrics({"best_iteration": int(best)}, None)
                self._writer.metrics({"best_score": float(model.attr("best_score"))}, None)
            importances = {
                kind: model.get_score(importance_type=kind) for kind in ("weight", "gain")
            }
            self._writer.text(json.dumps(importances, indent=2), "feature_importance.json")
            if self._log_model:
                self._writer.bytes(bytes(model.save_raw("ubj")), "model.ubj")
        self._writer.finish()
        return model


def _last(values: list[Any]) -> float:
    """The newest value; a cross-validation gives its mean and its deviation."""
    value = values[-1]
    return float(value[0] if isinstance(value, tuple) else value)


def _settings(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings in XGBoost's own description of a model: the leaves, by their last name."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _settings(value)
        elif isinstance(value, str):
            yield name, value
