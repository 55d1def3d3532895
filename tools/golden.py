"""Write the golden files of tests/golden/: stored bytes that every later eventtrack must read.

    python tools/golden.py

A file that is there already stays as it is: golden bytes are made once and never again. A change
of the format adds a folder `vN`, with the paragraph of docs/format.md in the same commit.
"""

import json
import sys
import tempfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from eventtrack.clock import ManualClock  # noqa: E402 - found through the line above
from eventtrack.events import registered, traces, types  # noqa: E402
from eventtrack.events.envelope import Cause, Draft, Envelope  # noqa: E402
from eventtrack.events.reading import events_of  # noqa: E402
from eventtrack.events.registry import REGISTRY  # noqa: E402
from eventtrack.ids import SeededIds  # noqa: E402
from eventtrack.log.frames import (  # noqa: E402
    FRAME,
    OLD_MAGIC,
    PREAMBLE,
    scan,
    slot_seed,
)
from eventtrack.log.journal import Journal  # noqa: E402
from eventtrack.log.memory import MemoryLog  # noqa: E402
from eventtrack.projections.build import Build  # noqa: E402
from eventtrack.projections.digest import digest  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
SEED = "golden"
SESSION = bytes(range(16))
RUN, EXPERIMENT, MODEL = "run/" + "a1" * 16, "experiment/12", "model/m-0a1b"
TRACE = "trace/tr-" + "b2" * 16
JOURNAL_BYTES = 1024

Json = dict[str, Any]


def history() -> list[Draft]:
    """A small history of sessions, experiments, runs and logged models."""
    stored = types.ArtifactStored("model/weights.bin", 3, bytes(range(32)))
    placed = types.ArtifactStored("data.csv", 9, bytes(32), "s3://bucket/data.csv")
    dataset = types.DatasetUsed("iris", "d1", "local", "{}", "schema", None, {"context": "train"})
    opened = types.SessionOpened(
        "ada", "host", 42, "train.py", "home", "0" * 40, "python", "0.1.0", 1_700_000_000_000
    )
    return [
        Draft.of("session/" + SESSION.hex(), opened),
        Draft.of(EXPERIMENT, types.ExperimentCreated("mnist", None, {"team": "ä"}, 1, 2)),
        Draft.of(EXPERIMENT, types.ExperimentTagsSet({"a": "1", "b": "2"}, 2)),
        Draft.of(EXPERIMENT, types.ExperimentTagDeleted("a", 3)),
        Draft.of(EXPERIMENT, types.ExperimentRenamed("MNIST", 4)),
        Draft.of(EXPERIMENT, types.ExperimentDeleted(5), types.ExperimentRestored(6)),
        Draft.of(RUN, types.RunStarted("12", "brisk-otter-417", "ada", 7, {"x": ""}, "RUNNING")),
        Draft.of(RUN, types.ParamsLogged({"lr": "0.1", "depth": "3"})),
        Draft.of(RUN, types.ParamsWithdrawn(["depth"]), cause=Cause(b"c" * 16, 7, 1)),
        Draft.of(RUN, types.TagsSet({"y": "1"}), types.TagDeleted("y")),
        Draft.of(
            RUN,
            types.MetricLogged("loss", 0.5, 1, 1_700_000_000_000),
            types.MetricLogged("loss", -0.0, -(2**63), 2**63 - 1),
            types.MetricLogged("loss", float("inf"), 2, -1),
            types.MetricsLogged(["loss", "acc"], [0.25, 0.9], 3, 10),
            types.MetricsLogged(["loss", "acc"], [0.125, 1.0], [4, 5], [11, 12]),
        ),
        Draft.of(RUN, types.InputsLogged([dataset], ["m-0a1b"])),
        Draft.of(RUN, types.OutputsLogged([("m-0a1b", 3)])),
        Draft.of(
            RUN, types.ArtifactsLogged([stored, placed]), types.ArtifactsDeleted(["data.csv"])
        ),
        Draft.of(RUN, types.RunUpdated("FINISHED", 99, "renamed"), types.RunUpdated(end_ms=100)),
        Draft.of(RUN, types.RunDeleted(101), types.RunRestored(102)),
        Draft.of(MODEL, types.ModelCreated("12", "net", "a1" * 16, None, {"p": "1"}, {}, 8)),
        Draft.of(MODEL, types.ModelParamsLogged({"q": "2"}), types.ModelTagsSet({"t": "u"})),
        Draft.of(MODEL, types.ModelTagDeleted("t"), types.ModelArtifactsLogged([stored])),
        Draft.of(MODEL, types.ModelArtifactsDeleted(["model/weights.bin"])),
        Draft.of(MODEL, types.ModelFinalized("READY", 9), types.ModelDeleted(10)),
    ]


