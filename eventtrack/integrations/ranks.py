"""The rank of this process among the processes that train together, as launchers announce it."""

import os

# In the order of trust: torchrun and its like; then SLURM, Open MPI, MPICH and IBM's jsrun. SLURM
# sets its variable in interactive shells too, so it is asked after those that only launchers set.
_VARIABLES = (
    "RANK",
    "OMPI_COMM_WORLD_RANK",
    "PMI_RANK",
    "JSM_NAMESPACE_RANK",
    "SLURM_PROCID",
    "LOCAL_RANK",
)


def rank_of_environment() -> int:
    """The rank that the launcher of this process gave it; 0 without a launcher."""
    for variable in _VARIABLES:
        text = os.environ.get(variable, "")
        if text.isdecimal():
            return int(text)
    return 0
