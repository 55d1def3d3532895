"""Growth: what questions cost as runs, points and names become many, here and in another version.

    python tools/bench/growth.py --runs 10000 100000 --points 1000000 10000000 --names 100000
    python tools/bench/growth.py --curves 1000      # of 10,000 points each, for one chart
    python tools/bench/growth.py --wide-runs 7500   # a tenth of G-Research's shape; 225 M points
    python tools/bench/growth.py --runs --names --wide-runs --points 100000000  # 2.4 GB; minutes
    git archive COMMIT | tar x -C /tmp/before
    python tools/bench/growth.py --runs 100000 --before /tmp/before

Stores are made by writing events in bulk. Each question is asked in a new process, and answered
from the same store by both versions in turns: read the ratios. Figures are processor time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _bulk import write_curves, write_names, write_runs, write_series, write_wide_runs
from _growth_questions import (
    ALL,
    QUESTIONS,
    QUESTIONS_OF_CURVES,
    QUESTIONS_OF_NAMES,
    QUESTIONS_OF_SERIES,
    QUESTIONS_OF_WIDE_RUNS,
    UPGRADE,
    VIEWS,
)
from _harness import machine, number, table

HERE = Path(__file__).parent
CURVE_POINTS = 10_000
Maker = Callable[[Path, int], None]


def ask(question: str, store: Path, version: Path | None) -> dict[str, Any] | None:
    """What a version answers; None if it fails."""
    environment = dict(os.environ)
    if version is not None:
        environment["PYTHONPATH"] = str(version)
    command = [sys.executable, str(HERE / "_growth_questions.py"), question, str(store)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.decode()[-500:], file=sys.stderr)
        return None
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def rows(store: Path, size: str, before: Path | None, questions: list[str]) -> list[list[str]]:
    """The lines of the table for one store."""
    lines = []
    for question in questions:
        now = ask(question, store, None)
        then = ask(question, store, before) if before is not None else None
        lines.append([question, *_cells(now), *_cells(then), _ratio(then, now)])
        print(f"  {size}: {' | '.join(lines[-1])}", flush=True)
    return lines


def _cells(answer: dict[str, Any] | None) -> list[str]:
    if answer is None:
        return ["", ""]
    median = sorted(answer["cpu_ms"])[len(answer["cpu_ms"]) // 2]
    return [f"{number(median)} ms", f"{answer['memory_mb']:.0f} MB"]


def _ratio(then: dict[str, Any] | None, now: dict[str, Any] | None) -> str:
    if then is None or now is None:
        return ""
    medians = [sorted(answer["cpu_ms"])[len(answer["cpu_ms"]) // 2] for answer in (then, now)]
    return f"{number(medians[0] / medians[1])} x"


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="*", default=[2_000, 10_000], metavar="N")
    parser.add_argument("--points", type=int, nargs="*", default=[200_000], metavar="N")
    parser.add_argument("--names", type=int, nargs="*", default=[10_000], metavar="N")
    parser.add_argument("--wide-runs", type=int, nargs="*", default=[20], metavar="N")
    parser.add_argument("--curves", type=int, nargs="*", default=[50], metavar="RUNS")
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="another version, unpacked")
    parser.add_argument("--ask", nargs="+", choices=[*ALL, VIEWS, UPGRADE], metavar="QUESTION")
    parser.add_argument("--folder", type=Path, help="where stores are made, and kept")
    options = parser.parse_args()
    kinds: tuple[tuple[str, Maker, list[str]], ...] = (
        ("runs", write_runs, [VIEWS, UPGRADE, *QUESTIONS]),
        ("points", write_series, [VIEWS, *QUESTIONS_OF_SERIES]),
        ("names", write_names, [VIEWS, *QUESTIONS_OF_NAMES]),
        ("curves", partial(write_curves, points=CURVE_POINTS), [VIEWS, *QUESTIONS_OF_CURVES]),
        ("wide_runs", write_wide_runs, [VIEWS, *QUESTIONS_OF_WIDE_RUNS]),
    )
    print("\n".join(machine()))
    with tempfile.TemporaryDirectory(prefix="eventtrack-bench-") as scratch:
        folder = options.folder or Path(scratch)
        for kind, write, questions in kinds:
            asked = [name for name in questions if not options.ask or name in options.ask]
            for size in getattr(options, kind) if asked else ():
                store, title = folder / f"{kind}-{size}", f"{size:,} {kind}"
                if not store.exists():
                    write(store, size)
                lines = rows(store, title, options.before, asked)
                head = [title, "now", "memory", "before", "memory", "ratio"]
                print("\n" + "\n".join(table([head, *lines])) + "\n", flush=True)


if __name__ == "__main__":
    main()
