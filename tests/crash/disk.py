"""A disk whose power is cut: what it may hold then, by a record of what a process did.

Data is there for sure once its file was synced, and a name once its folder was. Of later writes any
sectors may be there; of later changes of names the first few, since file systems keep their order.
"""

import random
from pathlib import Path, PurePosixPath

from tests.crash.recording import Step

SECTOR_BYTES = 512


class File:
    """The bytes of a file: those that were synced, and writes that may or may not be there."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.pending: list[Step] = []

    def take(self, step: Step) -> None:
        """Play a write, a truncation or a sync."""
        if step.kind == "S":
            for one in self.pending:
                _play(self.synced, one)
            self.pending = []
        elif step.is_synced:
            # It is on the disk when it returns, and says nothing of the others.
            _play(self.synced, step)
        else:
            self.pending.append(step)

    def after_a_cut(self, chance: random.Random) -> bytes:
        """Bytes that may be found after the power comes back."""
        image = bytearray(self.synced)
        share = chance.choice([0.0, 0.5, 0.5, 0.9, 1.0])
        for step in self.pending:
            if step.kind == "T" and chance.random() < share:
                _play(image, step)
            for start in range(0, len(step.data), SECTOR_BYTES):
                if chance.random() < share:
                    data = step.data[start : start + SECTOR_BYTES]
                    _play(image, step._replace(place=step.place + start, data=data))
        return bytes(image)


def _play(image: bytearray, step: Step) -> None:
    stop = step.place + len(step.data)
    if len(image) < stop:
        image.extend(bytes(stop - len(image)))
    if step.kind == "T":
        del image[step.place :]
    else:
        image[step.place : stop] = step.data


# Names below the recorded folder, each with its file; None for a folder.
Names = dict[str, File | None]


class Disk:
    """All files below a folder, as the process sees them and as the disk keeps them."""

    def __init__(self) -> None:
        self._now: Names = {"": None}
        self._kept: Names = {"": None}
        self._pending: list[tuple[Step, File | None]] = []

    def take(self, step: Step) -> None:
        """Play one step."""
        if step.kind in "WT":
            file = self._now.get(step.path)
            if file is not None:
                file.take(step)
        elif step.kind == "S":
            self._sync(step)
        elif step.kind in "CDNLUX":
            file = File() if step.kind == "C" else self._now.get(step.path)
            if _change(self._now, step, file):
                self._pending.append((step, file))

    def after_a_cut(self, folder: Path, chance: random.Random) -> None:
        """Make in a folder what may be found after the power comes back."""
        names = dict(self._kept)
        for step, file in self._pending[: chance.randint(0, len(self._pending))]:
            _change(names, step, file)
        for name in sorted(names):
            path, file = folder / name.lstrip("/"), names[name]
            if not path.parent.is_dir() and name:
                continue  # the name of its folder was lost
            if file is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(file.after_a_cut(chance))

    def _sync(self, step: Step) -> None:
        file = self._now.get(step.path)
        if file is not None:
            file.take(step)
            return
        left = []
        for change, changed in self._pending:
            parents = {str(PurePosixPath(name).parent) for name in change[3:5] if name}
            if (step.path or "/") in parents:
                _change(self._kept, change, changed)
            else:
                left.append((change, changed))
        self._pending = left


def _change(names: Names, step: Step, file: File | None) -> bool:
    """Play a change of names; returns whether it was one: some calls fail, and change nothing."""
    kind, path, other = step.kind, step.path, step.other
    if kind in "CD":
        if path in names:
            return False
        names[path] = file if kind == "C" else None
    elif kind == "N":
        below = [name for name in names if name == path or name.startswith(f"{path}/")]
        if not below and file is None:
            return False
        for name in below:
            names[other + name.removeprefix(path)] = names.pop(name)
        if file is not None:
            names[other] = file
    elif kind == "L":
        if other in names or file is None:
            return False
        names[other] = file
    else:
        return names.pop(path, ()) != ()
    return True
