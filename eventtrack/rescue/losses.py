"""Losses with names: facts that the views of a damaged store knew and the new store does not.

The views are a cache in a file of its own, so they are often whole when the log is not. Damaged
views can end the process that reads them. So a child process, this module run as a program, reads a
copy of them and writes the facts to a file.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from eventtrack.errors import EventtrackError
from eventtrack.log import files
from eventtrack.projections.build import Build
from eventtrack.projections.shape import fingerprint
from eventtrack.projections.tables import Reader
from eventtrack.rescue.damaged import DamagedFile
from eventtrack.rescue.report import Loss, SalvageReport
from eventtrack.store import Store
from eventtrack.store.blobs import live_blobs

# A child that runs longer hangs: a damaged tree may have rings.
_CHILD_S_MAX = 600.0
_LENGTH = 4
# For streams of these kinds, only their presence is compared.
_OTHERS = ("model", "registered", "trace", "dataset", "scorer")


class _Known(msgspec.Struct, array_like=True):
    """The facts that views hold about one stream: a count for each metric, a text for the rest."""

    kind: str
    stream: str
    name: str
    metrics: dict[str, int] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


def note_losses(old: Path, store: Store, scratch: Path, report: SalvageReport) -> None:
    """Compare the views of the damaged store in the folder `old` with those of the new store."""
    listing = scratch / "known"
    if not any(_list(build, scratch, listing) for build in _builds(old / files.VIEWS)):
        report.note(
            "the views of the damaged store cannot be read: what is gone is known by feed and "
            "index, not by name"
        )
        return
    with store.replication.views() as reader:
        for known in _read(listing):
            for loss in _losses(known, _known_here(reader, known)):
                report.add_loss(loss)


def note_lost_artifacts(store: Store, report: SalvageReport) -> None:
    """Note the artifacts that the new store names without having their bytes."""
    holds = store.replication.blobs.holds
    with store.replication.views() as reader:
        lost = {digest: what for digest, what in live_blobs(reader).items() if not holds(digest)}
        for key in reader.rows.keys("runs"):
            run = reader.run_by_number(int.from_bytes(key, "big"))
            if run is None or not lost:
                continue
            for artifact in reader.artifacts(run.number):
                if artifact.place is None and lost.pop(artifact.sha256, None) is not None:
                    where = f"run/{run.run_id}"
                    report.add_loss(_lost_artifact(where, run.name[0], artifact.path))
        for digest, what in lost.items():
            report.add_loss(_lost_artifact("", what, digest.hex()))


def _lost_artifact(stream: str, name: str, key: str) -> Loss:
    return Loss(kind="artifact", stream=stream, name=name, key=key, had=1, has=0)


def _builds(views: Path) -> list[Path]:
    """The folded views of this version's schema, the views in use first."""
    mine = fingerprint()
    try:
        used = (views / f"current-{mine}").read_text(errors="replace").strip()
    except OSError:
        used = ""
    builds = [path for path in views.glob(f"{mine}-*") if not path.is_symlink()]
    return sorted(builds, key=lambda path: (path.name != used, path.name))


def _list(build: Path, scratch: Path, listing: Path) -> bool:
    """Let a child write down the facts of a build; returns whether it succeeded."""
    copy = scratch / "views"
    copy.mkdir(exist_ok=True)
    try:
        with DamagedFile(build / "data.mdb") as source, (copy / "data.mdb").open("wb") as target:
            for _, window in source.windows(0):
                target.write(window)
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(copy), str(listing)],
            check=False,
            timeout=_CHILD_S_MAX,
            capture_output=True,
        )
    except (EventtrackError, subprocess.TimeoutExpired):
        return False
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    return done.returncode == 0


def _read(listing: Path) -> Iterator[_Known]:
    with listing.open("rb") as file:
        while length := int.from_bytes(file.read(_LENGTH), "big"):
            yield msgspec.msgpack.decode(file.read(length), type=_Known)


def _write(folder: Path, listing: Path) -> None:
    """Do the child's work: write the facts of the build in `folder` to `listing`."""
    build = Build(folder)
    with build.read() as reader, listing.open("wb") as file:
        for known in _all(reader):
            data = msgspec.msgpack.encode(known)
            file.write(len(data).to_bytes(_LENGTH, "big") + data)


def _all(reader: Reader) -> Iterator[_Known]:
    for experiment in reader.experiments():
        stream = f"experiment/{experiment.experiment_id}"
        yield _Known("experiment", stream, experiment.name[0], tags=experiment.live_tags())
    for key in reader.rows.keys("runs"):
        run = _run(reader, int.from_bytes(key, "big"))
        if run is not None:
            yield run
    for stream in reader.streams("", sys.maxsize):
        kind = stream.partition("/")[0]
        if kind in _OTHERS:
            yield _Known(kind, stream, "")


def _run(reader: Reader, number: int | None) -> _Known | None:
    run = None if number is None else reader.run_by_number(number)
    if run is None or not run.experiment_id:
        return None
    return _Known(
        "run",
        f"run/{run.run_id}",
        run.name[0],
        {key: len(reader.history(metric)) for key, metric in reader.curves(run).items()},
        run.live_params(),
        run.live_tags(),
    )


def _known_here(reader: Reader, known: _Known) -> _Known | None:
    number = reader.number(known.stream)
    if known.kind == "run":
        return _run(reader, number)
    if known.kind in _OTHERS:
        return known if reader.timeline(known.stream) else None
    experiment = None if number is None else reader.experiment_by_number(number)
    if experiment is None or not experiment.exists:
        return None
    return _Known("experiment", known.stream, experiment.name[0], tags=experiment.live_tags())


def _losses(known: _Known, here: _Known | None) -> Iterator[Loss]:
    def loss(kind: str, key: str, had: int, has: int, value: str = "") -> Loss:
        return Loss(
            kind=kind, stream=known.stream, name=known.name, key=key, had=had, has=has, value=value
        )

    if here is None:
        yield loss(known.kind, "", 1, 0)
        return
    for key, had in known.metrics.items():
        has = here.metrics.get(key, 0)
        if has < had:
            yield loss("metric", key, had, has)
    for kind, old, new in (
        ("param", known.params, here.params),
        ("tag", known.tags, here.tags),
    ):
        for key, value in old.items():
            if key not in new:
                yield loss(kind, key, 1, 0, value)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), Path(sys.argv[2]))