def traced() -> list[Draft]:
    """A trace with a small span and a large one, judged, linked, deleted and restored."""
    stored = types.ArtifactStored("attachments/cat.png", 3, bytes(range(32)))
    root = traces.SpanLogged(
        *("c3" * 8, None, "answer", "AGENT", "OK", 10**18, 10**18 + 5, 2, b"", b"{}"),
        {"session": "s-1", "usage": '{"total_tokens":3}', "request_preview": "why?"},
    )
    child = traces.SpanLogged(
        *("d4" * 8, "c3" * 8, "search", "TOOL", "ERROR", 10**18 + 1, None, 70_000),
        bytes(32),
        None,
        {},
    )
    error = traces.AssessmentError("TIMEOUT", "too slow")
    return [
        Draft.of(TRACE, traces.SpansLogged("12", [root, child])),
        Draft.of(
            TRACE,
            traces.TraceRecorded(
                *("12", 10**12, 5, "OK", "c-1", "why?", "because"),
                {"mlflow.user": "ada"},
                {"a": "1"},
            ),
        ),
        Draft.of(TRACE, traces.TraceTagsSet({"b": "2"}), traces.TraceTagDeleted("a")),
        Draft.of(TRACE, traces.TraceRunsLinked(["a1" * 16]), traces.TraceRunsUnlinked(["e5"])),
        Draft.of(TRACE, traces.TracePromptsLinked(["greeting/1"])),
        Draft.of(
            TRACE,
            traces.AssessmentCreated(
                *("a-1", "feedback", "good", "true", error, "HUMAN", "ada", 20, 21),
                *("c3" * 8, None, "it is", {"k": "v"}, None),
            ),
            traces.AssessmentUpdated("a-1", 22, None, "false", None, "it is not", {"k": "w"}),
            traces.AssessmentDeleted("a-2"),
        ),
        Draft.of(
            TRACE,
            traces.TraceArtifactsLogged([stored]),
            traces.TraceArtifactsDeleted(["attachments/cat.png"]),
        ),
        Draft.of(TRACE, traces.TraceDeleted(30), traces.TraceRestored(31)),
    ]


def audited() -> list[Draft]:
    """Keys and signed heads; the notes are as texts here, not as signatures."""
    note = "eventtrack/00\n1\nAAAA\n\n\u2014 eventtrack/00 AAAAAAA=\n"
    return [
        Draft.of("replica/00", types.KeyAnnounced("eventtrack/00+00000000+AQ==", 8)),
        Draft.of("replica/00", types.HeadSealed(note), types.HeadWitnessed(note)),
    ]


def measured() -> list[Draft]:
    """The events of logged models that came later than the first ones."""
    points = [
        types.ModelPoint("acc", 0.75, -1, 2**40),
        types.ModelPoint("loss", float("-inf"), 2**63 - 1, 0, "iris", "d1"),
    ]
    return [
        Draft.of(MODEL, types.ModelCreated("12", "net", None, "agent", {}, {}, 8)),
        Draft.of(MODEL, types.ModelMetricsLogged("a1" * 16, points)),
        Draft.of(MODEL, types.ModelDeleted(10), types.ModelRestored(11)),
    ]


def redacted() -> list[Draft]:
    """A point, and the order to erase it."""
    order = types.PayloadsRedacted([(b"r" * 16, 5)], [bytes(32)], "it held a name", 9)
    return [Draft.of(RUN, types.MetricLogged("loss", 0.5, 1, 10)), Draft.of(RUN, order)]


def registered_model() -> list[Draft]:
    """A registered model with a version that is staged, named, deleted and restored."""
    stream = "registered/" + "0a" * 16
    one, two = "1b" * 16, "2c" * 16
    born = registered.VersionCreated(
        *(one, 1, "runs:/a1/net", "s3://bucket/net", "a1" * 16, "http://run", "m-0a1b", "ada"),
        *("first", {"a": "1"}, 20),
    )
    rival = registered.VersionCreated(two, 1, "s", "s", None, None, None, None, None, {}, 21)
    return [
        Draft.of(stream, registered.RegisteredCreated("net", "a net", {"team": "ä"}, 19)),
        Draft.of(stream, born, rival),
        Draft.of(stream, registered.RegisteredRenamed("NET", 22)),
        Draft.of(stream, registered.RegisteredDescribed(None, 23)),
        Draft.of(stream, registered.RegisteredTagsSet({"b": "2"})),
        Draft.of(stream, registered.RegisteredTagDeleted("team")),
        Draft.of(stream, registered.AliasSet("best", one), registered.AliasDeleted("worst")),
        Draft.of(stream, registered.VersionDescribed(one, "better", 24)),
        Draft.of(stream, registered.VersionStaged(one, "Production", 25)),
        Draft.of(stream, registered.VersionTagsSet(one, {"c": "3"})),
        Draft.of(stream, registered.VersionTagDeleted(one, "a")),
        Draft.of(stream, registered.VersionDeleted(one, 26), registered.VersionRestored(one, 27)),
        Draft.of(stream, registered.RegisteredDeleted(28), registered.RegisteredRestored(29)),
    ]


