"""The load of this machine: processor, memory, disk, network, GPUs, and chosen processes.

`sampler` reads one sample under the names of MLflow's system metrics; `gpus` finds the GPUs. Both
`eventtrack run` and `start_run(log_system_metrics=True)` use them. Needs psutil for the machine;
for GPUs the package that comes with their driver, if there is one.
"""
