"""Each rule by which facts meet, as a law: any order of arrival gives the same state."""

import math

import msgspec
import pytest

from eventtrack.errors import ProjectionError
from eventtrack.events import types
from eventtrack.events.reading import MALFORMED
from eventtrack.events.types import (
    ArtifactsDeleted,
    ArtifactsLogged,
    ArtifactStored,
    DatasetUsed,
    InputsLogged,
    MetricLogged,
    MetricsLogged,
    OutputsLogged,
    ParamsLogged,
    ParamsWithdrawn,
    RunDeleted,
    RunRestored,
    RunStarted,
    RunUpdated,
    TagDeleted,
    TagsSet,
)
from eventtrack.projections import fold, index, points, skipped
from eventtrack.projections.packing import is_packed
from eventtrack.projections.state import effective_lifecycle
from eventtrack.projections.tables import Reader
from tests.projections.facts import (
    RUN,
    fact,
    folded,
    history,
    in_every_order,
    index_of,
    run_of,
)

STARTED = fact(1, 100, RUN, RunStarted("1", "first", "me", 5, {"from": "birth"}))


class TestMetrics:
    def test_a_history_is_a_set_of_points(self) -> None:
        facts = [
            fact(1, 100, RUN, MetricLogged("loss", 0.5, 1, 10), MetricLogged("loss", 0.4, 2, 11)),
            fact(2, 101, RUN, MetricLogged("loss", 0.5, 1, 10)),
            fact(2, 102, RUN, MetricsLogged(["loss", "acc"], [0.4, 0.9], 2, 11)),
        ]
        found = in_every_order(facts, lambda reader: history(reader, "loss"))
        assert found == [(10, 1, 0.5), (11, 2, 0.4)]

    def test_the_latest_is_the_greatest_by_step_time_nan_and_value(self) -> None:
        facts = [
            fact(1, 100, RUN, MetricLogged("loss", 9.0, 1, 99)),
            fact(1, 101, RUN, MetricLogged("loss", 1.0, 2, 10)),
            fact(2, 102, RUN, MetricLogged("loss", 2.0, 2, 10)),
        ]
        assert in_every_order(facts, lambda reader: run_of(reader).metrics["loss"].value) == 2.0
        nan = fact(3, 1, RUN, MetricLogged("loss", math.nan, 2, 10))
        latest = in_every_order(
            [*facts, nan], lambda reader: str(run_of(reader).metrics["loss"].value)
        )
        assert latest == "nan"

    def test_zeros_of_both_signs_are_two_points_and_the_positive_is_later(self) -> None:
        facts = [
            fact(1, 100, RUN, MetricLogged("loss", 0.0, 1, 10)),
            fact(2, 101, RUN, MetricLogged("loss", -0.0, 1, 10)),
        ]
        found = in_every_order(facts, lambda reader: str(history(reader, "loss")))
        assert found == "[(10, 1, -0.0), (10, 1, 0.0)]"
        assert in_every_order(facts, lambda reader: str(run_of(reader).metrics["loss"].value)) == (
            "0.0"
        )

    def test_every_nan_is_one_point(self) -> None:
        facts = [
            fact(1, 100, RUN, MetricLogged("loss", math.nan, 1, 10)),
            fact(2, 101, RUN, MetricLogged("loss", -math.nan, 1, 10)),
        ]
        assert in_every_order(facts, lambda reader: len(history(reader, "loss"))) == 1

    def test_a_key_named_twice_in_one_event_is_two_points(self) -> None:
        event = MetricsLogged(["loss", "loss", "acc"], [1.0, 2.0, 3.0], [1, 2, 1], 10)
        with folded([fact(1, 100, RUN, event)]) as reader:
            assert history(reader, "loss") == [(10, 1, 1.0), (10, 2, 2.0)]
            assert history(reader, "acc") == [(10, 1, 3.0)]

    def test_rows_of_several_metrics_are_taken_apart(self) -> None:
        events = [MetricsLogged(["a", "b"], [float(n), -float(n)], n, 10 + n) for n in range(5)]
        with folded([fact(1, 100, RUN, *events)]) as reader:
            assert history(reader, "a") == [(10 + n, n, float(n)) for n in range(5)]
            assert history(reader, "b") == [(10 + n, n, -float(n)) for n in range(5)]

    def test_times_of_their_own_are_kept(self) -> None:
        event = MetricsLogged(["a", "b"], [1.0, 2.0], 7, [10, 20])
        with folded([fact(1, 100, RUN, event)]) as reader:
            assert history(reader, "a") == [(10, 7, 1.0)]
            assert history(reader, "b") == [(20, 7, 2.0)]


