"""Keeps secrets out of the record: in arguments, addresses, variables and files."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "<hidden>"

# Words of options and files whose values are secrets, wherever they stand in a name.
_SECRET = re.compile(
    r"(?:^|[-_.])(?:token|secret|password|passwd|passphrase|pwd|credentials?|auth|"
    r"api[-_]?key|access[-_]?key|private[-_]?key)(?:$|[-_.])",
    re.IGNORECASE,
)
# The same within an argument: a shell's command, JSON, the query of an address.
_ASSIGNED = re.compile(
    r"((?:token|secret|password|passwd|passphrase|pwd|credentials?|api[-_]?key|access[-_]?key|"
    r"private[-_]?key|signature|\bsig)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
# Tokens that are known by their form: of OpenAI, Hugging Face, GitHub, GitLab, Amazon, Slack,
# Google, ours, and signed JSON.
_KNOWN = re.compile(
    r"\b(?:sk-[\w-]{32,}|hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|"
    r"glpat-[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}|"
    r"eventtrack_[\w-]{43}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
_USERINFO = re.compile(r"(\w+://)[^/@\s]*:[^/@\s]*@|(https?://)[^/@\s]+@")
_SECRET_FILE = re.compile(
    r"(?:^|/)(?:\.env(?:\..*)?|\.netrc|\.pypirc|id_[a-z0-9]+|.*\.(?:pem|key|p12|pfx|keystore)|"
    r".*(?:secret|credential|password|token)s?(?:\.[a-z]+)?)$",
    re.IGNORECASE,
)

# Variables that change what a program computes, and hold no secrets.
_VARIABLES = frozenset(
    {
        "CUDA_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
        "CUBLAS_WORKSPACE_CONFIG",
        "CUDA_LAUNCH_BLOCKING",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "TOKENIZERS_PARALLELISM",
        "PYTHONPATH",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        "PYTHONUNBUFFERED",
        "VIRTUAL_ENV",
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "LANG",
        "LC_ALL",
        "TZ",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_HOME",
        "HF_DATASETS_CACHE",
        "TORCH_HOME",
        "KERAS_BACKEND",
        "TF_DETERMINISTIC_OPS",
        "TF_FORCE_GPU_ALLOW_GROWTH",
        "ACCELERATE_MIXED_PRECISION",
        "LD_LIBRARY_PATH",
    }
)
_FAMILIES = ("NCCL_", "PYTORCH_", "TORCH_", "XLA_", "JAX_", "FSDP_")

# Variables of schedulers and launchers: which job, which rank of how many.
_SCHEDULER = frozenset(
    {
        "RANK",
        "WORLD_SIZE",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "GROUP_RANK",
        "GROUP_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
        "TORCHELASTIC_RUN_ID",
        "TORCHELASTIC_RESTART_COUNT",
        "TORCHELASTIC_MAX_RESTARTS",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "PMI_RANK",
        "PMI_SIZE",
        "PMIX_RANK",
        "MPI_LOCALRANKID",
        "MPI_LOCALNRANKS",
        "SLURM_JOB_ID",
        "SLURM_JOB_NAME",
        "SLURM_JOB_PARTITION",
        "SLURM_JOB_NODELIST",
        "SLURM_JOB_NUM_NODES",
        "SLURM_JOB_ACCOUNT",
        "SLURM_JOB_QOS",
        "SLURM_CLUSTER_NAME",
        "SLURM_ARRAY_JOB_ID",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        "SLURM_NTASKS",
        "SLURM_NNODES",
        "SLURM_PROCID",
        "SLURM_LOCALID",
        "SLURM_NODEID",
        "SLURM_STEP_ID",
        "SLURM_CPUS_PER_TASK",
        "SLURM_CPUS_ON_NODE",
        "SLURM_GPUS",
        "SLURM_GPUS_ON_NODE",
        "SLURM_MEM_PER_NODE",
        "SLURM_MEM_PER_CPU",
        "SLURM_RESTART_COUNT",
        "SLURM_SUBMIT_DIR",
        "SLURM_SUBMIT_HOST",
        "PBS_JOBID",
        "PBS_JOBNAME",
        "PBS_QUEUE",
        "LSB_JOBID",
        "LSB_QUEUE",
        "JOB_ID",
        "SGE_TASK_ID",
    }
)
_VALUE_LENGTH_MAX = 4096


def without_credentials(address: str) -> str:
    """The address of a remote repository without user name, password, query and fragment.

    `git@host:path`, as ssh writes it, stays: `git` is no secret.
    """
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def hide(argv: Sequence[str]) -> list[str]:
    """Arguments with `HIDDEN` in place of secrets.

    These are the values of options like `--api-key`, of names like that within an argument, and
    tokens of well-known forms.
    """
    hidden = []
    is_secret = False  # whether this argument is the value of the option before it
    for argument in argv:
        name, equals, _ = argument.partition("=")
        if is_secret and not argument.startswith("-"):
            hidden.append(HIDDEN)
        elif equals and not re.search(r"\s", name) and _is_secret(name.lstrip("-+")):
            hidden.append(f"{name}={HIDDEN}")
        else:
            hidden.append(_without_secrets(argument))
        is_secret = argument.startswith("-") and not equals and _is_secret(name)
    return hidden


def is_secret_file(path: str) -> bool:
    """Whether a file's name says that it holds secrets: its contents are never kept."""
    return bool(_SECRET_FILE.search(path))


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that change what a program computes, by an allow-list."""
    return {
        name: value[:_VALUE_LENGTH_MAX]
        for name, value in sorted(variables.items())
        if (name in _VARIABLES or name.startswith(_FAMILIES)) and not _SECRET.search(name)
    }


def scheduler(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of schedulers and launchers: SLURM, torchrun, MPI, PBS, LSF, SGE."""
    return {
        name: value[:_VALUE_LENGTH_MAX]
        for name, value in sorted(variables.items())
        if name in _SCHEDULER
    }


def _is_secret(name: str) -> bool:
    """Whether a name has a word of secrets; `openaiApiKey` is three words."""
    return bool(_SECRET.search(re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name)))


def _without_secrets(argument: str) -> str:
    shown = _USERINFO.sub(rf"\1\2{HIDDEN}@", argument)
    shown = _HEADER.sub(rf"\1{HIDDEN}", shown)
    return _KNOWN.sub(HIDDEN, _ASSIGNED.sub(rf"\1{HIDDEN}", shown))
