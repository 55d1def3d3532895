"""A callback for CatBoost: `model.fit(..., callbacks=[EventtrackCallback()])`."""

import json
import tempfile
from pathlib import Path
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import RunOptions, RunWriter

try:
    import catboost as _catboost
except ImportError as error:
    raise missing("catboost", error) from error

del _catboost


class EventtrackCallback:
    """Logs a training to one run: metrics of each round, as `learn-RMSE`.

    CatBoost tells a callback neither the params nor the end of a training. So both are logged by
    `log_model`, which ends a run that the callback began; otherwise it ends with the program.

    Args:
        run: The choice of the run; see `RunOptions`.
    """

    def __init__(self, **run: Unpack[RunOptions]) -> None:
        self._writer = RunWriter(run)

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before training, and in ranks that do not write."""
        return self._writer.run_id

    def after_iteration(self, info: Any) -> bool:
        """Log the round's metrics; never ends the training."""
        self._writer.start()
        logs = {
            f"{data}-{name}": values[-1]
            for data, metrics in (info.metrics or {}).items()
            for name, values in metrics.items()
            if values
        }
        # CatBoost counts its rounds from 1, the other libraries from 0.
        self._writer.metrics(logs, info.iteration - 1)
        return True

    def log_model(self, model: Any) -> None:
        """Log a trained model's params, keep it as `model.cbm`, and end the run."""
        self._writer.start()
        self._writer.params(model.get_all_params())
        if model.get_best_iteration() is not None:
            self._writer.metrics({"best_iteration": model.get_best_iteration()}, None)
        importances = dict(
            zip(model.feature_names_, model.get_feature_importance().tolist(), strict=True)
        )
        self._writer.text(json.dumps(importances, indent=2), "feature_importance.json")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.cbm"
            model.save_model(str(path))
            self._writer.file(path)
        self._writer.finish()