class TestRowsOfRuns:
    @pytest.mark.parametrize("batch", [1, 2, 99])
    def test_the_points_of_a_run_that_has_ended_are_one_packed_chunk(self, batch: int) -> None:
        facts = [STARTED]
        for first in range(0, 300, 100):
            rows = [
                MetricsLogged(["loss", "acc"], [0.1, step / 7], step, 1000 + 3 * step)
                for step in range(first, first + 100)
            ]
            facts.append(fact(1, 200 + first, RUN, *rows))
        ended = fact(1, 900, RUN, RunUpdated("FINISHED", 2000))
        late = fact(1, 901, RUN, MetricLogged("loss", 0.3, 300, 2001))
        for more in ([], [late]):
            with folded([*facts, ended, *more], batch) as reader:
                chunks = [value for _, value in reader.rows.scan(points.CHUNKS)]
                assert len(chunks) == 2
                assert all(map(is_packed, chunks))
                expected = [(1000 + 3 * step, step, step / 7) for step in range(300)]
                assert history(reader, "acc") == expected
                assert len(history(reader, "loss")) == 300 + len(more)

    def test_a_large_row_takes_a_third(self) -> None:
        params = {f"param-{place}": f"value-{place}" for place in range(20)}
        with folded([STARTED, fact(1, 101, RUN, ParamsLogged(params))]) as reader:
            run = run_of(reader)
            row = reader.rows.get("runs", run.number.to_bytes(4, "big"))
            assert row is not None
            assert len(row) < len(msgspec.msgpack.encode(run)) / 3
            assert run.live_params() == params


class TestParams:
    def test_the_first_claim_wins_and_the_others_are_conflicts(self) -> None:
        facts = [
            fact(1, 101, RUN, ParamsLogged({"lr": "late"})),
            fact(2, 100, RUN, ParamsLogged({"lr": "early"})),
            fact(3, 102, RUN, ParamsLogged({"lr": "later", "depth": "3"})),
        ]
        answer = in_every_order(
            facts,
            lambda reader: (run_of(reader).live_params(), run_of(reader).params["lr"].conflicts()),
        )
        assert answer == ({"depth": "3", "lr": "early"}, ["late", "later"])

    def test_at_one_time_the_lower_replica_wins(self) -> None:
        facts = [
            fact(2, 100, RUN, ParamsLogged({"lr": "two"})),
            fact(1, 100, RUN, ParamsLogged({"lr": "one"})),
        ]
        assert in_every_order(facts, lambda reader: run_of(reader).live_params()) == {"lr": "one"}

    def test_the_same_value_twice_is_no_conflict(self) -> None:
        facts = [fact(place, 100 + place, RUN, ParamsLogged({"lr": "1"})) for place in (1, 2)]
        assert in_every_order(facts, lambda reader: run_of(reader).params["lr"].conflicts()) == []

    def test_a_withdrawal_takes_back_what_was_claimed_before_it(self) -> None:
        facts = [
            fact(1, 100, RUN, ParamsLogged({"lr": "wrong"})),
            fact(1, 101, RUN, ParamsWithdrawn(["lr"])),
            fact(2, 102, RUN, ParamsLogged({"lr": "right"})),
        ]
        assert in_every_order(facts, lambda reader: run_of(reader).live_params()) == {"lr": "right"}
        assert in_every_order(facts[:2], lambda reader: run_of(reader).live_params()) == {}


