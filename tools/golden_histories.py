"""The histories of which `golden.py` makes the golden files: one for each noun that was added."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eventtrack.events import (
    access,
    datasets,
    histories,
    registered,
    scorers,
    studies,
    traces,
    types,
)
from eventtrack.events.envelope import Cause, Draft
from eventtrack.events.signatures import RunSigned
from eventtrack.ids import SeededIds
from tools.golden_items import even, itemized, received
from tools.golden_views import viewed

SESSION = bytes(range(16))
RUN, EXPERIMENT, MODEL = "run/" + "a1" * 16, "experiment/12", "model/m-0a1b"
TRACE = "trace/tr-" + "b2" * 16


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


def evaluated() -> list[Draft]:
    """An evaluation dataset with records that are merged, merged again and deleted."""
    stream = "dataset/d-" + "3d" * 16
    first = datasets.RecordMerged(
        *("dr-" + "4e" * 16, '{"question": "wh\u00e4t?"}', '{"answer": 1}', {"expected": "42"}),
        *({"mlflow.user": '"ada"'}, '{"source_type": "HUMAN", "source_data": {}}', True),
    )
    again = datasets.RecordMerged(
        *("dr-" + "4e" * 16, '{"question": "wh\u00e4t?"}', "null", None, {}, None, False)
    )
    second = datasets.RecordMerged("dr-" + "5f" * 16, "{}", "{}", {}, {}, None, is_new=True)
    return [
        Draft.of(stream, datasets.DatasetCreated("q\u00e4", {"team": "a"}, ["12"], "ada", 30)),
        Draft.of(stream, datasets.RecordsMerged([first, second], 31, "ada")),
        Draft.of(stream, datasets.RecordsMerged([again], 32, None)),
        Draft.of(stream, datasets.RecordsDeleted(["dr-" + "5f" * 16], 33)),
        Draft.of(stream, datasets.DatasetTagsSet({"b": "2"}), datasets.DatasetTagDeleted("team")),
        Draft.of(
            stream,
            datasets.ExperimentsAdded(["13", "14"], 34),
            datasets.ExperimentsRemoved(["12"], 35),
        ),
        Draft.of(stream, datasets.DatasetDeleted(36), datasets.DatasetRestored(37)),
    ]


def scored() -> list[Draft]:
    """A scorer of which two machines registered a version under one number."""
    stream = "scorer/" + "6a" * 16
    one, two = "7b" * 16, "8c" * 16
    return [
        Draft.of(stream, scorers.ScorerRegistered("12", "right", one, 1, '{"a": 1}', 40)),
        Draft.of(stream, scorers.ScorerRegistered("12", "right", two, 1, "{}", 41)),
        Draft.of(stream, scorers.ScorerDeleted(one, 42), scorers.ScorerRestored(one, 43)),
    ]


def explained() -> list[Draft]:
    """Changes with reasons, alone and with other events."""
    run = "run/" + "9d" * 16
    return [
        Draft.of(run, types.RunStarted("12", "calm-heron-1", "ada", 50, {}, "RUNNING")),
        Draft.of(run, types.TagsSet({"label": "cat"})).explained("the label was wr\u00f6ng"),
        Draft.of(run, types.TagsSet({"label": "dog"}), types.RunDeleted(51)).explained("no"),
        Draft.of(run, types.Explained("nothing beside it")),
    ]


def compressed() -> list[Draft]:
    """A body that is large enough to be compressed."""
    points = [types.MetricLogged("train/loss", 1 / step, step, 10 * step) for step in range(1, 65)]
    return [Draft.of(RUN, *points)]


def corrected() -> list[Draft]:
    """Runs that were moved, one by two machines at once, and params that were corrected."""
    run, other = "run/" + "ad" * 16, "run/" + "be" * 16
    return [
        Draft.of("experiment/12", types.ExperimentCreated("mnist", None, {}, 60, 0)),
        Draft.of("experiment/13", types.ExperimentCreated("archive", None, {}, 61, 0)),
        Draft.of(run, types.RunStarted("12", "mild-crane-2", "ada", 62, {}, "FINISHED")),
        Draft.of(run, types.ParamsLogged({"lr": "0.1", "depth": "3"})),
        Draft.of(run, types.ParamsCorrected({"lr": "0.01"})).explained("the old default"),
        Draft.of(run, types.ParamsLogged({"lr": "0.1"})),
        Draft.of(run, types.RunMoved("13")).explained("the project ended"),
        Draft.of(other, types.RunMoved("12"), types.RunMoved("14")),
        Draft.of(other, types.RunStarted("12", "mild-crane-3", "ada", 63, {}, "RUNNING")),
    ]


def searched() -> list[Draft]:
    """A study of Optuna's with one trial: created, suggested, reported, finished, deleted."""
    study, trial = "0e" * 16, "1f" * 16
    entry = studies.StudyEntry
    created = '{"worker_id": "w-1", "study_name": "n\u00e4t", "directions": [1]}'
    return [
        Draft.of("study/optuna", studies.StudyRecorded([entry(0, study, "", created)])),
        Draft.of(
            "study/optuna",
            studies.StudyRecorded(
                [
                    entry(4, study, trial, '{"datetime_start": "2026-01-01T00:00:00+00:00"}'),
                    entry(7, "", trial, '{"step": 1, "intermediate_value": NaN}'),
                ]
            ),
        ),
        Draft.of("study/optuna", studies.StudyRecorded([entry(1, study, "", "{}")])),
    ]


