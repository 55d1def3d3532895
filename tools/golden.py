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
from eventtrack.events import types  # noqa: E402
from eventtrack.events.envelope import After, Draft, Envelope  # noqa: E402
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
from tools.golden_histories import HISTORIES, RUN, SESSION, history  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
SEED = "golden"
JOURNAL_BYTES = 1024

Json = dict[str, Any]


def recorded(name: str = "log") -> list[Envelope]:
    """A history as a replica with a seeded identity and a hand-wound clock records it."""
    if name == "raised":
        return raised(*HISTORIES[name]())
    clock = ManualClock()
    log = MemoryLog(clock=clock, ids=SeededIds(SEED))
    found = []
    for draft in HISTORIES[name]():
        clock.advance(7)
        found.append(log.transact(lambda txn, draft=draft: txn.append(draft, SESSION)))  # type: ignore[misc]
    return found


def raised(first: Draft, second: Draft) -> list[Envelope]:
    """Two envelopes of two machines: the second was decided after the first, at an earlier time.

    The clock of the first machine is an hour ahead, too far for another clock to follow.
    """
    ahead, clock = ManualClock(), ManualClock()
    ahead.advance(3_600_000)
    there = MemoryLog(clock=ahead, ids=SeededIds("ahead"))
    here = MemoryLog(clock=clock, ids=SeededIds(SEED))
    seen = there.transact(lambda txn: txn.append(first, SESSION))
    here.transact(lambda txn: txn.append_foreign(seen.data))
    after = After(seen.name, seen.header.index)
    return [seen, here.transact(lambda txn: txn.append(second, SESSION, after))]


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
