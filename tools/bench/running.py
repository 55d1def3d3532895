"""`eventtrack run`: its start, its cost for a program that prints, and the cost of its sampler."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from _harness import Report, Samples, environment, measure, seconds

from eventtrack.machine.finding import find_gpus
from eventtrack.machine.sampler import Sampler

START_MAX_MS = 150.0
SLOWER_MAX = 1.03
OUTPUT_MB = 50
# A training that prints so much works for far longer.
WORK_S = 5.0
SAMPLE_EVERY_S = 5.0
SAMPLER_MAX_PERCENT = 0.5
SAMPLES = 40

# Prints lines of 80 bytes while it works; says how long it took, by its own clock.
PRINT = """
import sys, time
megabytes, work_s = int(sys.argv[1]), float(sys.argv[2])
line, lines = "x" * 79 + "\\n", megabytes * 12_500
began = time.perf_counter()
for part in range(100):
    for _ in range(lines // 100):
        sys.stdout.write(line)
    # Work is counted in processor time: other programs of the machine change it little.
    until = time.process_time() + work_s / 100
    while time.process_time() < until:
        pass
sys.stdout.flush()
print(time.perf_counter() - began, time.process_time(), file=sys.stderr)
"""


def run_words(folder: Path, *words: str) -> list[str]:
    """The command line of `eventtrack run` on a store below `folder`."""
    return [sys.executable, "-m", "eventtrack", "--store", str(folder / "store"), "run", *words]


def quietly(words: list[str]) -> None:
    """Run a command to its end, as in an activated environment: its `python` is the first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(words, check=True, env=environment(PATH=path), stdout=subprocess.DEVNULL)


def starts(report: Report, folder: Path) -> None:
    """The time of a command that does nothing."""
    alone = measure(lambda: quietly(["true"]), report.rounds)
    limit = report.limit("`true`", alone.scaled(1e3), "ms")
    for name, options in (
        ("eventtrack run -- true", ()),
        ("the same without samples and files", ("--no-sampling", "--no-files")),
    ):
        words = run_words(folder, *options, "--", "true")
        quietly(words)  # makes the store
        taken = [(seconds(lambda words=words: quietly(words)) - alone.median) * 1e3  # type: ignore[misc]
                 for _ in range(report.rounds)]  # fmt: skip
        report.figure(f"{name}, over `true` alone", Samples(taken), "ms", goal=START_MAX_MS,
                      limit=limit)  # fmt: skip


def processor_times(report: Report, folder: Path) -> None:
    """The same in processor time of all processes, which a busy machine changes less."""
    module = [sys.executable, "-m", "eventtrack", "--store", str(folder / "store")]
    quietly(run_words(folder, "--", "true"))  # makes the store
    listing = _processor_ms([*module, "experiments", "list"], report.rounds)
    limit = report.limit("`eventtrack experiments list`, processor time", listing, "ms")
    for name, options in (
        ("eventtrack run -- true, processor time", ()),
        ("the same without samples and files", ("--no-sampling", "--no-files")),
    ):
        words = run_words(folder, *options, "--", "true")
        report.figure(name, _processor_ms(words, report.rounds), "ms", limit=limit)


def _processor_ms(words: list[str], rounds: int) -> Samples:
    taken = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        quietly(words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        taken.append(spent_s * 1e3)
    return Samples(taken)


def prints(report: Report, folder: Path, work_s: float) -> None:
    """The time of a program that prints, by its own clock, with its output in a file."""
    program = [sys.executable, "-c", PRINT, str(OUTPUT_MB), str(work_s)]
    alone, recorded, ratios = [], [], []
    for _ in range(report.rounds):
        alone.append(_own_time(program, folder))
        recorded.append(_own_time(run_words(folder, "--", *program), folder))
        ratios.append(recorded[-1] / alone[-1])
    limit = report.limit(f"{OUTPUT_MB} MB to a file, {work_s:g} s of work", Samples(alone), "s")
    report.figure(
        f"the same within a run, {work_s:g} s of work",
        Samples(recorded),
        "s",
        limit=limit,
        ratio_goal=SLOWER_MAX if work_s else None,
    )
    report.note(f"{work_s:g} s of work: ratios of pairs {sorted(round(r, 3) for r in ratios)}")


def _own_time(words: list[str], folder: Path) -> float:
    with (folder / "output").open("wb") as output:
        ended = subprocess.run(
            words, check=True, env=environment(), stdout=output, stderr=subprocess.PIPE, text=True
        )
    return float(ended.stderr.split()[0])


def samples(report: Report) -> None:
    """The processor time of a sample of this machine and of a process."""
    sampler = Sampler(find_gpus(), os.getpid())
    taken = []
    for _ in range(report.rounds):
        began = time.process_time()
        for _ in range(SAMPLES):
            sampler.sample()
        taken.append((time.process_time() - began) / SAMPLES / SAMPLE_EVERY_S * 100)
    name = f"a sample every {SAMPLE_EVERY_S:g} s, of one processor"
    report.figure(name, Samples(taken), "%", goal=SAMPLER_MAX_PERCENT)


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    with report.folder() as folder:
        starts(report, folder)
        processor_times(report, folder)
        samples(report)
        prints(report, folder, WORK_S)
        prints(report, folder, 0)
    report.finish()


if __name__ == "__main__":
    main()
