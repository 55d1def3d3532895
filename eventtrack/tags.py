"""Tags and metadata that MLflow gives a meaning to: each name is written here and nowhere else."""

# Of a run.
RUN_NAME_TAG = "mlflow.runName"  # its value is the run's name: the two change together
PARENT_TAG = "mlflow.parentRunId"
USER_TAG = "mlflow.user"
SOURCE_NAME_TAG = "mlflow.source.name"
SOURCE_TYPE_TAG = "mlflow.source.type"
GIT_COMMIT_TAG = "mlflow.source.git.commit"
GIT_BRANCH_TAG = "mlflow.source.git.branch"
GIT_REPOSITORY_TAG = "mlflow.source.git.repoURL"
ENTRY_POINT_TAG = "mlflow.project.entryPoint"
NOTE_TAG = "mlflow.note.content"
LOGGED_ARTIFACTS_TAG = "mlflow.loggedArtifacts"
LOGGED_IMAGES_TAG = "mlflow.loggedImages"

# Of a fork, for people: the id of the run that it was forked from, `@` and the step.
FORKED_TAG = "eventtrack.forkedFrom"

# Of a run's use of a dataset.
DATASET_CONTEXT_TAG = "mlflow.data.context"

# Of a logged model: the versions that were registered from it.
MODEL_VERSIONS_TAG = "mlflow.modelVersions"

# Of a trace.
TRACE_NAME_TAG = "mlflow.traceName"
SPANS_LOCATION_TAG = "mlflow.trace.spansLocation"
ARTIFACT_LOCATION_TAG = "mlflow.artifactLocation"

# Of a trace's metadata.
TRACE_RUN_KEY = "mlflow.sourceRun"
TRACE_SESSION_KEY = "mlflow.trace.session"
TRACE_USER_KEY = "mlflow.trace.user"
TRACE_USAGE_KEY = "mlflow.trace.tokenUsage"
TRACE_COST_KEY = "mlflow.trace.cost"
TRACE_SIZE_KEY = "mlflow.trace.sizeStats"

# Of an assessment's metadata.
ASSESSMENT_RUN_KEY = "mlflow.assessment.sourceRunId"

# Of a run that `eventtrack run` started: its end, as docs/running.md says.
END_TAG = "eventtrack.end"
EXIT_CODE_TAG = "eventtrack.exit_code"
SIGNAL_TAG = "eventtrack.signal"
WALL_TAG = "eventtrack.wall_seconds"
TRACEBACK_TAG = "eventtrack.traceback"
PREEMPTED_TAG = "eventtrack.preempted"
# Tags with these prefixes are facts about a run that programs set: lists of a person's own tags
# leave them out.
OWN_PREFIXES = ("mlflow.", "eventtrack.")
END_TAGS = (END_TAG, EXIT_CODE_TAG, SIGNAL_TAG, WALL_TAG, TRACEBACK_TAG, PREEMPTED_TAG)
