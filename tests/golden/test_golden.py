"""Bytes that were stored once are read for ever, and damaged ones are refused for what they are."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from eventtrack import errors
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import events_of
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import MetricLogged, MetricsLogged
from eventtrack.log.drain import adopt_orphans
from eventtrack.log.frames import PREAMBLE, scan
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import EventLog
from tools import golden
from tools.golden_histories import SESSION

FOLDER = Path(__file__).parent
HISTORIES: dict[str, list[dict[str, Any]]] = {
    path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for path in sorted(FOLDER.glob("v1/*.jsonl"))
}
ENVELOPES = {
    name: [Envelope(bytes.fromhex(line["bytes"])) for line in lines]
    for name, lines in HISTORIES.items()
}
PLACES = [(name, place) for name, lines in HISTORIES.items() for place in range(len(lines))]
BROKEN = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("broken/*.json")}
BROKEN_LOGS = sorted(name for name in BROKEN if name.startswith("log-"))
BROKEN_JOURNALS = sorted(name for name in BROKEN if name.startswith("journal-"))


class TestVersion1:
    @pytest.mark.parametrize(("name", "place"), PLACES)
    def test_an_envelope_is_read_as_it_was_meant(self, name: str, place: int) -> None:
        envelope, line = ENVELOPES[name][place], HISTORIES[name][place]
        envelope.verify()
        expected = {key: value for key, value in line.items() if key != "bytes"}
        assert golden.described(envelope) == expected

    # Compressed bytes depend on the version of the library. Of `items`, the histograms are of
    # version 1, which nothing writes any more.
    @pytest.mark.parametrize("name", sorted(HISTORIES.keys() - {"compressed", "items"}))
    def test_the_same_history_gives_the_same_bytes(self, name: str) -> None:
        lines = HISTORIES[name]
        assert [one.data.hex() for one in golden.recorded(name)] == [one["bytes"] for one in lines]

    def test_events_of_an_older_version_are_followed_by_the_same_bytes(self) -> None:
        old, new = ENVELOPES["items"], golden.recorded("items")
        differ = [place for place, pair in enumerate(zip(old, new, strict=True)) if not same(*pair)]
        assert [events_of(old[place]) for place in differ] == [
            events_of(new[place]) for place in differ
        ]
        groups = [group for place in differ for group in old[place].groups()]
        assert [(group.type, group.version) for group in groups] == [("run.histograms_logged", 1)]

    def test_every_type_of_event_is_among_them(self) -> None:
        every = [one for envelopes in ENVELOPES.values() for one in envelopes]
        found = {(group.type, group.version) for one in every for group in one.groups()}
        assert found >= {(entry.name, 1) for entry in REGISTRY}

    @pytest.mark.parametrize("name", HISTORIES)
    def test_a_log_takes_them_and_gives_them_back(self, name: str, tmp_path: Path) -> None:
        log = LmdbLog(tmp_path)
        log.transact(lambda txn: [txn.append_foreign(one.data) for one in ENVELOPES[name]])
        assert [one.data for one in log.read(0, 100)] == [one.data for one in ENVELOPES[name]]
        log.close()

    @pytest.mark.parametrize("name", HISTORIES)
    def test_the_views_show_what_they_always_showed(self, name: str) -> None:
        digest = (FOLDER / "v1" / f"{name}.digest").read_text("utf-8").strip()
        assert golden.digest_of(ENVELOPES[name]) == digest

    def test_an_envelope_that_was_decided_after_a_later_time_counts_behind_it(self) -> None:
        first, second = ENVELOPES["raised"]
        assert second.header.recorded < first.header.recorded
        log = MemoryLog()
        log.transact(lambda txn: [txn.append_foreign(one.data) for one in (first, second)])
        assert [one.effective for one in log.read(0, 10)] == [
            first.header.recorded,
            first.header.recorded + 1,
        ]

    @pytest.mark.parametrize("version", ["v1", "v2"])
    def test_a_journal_is_read_as_it_was_meant(self, version: str, tmp_path: Path) -> None:
        data = bytes.fromhex((FOLDER / version / "journal.hex").read_text("utf-8"))
        assert scan(data, PREAMBLE.size, len(data), old=version == "v1").damage == ""
        log = MemoryLog()
        adopt(log, tmp_path, data)
        [envelope] = log.read(0, 10)
        assert envelope.header.session == SESSION
        assert events_of(envelope) == [
            MetricLogged("loss", 0.5, 1, 10),
            MetricsLogged(["loss"], [0.25], 2, 11),
            MetricLogged("loss", 0.125, 3, 12),
        ]

    def test_the_same_points_give_the_same_journal(self) -> None:
        data = (FOLDER / "v2" / "journal.hex").read_text("utf-8").strip()
        assert golden.journal().rstrip(b"\0").hex() == data


class TestBroken:
    @pytest.mark.parametrize("name", BROKEN_LOGS)
    @pytest.mark.parametrize("on_disk", [False, True])
    def test_a_damaged_feed_is_refused_as_a_whole(
        self, name: str, tmp_path: Path, *, on_disk: bool
    ) -> None:
        feed = [bytes.fromhex(data) for data in BROKEN[name]["log"]]
        log: EventLog = LmdbLog(tmp_path) if on_disk else MemoryLog()
        with pytest.raises(errors.EventtrackError) as caught:
            log.transact(lambda txn: [txn.append_foreign(data) for data in feed])
        assert type(caught.value).__name__ == BROKEN[name]["error"]
        assert (log.head(), log.heads()) == (0, {})
        log.close()

    @pytest.mark.parametrize("name", BROKEN_JOURNALS)
    def test_a_damaged_journal_gives_what_is_whole_and_says_what_is_not(
        self, name: str, tmp_path: Path
    ) -> None:
        case = BROKEN[name]
        log = MemoryLog()
        said = adopt(log, tmp_path, bytes.fromhex(case["journal"]))
        steps = [
            event.step if isinstance(event, MetricLogged) else event.steps
            for envelope in log.read(0, 10)
            for event in events_of(envelope)
            if isinstance(event, MetricLogged | MetricsLogged)
        ]
        assert steps == case["steps"]
        assert len(said) == bool(case["damage"])
        assert all(case["damage"] in text for text in said)
        left = [path.suffix for path in tmp_path.iterdir()]
        assert left == ([".damaged"] if case["damage"] else [])


def same(one: Envelope, other: Envelope) -> bool:
    """Whether two envelopes have the same payload."""
    return one.payload == other.payload


def adopt(log: EventLog, folder: Path, data: bytes) -> list[str]:
    """Adopt a journal file with these bytes; returns the warnings."""
    name = data[8:24].hex()
    (folder / f"{name}.journal").write_bytes(data.ljust(golden.JOURNAL_BYTES, b"\0"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adopt_orphans(log, folder)
    return [str(one.message) for one in caught if one.category is errors.EventtrackWarning]


def test_golden_files_are_never_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golden, "GOLDEN", tmp_path)
    monkeypatch.setattr(golden, "ROOT", tmp_path)
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "log.digest").write_text("kept as it is")
    golden.main()
    assert (tmp_path / "v1" / "log.digest").read_text() == "kept as it is"
    assert (tmp_path / "v1" / "log.jsonl").exists()
    assert "kept" in capsys.readouterr().out


def test_every_golden_file_is_one_that_the_tool_names() -> None:
    """A case that nobody can make any more is a case that nobody understands."""
    found = {
        path.relative_to(FOLDER).as_posix()
        for pattern in ("v[12]/*", "broken/*")
        for path in FOLDER.glob(pattern)
    }
    assert found == set(golden.contents())