def admitted() -> list[Draft]:
    """Tokens that were given and revoked, with signatures of a key of zeros."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    digest = bytes(range(32))
    given = access.AccessGranted("ada-laptop", "write", digest, 1, None)
    brief = access.AccessGranted("ci.job@host", "read", digest[::-1], 2, 90_000)
    taken = access.AccessRevoked(digest, 3)
    return [
        Draft.of(access.STREAM, access.AccessGranted(*given.content, key.sign(given.message))),
        Draft.of(access.STREAM, access.AccessGranted(*brief.content, key.sign(brief.message))),
        Draft.of(access.STREAM, access.AccessRevoked(*taken.content, key.sign(taken.message))),
    ]


def withdrawn() -> list[Draft]:
    """Points that were withdrawn, once of one metric and once of all, and restored."""
    run, replica = "run/" + "ad" * 16, SeededIds("golden").id128()
    spikes = histories.Withdrawal([(replica, 2)], ["acc", "loss"], 3, 9)
    rewound = histories.Withdrawal(
        [(b"\x00" * 16, 7), (replica, 4)], None, 2, 2**63 - 1, ["be" * 16]
    )
    return [
        Draft.of(run, types.RunStarted("12", "keen-wren-2", "ada", 60, {}, "RUNNING")),
        Draft.of(run, types.MetricsLogged(["loss"] * 4, [0.4, 0.3, 0.2, 0.1], [1, 2, 3, 4], 61)),
        Draft.of(run, histories.PointsWithdrawn(spikes, 62)).explained("a loose cable"),
        Draft.of(run, types.MetricLogged("loss", 0.25, 3, 63)),
        Draft.of(run, histories.PointsWithdrawn(rewound, 64)),
        Draft.of(run, histories.PointsRestored([rewound.id], 65)),
    ]


def forked() -> list[Draft]:
    """A run, its fork, and the fork's fork; the run goes on and is rewound."""
    run, first, second = ("run/" + name * 16 for name in ("b0", "b1", "b2"))
    replica = SeededIds("golden").id128()
    cable = histories.Withdrawal([(replica, 2)], ["loss"], 2, 2)
    share = histories.HistoryShared("b1" * 16, [(replica, 3)], 72)
    again = histories.HistoryShared("b2" * 16, [(replica, 7)], 76)
    rewound = histories.Withdrawal([(replica, 4)], None, 1, 2**63 - 1)
    return [
        Draft.of(run, types.RunStarted("12", "rosy-elk-3", "ada", 70, {}, "RUNNING")),
        Draft.of(run, types.MetricsLogged(["loss"] * 4, [0.4, 0.3, 0.2, 0.1], [1, 2, 3, 4], 71)),
        Draft.of(run, histories.PointsWithdrawn(cable, 72)),
        Draft.of(run, share),
        Draft.of(
            first,
            types.RunStarted("12", "rosy-elk-4", "ada", 73, {}, "RUNNING"),
            histories.RunForked(histories.Fork("b0" * 16, 3, share.cut, [cable]), 73),
        ),
        Draft.of(run, histories.PointsWithdrawn(rewound, 74)),
        Draft.of(first, types.MetricLogged("loss", 0.125, 4, 75)),
        Draft.of(first, again),
        Draft.of(
            second,
            types.RunStarted("12", "rosy-elk-5", "ada", 77, {}, "RUNNING"),
            histories.RunForked(histories.Fork("b1" * 16, 4, again.cut, []), 77),
        ),
    ]