class TestLastWriter:
    def test_the_last_tag_wins(self) -> None:
        facts = [
            fact(1, 100, RUN, TagsSet({"stage": "one", "only": "here"})),
            fact(2, 102, RUN, TagsSet({"stage": "three"})),
            fact(3, 101, RUN, TagsSet({"stage": "two"})),
        ]
        assert in_every_order(facts, lambda reader: run_of(reader).live_tags()) == {
            "only": "here",
            "stage": "three",
        }

    def test_at_one_time_the_higher_replica_wins(self) -> None:
        facts = [fact(place, 100, RUN, TagsSet({"by": str(place)})) for place in (1, 2, 3)]
        assert in_every_order(facts, lambda reader: run_of(reader).live_tags()) == {"by": "3"}

    def test_within_an_envelope_the_last_event_wins(self) -> None:
        events = [TagsSet({"a": "1"}), TagDeleted("a"), TagsSet({"a": "3"}), TagsSet({"a": "2"})]
        assert in_every_order(
            [STARTED, fact(1, 101, RUN, *events)], lambda reader: run_of(reader).live_tags()["a"]
        ) == ("2")

    def test_a_deleted_tag_stays_deleted_until_it_is_set_anew(self) -> None:
        facts = [
            fact(1, 100, RUN, TagsSet({"a": "old"})),
            fact(2, 101, RUN, TagDeleted("a")),
            STARTED,
        ]
        assert in_every_order(facts, lambda reader: "a" in run_of(reader).live_tags()) is False
        facts[2] = fact(1, 102, RUN, TagsSet({"a": "new"}))
        assert in_every_order(facts, lambda reader: run_of(reader).live_tags()["a"]) == "new"

    def test_the_last_status_end_and_name_win_each_for_itself(self) -> None:
        facts = [
            STARTED,
            fact(2, 110, RUN, RunUpdated(status="FINISHED", end_ms=50)),
            fact(3, 120, RUN, RunUpdated(status="FAILED")),
            fact(4, 105, RUN, RunUpdated(end_ms=40, name="renamed")),
        ]
        answer = in_every_order(
            facts,
            lambda reader: (
                run_of(reader).status[0],
                run_of(reader).end_ms[0],
                run_of(reader).name[0],
                run_of(reader).live_tags()["mlflow.runName"],
            ),
        )
        assert answer == ("FAILED", 50, "renamed", "renamed")

    def test_the_name_is_its_tag(self) -> None:
        facts = [STARTED, fact(1, 101, RUN, TagsSet({"mlflow.runName": "by its tag"}))]
        assert in_every_order(facts, lambda reader: run_of(reader).name[0]) == "by its tag"

    def test_the_last_deletion_or_restoration_wins(self) -> None:
        facts = [
            STARTED,
            fact(2, 101, RUN, RunDeleted(1)),
            fact(3, 102, RUN, RunRestored(2)),
            fact(4, 103, RUN, RunDeleted(3)),
        ]
        stage = in_every_order(facts, lambda reader: run_of(reader).lifecycle[0])
        assert stage == "deleted"
        assert in_every_order(facts[:3], lambda reader: run_of(reader).lifecycle[0]) == "active"


class TestBirths:
    FACTS = (
        fact(1, 101, RUN, RunStarted("1", "late", "late user", 11, {"a": "late"})),
        fact(2, 100, RUN, RunStarted("2", "early", "early user", 10, {"a": "early"})),
        fact(3, 102, RUN, ParamsLogged({"lr": "1"}), MetricLogged("loss", 0.5, 1, 1)),
        fact(3, 103, RUN, TagsSet({"b": "c"}), RunUpdated(status="FINISHED", end_ms=9)),
    )

    def test_a_run_started_twice_was_born_where_it_was_born_first(self) -> None:
        answer = in_every_order(
            self.FACTS,
            lambda reader: (
                run_of(reader).experiment_id,
                run_of(reader).user,
                run_of(reader).start_ms,
                run_of(reader).name[0],
                run_of(reader).live_tags()["a"],
            ),
        )
        assert answer == ("2", "early user", 10, "late", "late")

    def test_a_run_that_moved_is_found_where_it_belongs_only(self) -> None:
        """The index of the experiment it first seemed to be born in holds nothing of it."""
        found = in_every_order(self.FACTS, index_of)
        assert set(found) == {"experiment/2"}
        assert set(found["experiment/2"]) == {
            *(
                "a" + name
                for name in index.RUN_ATTRIBUTES
                if name not in ("lifecycle_stage", "forked_from", "joined")
            ),
            "plr",
            "mloss",
            "ta",
            "tb",
        }
        rows = {field: len(values) for field, values in found["experiment/2"].items()}
        assert rows.pop("plr") == 2, "a param that is a number has rows of its text and its number"
        assert set(rows.values()) == {1}

    def test_what_is_said_of_a_run_not_yet_seen_is_kept(self) -> None:
        hearsay = self.FACTS[2:]
        with folded(hearsay) as reader:
            run = run_of(reader)
            assert run.experiment_id == ""
            assert run.live_params() == {"lr": "1"}
            assert index_of(reader) == {}
        with folded([*hearsay, *self.FACTS[:2]]) as reader:
            assert run_of(reader).status[0] == "FINISHED"
            assert set(index_of(reader)) == {"experiment/2"}


class TestInputsAndOutputs:
    def test_the_first_mention_of_a_dataset_counts(self) -> None:
        def used(source: str, stamp: int) -> bytes:
            dataset = DatasetUsed("iris", "d1", "local", source, None, None, {})
            return fact(stamp % 7, stamp, RUN, InputsLogged([dataset], ["m-1"]))

        facts = [used("second", 101), used("first", 100), used("third", 102)]
        answer = in_every_order(
            facts, lambda reader: [used.source for used, _ in run_of(reader).datasets.values()]
        )
        assert answer == ["first"]

    def test_the_last_step_of_a_written_model_counts(self) -> None:
        facts = [fact(n, 100 + n, RUN, OutputsLogged([("m-1", 10 * n)])) for n in (1, 2, 3)]
        assert in_every_order(facts, lambda reader: run_of(reader).models_written["m-1"][0]) == 30


