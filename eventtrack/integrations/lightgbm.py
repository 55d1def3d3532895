"""A callback for LightGBM: `lightgbm.train(..., callbacks=[EventtrackCallback()])`."""

import json
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import RunOptions, RunWriter

try:
    from lightgbm.callback import CallbackEnv
except ImportError as error:
    raise missing("lightgbm", error) from error


class EventtrackCallback:
    """Logs a training to one run: params, and metrics of each round, as `valid_0-l2`.

    LightGBM does not tell a callback that early stopping ended the training. So a run that the
    callback began ends with `log_model`, with `finish`, or with the program.

    Args:
        run: The choice of the run; see `RunOptions`.
    """

    # After the callback that records evaluations, before the one that stops early.
    order = 25
    before_iteration = False

    def __init__(self, **run: Unpack[RunOptions]) -> None:
        self._writer = RunWriter(run)

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before training, and in ranks that do not write."""
        return self._writer.run_id

    def __call__(self, env: CallbackEnv) -> None:
        if env.iteration == env.begin_iteration:
            self._writer.start()
            rounds = env.end_iteration - env.begin_iteration
            self._writer.params({**env.params, "num_boost_round": rounds})
        logs = {
            f"{result[0]}-{result[1]}": result[2] for result in env.evaluation_result_list or ()
        }
        self._writer.metrics(logs, env.iteration)

    def log_model(self, model: Any) -> None:
        """Keep a booster as `model.txt`, with its importances, and end the run.

        Args:
            model: What `lightgbm.train` returned, or the `booster_` of an estimator.
        """
        if model.best_iteration > 0:
            self._writer.metrics({"best_iteration": model.best_iteration}, None)
        names = model.feature_name()
        importances = {
            kind: dict(zip(names, model.feature_importance(kind).tolist(), strict=True))
            for kind in ("split", "gain")
        }
        self._writer.text(json.dumps(importances, indent=2), "feature_importance.json")
        self._writer.text(model.model_to_string(), "model.txt")
        self.finish()

    def finish(self) -> None:
        """End the run if training began it."""
        self._writer.finish()