# A new noun brings a history of its own: the bytes of the others stay as they are.
HISTORIES = {
    "log": history,
    "audit": audited,
    "redaction": redacted,
    "traces": traced,
    "models": measured,
    "registry": registered_model,
}


def recorded(name: str = "log") -> list[Envelope]:
    """A history as a replica with a seeded identity and a hand-wound clock records it."""
    clock = ManualClock()
    log = MemoryLog(clock=clock, ids=SeededIds(SEED))
    found = []
    for draft in HISTORIES[name]():
        clock.advance(7)
        found.append(log.transact(lambda txn, draft=draft: txn.append(draft, SESSION)))  # type: ignore[misc]
    return found


def described(envelope: Envelope) -> Json:
    """What an envelope holds, as JSON."""
    events = [
        [REGISTRY.of(event).name, msgspec.to_builtins(event, builtin_types=(bytes,))]
        for event in events_of(envelope)
        if event is not None
    ]
    header = msgspec.to_builtins(envelope.header, builtin_types=(bytes,))
    if envelope.header.after is None:
        header.pop()  # written only where it says something
    described: Json = json.loads(
        json.dumps({"header": header, "events": events}, default=bytes.hex)
    )
    return described


def digest_of(envelopes: list[Envelope]) -> str:
    """The digest of the views of a log."""
    log = MemoryLog()
    log.transact(lambda txn: [txn.append_foreign(envelope.data) for envelope in envelopes])
    with tempfile.TemporaryDirectory() as folder:
        build = Build(Path(folder))
        build.advance(log)
        with build.read() as reader:
            found = digest(reader)
        build.close()
    return found


def journal() -> bytes:
    """A journal file of two slots and three points."""
    with tempfile.TemporaryDirectory() as folder:
        made = Journal(Path(folder), SESSION, SeededIds(SEED).id128, lambda: None, JOURNAL_BYTES)
        single = made.define(RUN, "run.metric_logged", 1)
        several = made.define(RUN, "run.metrics_logged", 1)
        for slot, event in (
            (single, types.MetricLogged("loss", 0.5, 1, 10)),
            (several, types.MetricsLogged(["loss"], [0.25], 2, 11)),
            (single, types.MetricLogged("loss", 0.125, 3, 12)),
        ):
            made.append(slot, msgspec.msgpack.encode(event), slot_seed(slot))
        [path] = Path(folder).iterdir()
        data = path.read_bytes()
        made.close()
    return data


def old_journal() -> bytes:
    """The same journal as it was laid out before: no length in a checksum, one of each definition.

    Made by the letter of the format, as nothing writes it any more.
    """
    data = journal()
    _, journal_id, session = PREAMBLE.unpack_from(data)
    parts = [PREAMBLE.pack(OLD_MAGIC, journal_id, session)]
    # The first definition is of slot 0: the session, which journals then did not repeat.
    for slot, body in list(dict.fromkeys(scan(data, PREAMBLE.size, len(data)).frames))[1:]:
        checksum = zlib.crc32(slot.to_bytes(4, "little") + body)
        parts.append(FRAME.pack(len(body), checksum, slot) + body)
    return b"".join(parts).ljust(JOURNAL_BYTES, b"\0")


def broken_logs() -> dict[str, tuple[list[bytes], str]]:
    """Damaged feeds: what comes in, and the error that must keep it out."""
    first, second, third = (envelope.data for envelope in recorded()[:3])
    place = second.index(b"experiment/")
    not_text = second[:place] + b"\xff" + second[place + 1 :]
    future = first.replace(b"\x9b\x01", b"\x9b\x02", 1)
    other = MemoryLog(clock=ManualClock(), ids=SeededIds(SEED))
    fork = other.transact(lambda txn: txn.append(history()[1], SESSION)).data
    return {
        "log-truncated-in-its-header": ([first[:40]], "ChecksumError"),
        "log-truncated-in-its-payload": ([first[:-1]], "ChecksumError"),
        "log-bit-flipped-in-its-payload": ([first[:-1] + bytes((first[-1] ^ 1,))], "ChecksumError"),
        "log-byte-changed-in-its-stream": ([first, not_text], "ChecksumError"),
        "log-reordered": ([second, first], "ConflictError"),
        "log-with-a-gap": ([first, third], "ConflictError"),
        "log-forked": ([first, fork], "ConflictError"),
        "log-of-a-later-format": ([future], "FormatTooNewError"),
    }