class TestArtifacts:
    @staticmethod
    def stored(path: str, content: bytes) -> ArtifactsLogged:
        return ArtifactsLogged([ArtifactStored(path, len(content), content.ljust(32))])

    @staticmethod
    def listed(reader: Reader) -> dict[str, bytes]:
        run = run_of(reader)
        return {one.path: one.sha256.strip() for one in reader.artifacts(run.number)}

    def test_the_last_file_of_a_path_counts(self) -> None:
        facts = [
            STARTED,
            fact(1, 101, RUN, self.stored("a.txt", b"one")),
            fact(2, 103, RUN, self.stored("a.txt", b"three")),
            fact(3, 102, RUN, self.stored("a.txt", b"two"), self.stored("b/c.txt", b"other")),
        ]
        assert in_every_order(facts, self.listed) == {"a.txt": b"three", "b/c.txt": b"other"}

    def test_a_deletion_hides_what_was_stored_before_it(self) -> None:
        facts = [
            STARTED,
            fact(1, 101, RUN, self.stored("a.txt", b"one")),
            fact(2, 102, RUN, ArtifactsDeleted(["a.txt"])),
        ]
        assert in_every_order(facts, self.listed) == {}
        facts.append(fact(1, 103, RUN, self.stored("a.txt", b"again")))
        assert in_every_order(facts, self.listed) == {"a.txt": b"again"}

    def test_paths_too_long_for_a_key_are_told_apart(self) -> None:
        paths = ["x" * 450 + str(place) for place in range(3)]
        facts = [STARTED, fact(1, 101, RUN, *(self.stored(path, b"1") for path in paths))]
        with folded(facts) as reader:
            assert sorted(self.listed(reader)) == paths


class TestSessions:
    def test_a_session_is_known_by_name(self) -> None:
        event = types.SessionOpened("me", "host", 1, "train.py", "folder", None, "cli", "1", 5)
        facts = [fact(1, 100, f"session/{'5' * 32}", event), STARTED]
        found = in_every_order(facts, lambda reader: [one.user for one in reader.sessions()])
        assert found == ["me"]


class TestEffectiveLifecycle:
    EXPERIMENT = "experiment/1"

    @pytest.mark.parametrize(
        ("events", "stage"),
        [
            ({100: types.ExperimentDeleted(1)}, "deleted"),
            ({100: types.ExperimentDeleted(1), 101: types.ExperimentRestored(2)}, "active"),
            ({100: RunDeleted(1), 101: types.ExperimentRestored(2)}, "active"),
            ({100: types.ExperimentDeleted(1), 101: RunRestored(2)}, "active"),
            ({100: RunRestored(1), 101: types.ExperimentDeleted(2)}, "deleted"),
            ({100: types.ExperimentRestored(1), 101: RunDeleted(2)}, "deleted"),
        ],
    )
    def test_the_last_word_of_the_run_or_its_experiment_counts(
        self, events: dict[int, types.Event], stage: str
    ) -> None:
        facts = [
            fact(1, 90, self.EXPERIMENT, types.ExperimentCreated("name", None, {}, 1)),
            fact(1, 91, RUN, RunStarted("1", "name", "me", 5, {})),
        ]
        for time, event in events.items():
            of_run = isinstance(event, RunDeleted | RunRestored)
            facts.append(fact(2, time, RUN if of_run else self.EXPERIMENT, event))
        found = in_every_order(
            facts, lambda reader: effective_lifecycle(run_of(reader), reader.experiment("1"))
        )
        assert found == stage

    def test_a_run_of_an_experiment_not_yet_seen_has_its_own_stage(self) -> None:
        with folded([STARTED]) as reader:
            assert effective_lifecycle(run_of(reader), reader.experiment("1")) == "active"


class TestFailures:
    def test_an_envelope_that_is_not_well_formed_has_no_effect_at_all(self) -> None:
        broken = fact(1, 101, RUN, TagsSet({"a": "b"}), MetricsLogged(["a", "b"], [1.0], 1, 1))
        with folded([STARTED, broken]) as reader:
            assert "a" not in run_of(reader).live_tags()
            [one] = skipped.read(reader)
            assert (one.position, one.kind, one.stream, one.count) == (2, MALFORMED, RUN, 2)
            assert "2 keys" in one.what

    def test_a_fold_that_breaks_down_says_where(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(fold._FOLDS, "run.tag_deleted", lambda *_: 1 / 0)
        broken = fact(1, 101, RUN, TagsSet({}), TagDeleted("a"))
        with pytest.raises(ProjectionError, match=r"event 2\.1 of run/"), folded([STARTED, broken]):
            pass