def signed() -> list[Draft]:
    """A run that two people signed, one of them twice."""
    run, first, second = "run/" + "cf" * 16, bytes(range(32)), bytes(32)
    return [
        Draft.of(run, types.RunStarted("12", "keen-swift-4", "ada", 70, {}, "FINISHED")),
        Draft.of(run, RunSigned("reviewed", "ada", first, "checked", 71)),
        Draft.of(run, RunSigned("approved", "b\u00f6b", first, "as planned", 72)),
        Draft.of(run, types.TagsSet({"stage": "final"})),
        Draft.of(run, RunSigned("reviewed", "ada", second, "checked anew", 73)),
    ]


def merged() -> list[Draft]:
    """Runs that were merged and let go; a withdrawal covers the points of one of them."""
    run, first, second = ("run/" + name * 16 for name in ("c0", "c1", "c2"))
    replica = SeededIds("golden").id128()
    rewound = histories.Withdrawal([(replica, 2)], None, 4, 2**63 - 1, ["c1" * 16])
    started = ("12", "warm-ibex-6", "ada", 80, dict[str, str](), "RUNNING")
    return [
        Draft.of(run, types.RunStarted(*started), types.MetricLogged("loss", 0.4, 1, 81)),
        Draft.of(run, histories.RunMerged("c1" * 16, 82)),
        Draft.of(
            first,
            types.RunStarted(*started),
            types.MetricsLogged(["loss"] * 2, [0.3, 0.2], [3, 4], 83),
        ),
        Draft.of(run, histories.RunMerged("c2" * 16, 84)),
        Draft.of(second, types.RunStarted(*started), types.MetricLogged("loss", 0.1, 9, 85)),
        Draft.of(run, histories.PointsWithdrawn(rewound, 86)),
        Draft.of(run, histories.RunUnmerged("c2" * 16, 87)),
    ]


def raised() -> list[Draft]:
    """A tag that one machine sets, and another after it has seen that; `golden.py` says when."""
    run = "run/" + "d0" * 16
    started = types.RunStarted("12", "calm-heron-3", "ada", 90, {"stage": "draft"}, "RUNNING")
    return [Draft.of(run, started), Draft.of(run, types.TagsSet({"stage": "final"}))]


# A new noun brings a history of its own: the bytes of the others stay as they are.
HISTORIES = {
    "log": history,
    "audit": audited,
    "redaction": redacted,
    "traces": traced,
    "models": measured,
    "registry": registered_model,
    "datasets": evaluated,
    "scorers": scored,
    "reasons": explained,
    "compressed": compressed,
    "items": itemized,
    "histograms": even,
    "received": received,
    "corrections": corrected,
    "studies": searched,
    "withdrawals": withdrawn,
    "signatures": signed,
    "forks": forked,
    "merges": merged,
    "views": viewed,
    "access": admitted,
    "raised": raised,
}
