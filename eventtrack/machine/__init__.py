"""The load of this machine: processor, memory, disk, network, GPUs, and chosen processes.

`sampler` reads one sample under the names of MLflow's system metrics; `gpus` finds the GPUs. Both
`eventtrack run` and `start_run(log_system_metrics=True)` use them. Needs psutil for the machine;
for GPUs the package that comes with their driver, if there is one.
"""

from eventtrack.validate import truth_of_environment

# MLflow's variable: whether runs record the machine's load if their caller does not say.
ENABLED_VARIABLE = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"


def is_wanted(asked: bool | None) -> bool:
    """Whether a run records the load, by its caller's word or else by the environment."""
    return truth_of_environment(ENABLED_VARIABLE, default=False) if asked is None else asked
