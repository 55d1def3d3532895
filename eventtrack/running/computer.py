"""Reads the machine that a command runs on: host, system, GPUs, container, scheduler."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from eventtrack.machine.finding import find_gpus
from eventtrack.running import secrets
from eventtrack.running.origin import Computer
from eventtrack.store.session import current_user

_IMAGE = re.compile(r'^image="([^"]*)"', re.MULTILINE)
_ID = re.compile(r"/(?:docker/containers|overlay-containers|containers)/([0-9a-f]{64})/")


def read_computer(variables: Mapping[str, str]) -> Computer:
    """This machine, as the variables of a command's environment and the system describe it."""
    names = os.uname()
    return Computer(
        host=names.nodename,
        user=current_user(),
        system=f"{names.sysname} {names.release} {names.machine}",
        processor=_processor(Path("/proc/cpuinfo")),
        processors=os.cpu_count() or 0,
        memory_bytes=_memory_bytes(),
        gpus=[model for reader in find_gpus() for model in reader.models()],
        container=container(variables, Path("/")),
        scheduler=secrets.scheduler(variables),
    )


def container(variables: Mapping[str, str], root: Path) -> dict[str, str]:
    """The container around this process: its kind, and its image or id, where they can be read.

    Args:
        root: The root of the file system.
    """
    for kind, variable in (
        ("apptainer", "APPTAINER_CONTAINER"),
        ("singularity", "SINGULARITY_CONTAINER"),
        ("slurm", "SLURM_CONTAINER"),
    ):
        if image := variables.get(variable):
            return {"kind": kind, "image": image}
    if (podman := _text(root / "run/.containerenv")) or (root / "run/.containerenv").exists():
        image_line = _IMAGE.search(podman)
        return {"kind": "podman", **({"image": image_line[1]} if image_line else {})}
    mounts = _ID.search(_text(root / "proc/self/mountinfo"))
    if (root / ".dockerenv").exists() or mounts:
        kind = "kubernetes" if "KUBERNETES_SERVICE_HOST" in variables else "docker"
        return {"kind": kind, **({"id": mounts[1]} if mounts else {})}
    return {}


def _processor(place: Path) -> str:
    for line in _text(place).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return ""


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
