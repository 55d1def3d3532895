"""Python's first module in a command of `eventtrack run`: waits for packages to be imported.

It uses the standard library only, and imports eventtrack when such a package is imported, so other
programs start as fast as before. Errors of ours never reach the program: they are warnings.
"""

import importlib
import importlib.abc
import importlib.util
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

# The module whose import is waited for, and the function that wraps its calls then.
_MIRRORS = {
    "wandb": {"wandb.sdk.wandb_run": "mirror.mirror_wandb"},
    "mlflow": {"mlflow.tracking.client": "mirror.mirror_mlflow"},
    "tensorboard": {
        "torch.utils.tensorboard.writer": "mirrored_writers.mirror_tensorboard",
        "tensorboardX.writer": "mirrored_writers.mirror_tensorboard",
    },
}
_INTEGRATIONS = "eventtrack.integrations"
_STAND_INS = {"wandb": "eventtrack.wandb"}
# Where eventtrack is imported from, if the program's own path does not lead to it.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules as Python does, and changes what their import gives."""

    def __init__(self, mirrored: Sequence[str], replaced: Sequence[str]) -> None:
        self.waited_for = {
            name: call for package in mirrored for name, call in _MIRRORS.get(package, {}).items()
        }
        self.replaced = {name: _STAND_INS[name] for name in replaced if name in _STAND_INS}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """A spec whose loading calls ours, for the modules that are waited for."""
        if fullname in self.replaced:
            return importlib.util.spec_from_loader(fullname, StandIn(self.replaced[fullname]))
        call = self.waited_for.pop(fullname, None)
        if call is None:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = Mirrored(spec.loader, call)
        return spec


class StandIn(importlib.abc.Loader):
    """Loads another module under the name of the one that was asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The stand-in itself, so that both names mean one module."""
        return _ours(self.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module is loaded."""


class Mirrored(importlib.abc.Loader):
    """Loads a module as before, then wraps its calls."""

    def __init__(self, loader: importlib.abc.Loader, call: str) -> None:
        self.loader, self.call = loader, call

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module as its own loader makes it."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then wrap its calls."""
        self.loader.exec_module(module)
        try:
            name, _, function = self.call.partition(".")
            getattr(_ours(f"{_INTEGRATIONS}.{name}"), function)(module)
        except Exception as error:
            warnings.warn(f"eventtrack mirrors nothing of {module.__name__}: {error}", stacklevel=2)


def _ours(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "eventtrack":
            raise
        sys.path.append(_ROOT)
        return importlib.import_module(name)


def _hand_on() -> None:
    """Run the `sitecustomize` that Python would have imported without this one."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]  # noqa: PTH100
    ours = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


def _names(variable: str) -> list[str]:
    return [name for name in os.environ.get(variable, "").split(",") if name]


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, Finder(_names("EVENTTRACK_MIRROR"), _names("EVENTTRACK_AS")))
    _hand_on()
