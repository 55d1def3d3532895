"""What the tests of kills, power cuts and damage do in a short form, for as long as one likes.

`python tools/dev.py torture --minutes 30`. Each round does every part once, with dice of its own; a
part that finds something says with which, and ends the torture.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from eventtrack.projections import build as build_module
from eventtrack.rescue import salvaging
from tests.crash import recording
from tests.crash import test_power_cut_files as power_cuts
from tests.rescue import damage

# Rounds of one part: some seconds each.
CUTS, FLIPS = 100, 100


def kill(folder: Path, dice: random.Random) -> None:
    """Every writing command, killed at some of its calls."""
    library = recording.built(folder)
    program = [sys.executable, "-m", "tests.crash.killing"]
    words = [*program, str(folder), "3", "", dice.randbytes(4).hex()]
    subprocess.run(words, check=True, env=recording.environment(library, folder))


def cut(folder: Path, dice: random.Random) -> None:
    """Power cuts while everything is done that a store does."""
    before = vars(build_module)["boot_id"]
    vars(build_module)["boot_id"] = lambda: "another boot"
    try:
        power_cuts.cut_often(power_cuts.record(folder), folder, dice, CUTS)
    finally:
        vars(build_module)["boot_id"] = before


def flip(folder: Path, dice: random.Random) -> None:
    """A salvage of a store in which one bit is another."""
    sample = damage.sample(folder / "whole")
    before = vars(salvaging)["note_losses"]
    vars(salvaging)["note_losses"] = lambda *_: None
    try:
        for _ in range(FLIPS):
            data = bytearray(sample.data)
            place = dice.randrange(len(data))
            data[place] ^= 1 << dice.randrange(8)
            old = damage.damaged(sample, folder / "old", bytes(data))
            with damage.salvaged(old, folder / "new") as (store, report):
                damage.assert_all_that_survived(sample, bytes(data), store, report)
    finally:
        vars(salvaging)["note_losses"] = before


def attack(folder: Path, dice: random.Random) -> None:
    """Bits of every file of a store, and failing calls of a process that writes."""
    tests = ("tests/attack/test_flips.py", "tests/attack/test_faults.py")
    chance = {"TORTURE_SEED": str(dice.randrange(10**6)), "TORTURE_COUNT": str(FLIPS)}
    words = [sys.executable, "-m", "pytest", "--quiet", f"--basetemp={folder / 'tests'}", *tests]
    subprocess.run(words, check=True, env={**os.environ, **chance})


PARTS: tuple[Callable[[Path, random.Random], None], ...] = (kill, cut, flip, attack)


def main() -> None:
    """Go round until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    seed = options.seed
    while time.monotonic() < deadline:
        for part in PARTS:
            sys.stdout.write(f"{part.__name__} --seed {seed}\n")
            sys.stdout.flush()
            with tempfile.TemporaryDirectory() as folder:
                part(Path(folder), random.Random(seed))
            if time.monotonic() > deadline:
                return
        seed += 1


if __name__ == "__main__":
    main()
