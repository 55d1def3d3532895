"""Estimators of scikit-learn with our autologging, and beside it with MLflow's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.ensemble import BaggingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import eventtrack
from eventtrack.integrations import sklearn as our_sklearn
from tests.integrations.records import all_runs, files, only_run

X = np.arange(60.0).reshape(30, 2) % 7
Y = X @ [1.0, 2.0]
CLASSES = (Y > 9).astype(int)


@pytest.fixture(autouse=True)
def unpatched() -> Iterator[None]:
    """Estimators as they came."""
    yield
    our_sklearn.autolog(disable=True)


@pytest.mark.parametrize(
    ("estimator", "truth"),
    [(LinearRegression(), Y), (LogisticRegression(C=0.5), CLASSES), (KMeans(2, n_init=1), None)],
)
def test_a_fit_is_recorded_as_by_mlflows_autologging(
    mlflow: Any, estimator: Any, truth: Any
) -> None:
    our_sklearn.autolog()
    estimator.fit(X, truth)
    our_sklearn.autolog(disable=True)
    mlflow.sklearn.autolog(log_models=False, log_datasets=False)
    estimator.fit(X, truth)
    mlflow.sklearn.autolog(disable=True)

    run, theirs = only_run(), mlflow.last_active_run()
    assert run.data.params == theirs.data.params
    ours = run.data.metrics
    # Theirs logs no score where nothing was to be learnt.
    assert truth is None or ours == pytest.approx(theirs.data.metrics)
    assert "training_score" in ours
    for tag in ("estimator_name", "estimator_class"):
        assert run.data.tags[tag] == theirs.data.tags[tag]
    assert (run.info.run_name, run.info.status) == (type(estimator).__name__, "FINISHED")


def test_a_fit_within_a_fit_is_part_of_it() -> None:
    our_sklearn.autolog(log_models="none")
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, CLASSES)
    RandomForestClassifier(3, n_jobs=2).fit(X, CLASSES)
    BaggingRegressor(LinearRegression(), 3, n_jobs=2).fit(X, Y)
    with joblib.parallel_backend("threading"):
        GridSearchCV(LinearRegression(), {}, cv=2, n_jobs=2).fit(X, Y)
    StandardScaler().fit(X)
    tops = [run for run in all_runs() if "mlflow.parentRunId" not in run.data.tags]
    assert [run.data.tags["estimator_name"] for run in tops] == [
        "Pipeline",
        "RandomForestClassifier",
        "BaggingRegressor",
        "GridSearchCV",
    ]


def test_each_candidate_of_a_search_is_a_run_below_it() -> None:
    our_sklearn.autolog()
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2)
    search.fit(X, CLASSES)
    parent, *children = all_runs()
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert [child.data.params["C"] for child in children] == ["0.1", "1.0", "10.0"]
    scores = [child.data.metrics["mean_test_score"] for child in children]
    assert scores == list(search.cv_results_["mean_test_score"])
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.status == "FINISHED"
    assert "cv_results.json" in files(parent.info.run_id)


def test_models_are_kept_in_the_chosen_format(tmp_path: Path) -> None:
    def kept(name: str) -> str:
        run_id = all_runs()[-1].info.run_id
        assert files(run_id) == [name]
        return eventtrack.artifacts.download_artifacts(
            run_id=run_id, artifact_path=name, dst_path=str(tmp_path)
        )

    our_sklearn.autolog()
    line = LinearRegression().fit(X, Y)
    assert (skops.io.load(kept("model.skops")).predict(X) == line.predict(X)).all()
    our_sklearn.autolog(log_models="joblib")
    line.fit(X, Y + 1)
    assert (joblib.load(kept("model.joblib")).predict(X) == line.predict(X)).all()
    our_sklearn.autolog(log_models="none")
    line.fit(X, Y)
    assert files(all_runs()[-1].info.run_id) == []


def test_a_fit_that_fails_ends_its_run_as_failed_and_fails_as_before() -> None:
    our_sklearn.autolog()
    with pytest.raises(ValueError, match="NaN"):
        LinearRegression().fit(X * np.nan, Y)
    assert only_run().info.status == "FAILED"


def test_an_active_run_is_joined() -> None:
    our_sklearn.autolog(log_models="none")
    with eventtrack.start_run() as active:
        LinearRegression().fit(X, Y)
    run = only_run()
    assert run.info.run_id == active.info.run_id
    assert run.data.metrics["training_score"] == pytest.approx(1.0)