# Of a broken journal: the file, the steps that are kept, and what is said (nothing when torn).
Broken = tuple[bytes, list[int], str]


def broken_journals() -> dict[str, Broken]:
    """Damaged journals of now."""
    whole = journal()
    stop = len(whole.rstrip(b"\0"))
    starts = _starts(whole)

    def flipped(place: int, bit: int = 1) -> bytes:
        changed = bytearray(whole)
        changed[place] ^= bit
        return bytes(changed)

    # A process that was killed within a call had not written the header yet.
    begun = bytearray(whole)
    begun[starts[8] : starts[8] + 12] = bytes(12)
    return {
        "journal-2-torn": (bytes(begun[: stop - 3]), [1, 2], ""),
        "journal-2-bit-flipped": (flipped(starts[7] + 12), [1, 3], "fails its checksum"),
        "journal-2-longer-by-a-bit": (flipped(starts[7] + 1, 64), [1, 2, 3], "fails its checksum"),
        "journal-2-last-frame-flipped": (flipped(stop - 1), [1, 2], "fails its checksum"),
        "journal-2-definition-flipped": (flipped(starts[2] + 20), [1, 2, 3], "fails its checksum"),
        "journal-2-beginning-flipped": (flipped(30), [1, 2, 3], "its beginning is damaged"),
        "journal-2-without-definitions": (
            whole[: PREAMBLE.size] + whole[starts[6] : stop],
            [],
            "slots that it does not define",
        ),
    }


def broken_old_journals() -> dict[str, Broken]:
    """Damaged journals of before."""
    whole = old_journal()
    stop = len(whole.rstrip(b"\0"))
    starts = _starts(whole)
    frames = [whole[start:end] for start, end in pairwise(starts)]
    flipped = bytearray(whole)
    flipped[starts[3] + FRAME.size] ^= 1
    reordered = whole[: PREAMBLE.size] + b"".join([frames[2], frames[3], frames[4], frames[0]])
    return {
        "journal-torn": (whole[: starts[4] + 5], [1, 2], ""),
        "journal-torn-in-its-last-byte": (whole[: stop - 1], [1, 2], ""),
        "journal-bit-flipped": (bytes(flipped), [1, 3], "fails its checksum"),
        "journal-with-bytes-behind-its-end": (
            whole[:stop] + bytes(8) + b"!",
            [1, 2, 3],
            "fails its checksum",
        ),
        "journal-without-a-definition": (reordered, [1, 3], "slots that it does not define"),
        "journal-of-something-else": (b"PNG" + whole[3:], [], "is not a journal"),
    }


def _starts(data: bytes) -> list[int]:
    """Where the frames of a journal begin, and where the last of them ends."""
    starts, stop = [PREAMBLE.size], len(data.rstrip(b"\0"))
    while starts[-1] < stop:
        starts.append(starts[-1] + FRAME.size + FRAME.unpack_from(data, starts[-1])[0])
    return starts


def lines(*values: object) -> str:
    """JSON, one value a line."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def contents() -> dict[str, str]:
    """Every golden file by its path."""
    made = {
        "v1/journal.hex": old_journal().rstrip(b"\0").hex() + "\n",
        "v2/journal.hex": journal().rstrip(b"\0").hex() + "\n",
    }
    for history_name in HISTORIES:
        envelopes = recorded(history_name)
        made[f"v1/{history_name}.jsonl"] = lines(
            *({"bytes": one.data.hex(), **described(one)} for one in envelopes)
        )
        made[f"v1/{history_name}.digest"] = digest_of(envelopes) + "\n"
    for name, (feed, error) in broken_logs().items():
        made[f"broken/{name}.json"] = lines({"error": error, "log": [one.hex() for one in feed]})
    for name, (data, steps, damage) in {**broken_old_journals(), **broken_journals()}.items():
        answer = {"steps": steps, "damage": damage, "journal": data.rstrip(b"\0").hex()}
        made[f"broken/{name}.json"] = lines(answer)
    return made


def main() -> None:
    """Write what is missing."""
    for name, text in contents().items():
        path = GOLDEN / name
        if path.exists():
            print("kept   ", path.relative_to(ROOT))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print("written", path.relative_to(ROOT))


if __name__ == "__main__":
    main()
