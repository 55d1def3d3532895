"""XGBoost, LightGBM and CatBoost with our callbacks, and beside them with MLflow's autologging."""

import json
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

import eventtrack
from eventtrack.integrations import catboost as our_catboost
from eventtrack.integrations import lightgbm as our_lightgbm
from eventtrack.integrations import xgboost as our_xgboost
from tests.integrations.records import files, histories, history, only_run

X = np.arange(60.0).reshape(30, 2) % 7
Y = X @ [1.0, 2.0]


def importances(run_id: str) -> dict[str, Any]:
    """The kept importances of features."""
    text = eventtrack.artifacts.load_text(f"runs:/{run_id}/feature_importance.json")
    loaded = json.loads(text)
    assert isinstance(loaded, dict)
    return loaded


def test_xgboost_is_recorded_as_by_mlflows_autologging(mlflow: Any, tmp_path: Path) -> None:
    settings = {"max_depth": 2, "eta": 0.5, "objective": "reg:squarederror"}
    data = xgboost.DMatrix(X, Y)
    callback = our_xgboost.EventtrackCallback(run_name="trees")
    model = xgboost.train(
        settings, data, 5, evals=[(data, "train")], callbacks=[callback], verbose_eval=False
    )
    mlflow.xgboost.autolog(log_models=False, log_datasets=False)
    xgboost.train(settings, data, 5, evals=[(data, "train")], verbose_eval=False)
    mlflow.xgboost.autolog(disable=True)

    run, theirs = only_run(), mlflow.last_active_run()
    ours = histories(eventtrack.MlflowClient(), run)
    assert ours == histories(mlflow.MlflowClient(), theirs)
    assert [step for step, _ in ours["train-rmse"]] == [0, 1, 2, 3, 4]
    assert (run.info.run_name, run.info.status) == ("trees", "FINISHED")
    assert (run.data.params["max_depth"], run.data.params["eta"]) == ("2", "0.5")
    assert run.data.params["objective"] == settings["objective"]
    assert run.data.params["num_boost_round"] == "5"
    assert importances(run.info.run_id)["weight"] == model.get_score(importance_type="weight")
    kept = xgboost.Booster(
        model_file=eventtrack.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path="model.ubj", dst_path=str(tmp_path)
        )
    )
    assert (kept.predict(data) == model.predict(data)).all()


def test_early_stopping_of_xgboost_is_recorded() -> None:
    callback = our_xgboost.EventtrackCallback(log_model=False)
    estimator = xgboost.XGBRegressor(
        n_estimators=50, learning_rate=1.0, early_stopping_rounds=2, callbacks=[callback]
    )
    estimator.fit(X, Y, eval_set=[(X, np.zeros(30))], verbose=False)
    run = only_run()
    assert run.data.metrics["best_iteration"] == estimator.best_iteration
    assert run.data.metrics["best_score"] == pytest.approx(estimator.best_score)
    assert files(run.info.run_id) == ["feature_importance.json"]


def test_a_cross_validation_of_xgboost_logs_its_means() -> None:
    callback = our_xgboost.EventtrackCallback()
    xgboost.cv({"max_depth": 2}, xgboost.DMatrix(X, Y), 3, nfold=2, callbacks=[callback])
    run = only_run()
    assert set(run.data.metrics) == {"train-rmse", "test-rmse"}
    assert run.info.status == "FINISHED"


def test_lightgbm_is_recorded_as_by_mlflows_autologging(mlflow: Any) -> None:
    settings = {"num_leaves": 3, "verbose": -1, "min_data_in_leaf": 2, "metric": "l2"}
    data = lightgbm.Dataset(X, Y, free_raw_data=False)
    options: dict[str, Any] = {"num_boost_round": 5, "valid_sets": [data], "valid_names": ["all"]}
    callback = our_lightgbm.EventtrackCallback()
    model = lightgbm.train(settings, data, callbacks=[callback], **options)
    callback.log_model(model)
    mlflow.lightgbm.autolog(log_models=False, log_datasets=False)
    lightgbm.train(settings, data, **options)
    mlflow.lightgbm.autolog(disable=True)

    run, theirs = only_run(), mlflow.last_active_run()
    ours = histories(eventtrack.MlflowClient(), run)
    assert ours == histories(mlflow.MlflowClient(), theirs)
    assert [step for step, _ in ours["all-l2"]] == [0, 1, 2, 3, 4]
    assert run.info.status == "FINISHED"
    assert run.data.params["num_leaves"] == "3"
    assert run.data.params["num_boost_round"] == "5"
    assert sum(importances(run.info.run_id)["split"].values()) > 0
    kept = lightgbm.Booster(
        model_str=eventtrack.artifacts.load_text(f"runs:/{run.info.run_id}/model.txt")
    )
    assert (kept.predict(X) == model.predict(X)).all()


def test_lightgbm_stops_early_as_without_the_callback() -> None:
    data = lightgbm.Dataset(X, Y, free_raw_data=False)
    wrong = lightgbm.Dataset(X, np.zeros(30), reference=data)
    with eventtrack.start_run() as active:
        callback = our_lightgbm.EventtrackCallback()
        model = lightgbm.train(
            {"verbose": -1},
            data,
            num_boost_round=50,
            valid_sets=[wrong],
            callbacks=[callback, lightgbm.early_stopping(2, verbose=False)],
        )
        callback.log_model(model)
    run = eventtrack.get_run(active.info.run_id)
    assert len(history(run.info.run_id, "valid_0-l2")) < 50
    assert run.data.metrics["best_iteration"] == model.best_iteration


def test_catboost_is_recorded_with_params_model_and_end(tmp_path: Path) -> None:
    callback = our_catboost.EventtrackCallback()
    model = catboost.CatBoostRegressor(iterations=5, depth=2, verbose=False, train_dir=tmp_path)
    model.fit(X, Y, eval_set=(X, Y), callbacks=[callback])
    callback.log_model(model)
    run = only_run()
    learnt = model.get_evals_result()["learn"]["RMSE"]
    assert history(run.info.run_id, "learn-RMSE") == list(enumerate(learnt))
    assert len(history(run.info.run_id, "validation-RMSE")) == 5
    assert (run.data.params["depth"], run.info.status) == ("2", "FINISHED")
    kept = catboost.CatBoostRegressor().load_model(
        eventtrack.artifacts.download_artifacts(
            run_id=run.info.run_id, artifact_path="model.cbm", dst_path=str(tmp_path)
        )
    )
    assert (kept.predict(X) == model.predict(X)).all()


def test_other_ranks_write_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "2")
    data = xgboost.DMatrix(X, Y)
    xgboost.train({}, data, 1, callbacks=[our_xgboost.EventtrackCallback()])
    light = our_lightgbm.EventtrackCallback()
    light.log_model(
        lightgbm.train(
            {"verbose": -1}, lightgbm.Dataset(X, Y), num_boost_round=1, callbacks=[light]
        )
    )
    cat = our_catboost.EventtrackCallback()
    model = catboost.CatBoostRegressor(iterations=1, verbose=False, train_dir=tmp_path)
    cat.log_model(model.fit(X, Y, callbacks=[cat]))
    assert eventtrack.search_runs(output_format="list", search_all_experiments=True) == []
