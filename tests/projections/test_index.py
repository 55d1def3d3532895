"""The search index: byte order is the order of search."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventtrack.events.types import DatasetUsed
from eventtrack.projections import index
from eventtrack.projections.index import TEXT_BYTES_MAX
from eventtrack.projections.state import MetricState, ParamState, RunState
from eventtrack.tags import DATASET_CONTEXT_TAG

NUMBER = st.one_of(st.floats(allow_nan=False), st.integers(-(2**53), 2**53).map(float))
EXPERIMENT, FIELD = 3, 5
RUN = st.integers(0, 2**32 - 1)


class TestNumbers:
    @given(NUMBER, NUMBER)
    @example(0.0, 5e-324)
    @example(-5e-324, 0.0)
    @example(-math.inf, -1.7976931348623157e308)
    def test_the_order_is_kept(self, one: float, other: float) -> None:
        encoded = index.encode_number(one), index.encode_number(other)
        assert (encoded[0] < encoded[1]) == (one < other)
        assert (encoded[0] == encoded[1]) == (one == other)

    @given(NUMBER)
    def test_the_number_is_read_back(self, number: float) -> None:
        assert index.decode_number(index.encode_number(number)) == number

    @given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
    def test_whole_numbers_are_kept_in_order_as_far_as_doubles_go(
        self, one: int, other: int
    ) -> None:
        encoded = index.encode_number(one), index.encode_number(other)
        assert (encoded[0] < encoded[1]) == (float(one) < float(other))

    @given(NUMBER)
    def test_nan_stands_behind_every_number(self, number: float) -> None:
        assert index.encode_number(number) < index.encode_number(math.nan)

    def test_every_nan_is_one(self) -> None:
        assert index.encode_number(-math.nan) == index.encode_number(math.nan)
        assert math.isnan(index.decode_number(index.encode_number(math.nan)))

    def test_minus_zero_is_zero(self) -> None:
        assert index.encode_number(-0.0) == index.encode_number(0.0)


class TestTexts:
    @given(st.text(), st.text())
    @example("a", "a\0")
    @example("a\0", "a\x01")
    @example("a", "aa")
    @example("x" * TEXT_BYTES_MAX, "x" * TEXT_BYTES_MAX + "y")
    def test_the_order_of_short_texts_is_that_of_their_utf_8(self, one: str, other: str) -> None:
        bytes_of = one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
        encoded = index.encode_text(one), index.encode_text(other)
        if b"\0" in bytes_of[0][:TEXT_BYTES_MAX] or b"\0" in bytes_of[1][:TEXT_BYTES_MAX]:
            return  # see the test of rows
        cut = bytes_of[0][:TEXT_BYTES_MAX], bytes_of[1][:TEXT_BYTES_MAX]
        if cut[0] != cut[1]:
            assert (encoded[0] < encoded[1]) == (bytes_of[0] < bytes_of[1])

    @given(st.text(max_size=12), RUN, st.text(max_size=12), RUN)
    @example("a", 2**24, "a\0", 0)
    @example("a", 2**32 - 1, "a\x01", 0)
    def test_rows_are_in_order_of_text_whatever_their_runs(
        self, one: str, run: int, other: str, other_run: int
    ) -> None:
        rows = [
            index.row(EXPERIMENT, FIELD, index.encode_text(text), number)
            for text, number in ((one, run), (other, other_run))
        ]
        texts = [text.encode("utf-8", "surrogatepass") for text in (one, other)]
        if one != other:
            assert (rows[0] < rows[1]) == (texts[0] < texts[1])
        else:
            assert (rows[0] < rows[1]) == (run < other_run)

    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    def test_a_short_text_is_read_back_whole(self, text: str) -> None:
        encoded = index.encode_text(text)
        if len(encoded) <= TEXT_BYTES_MAX:
            assert index.decode_text(encoded) == (text, True)

    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=TEXT_BYTES_MAX + 1))
    def test_a_long_text_is_cut_and_says_so(self, text: str) -> None:
        encoded = index.encode_text(text)
        assert len(encoded) <= TEXT_BYTES_MAX + 1
        assert not index.decode_text(encoded)[1]

    @given(st.text(max_size=200), st.text(max_size=200))
    @example("x" * TEXT_BYTES_MAX, "x" * (TEXT_BYTES_MAX + 1))
    def test_a_whole_text_is_never_taken_for_another(self, one: str, other: str) -> None:
        encoded = index.encode_text(one)
        if encoded == index.encode_text(other) and encoded.endswith(index.WHOLE):
            assert one == other


@given(st.floats(), RUN)
def test_a_row_tells_its_value_and_run(number: float, run: int) -> None:
    value = index.encode_number(number)
    key = index.row(EXPERIMENT, FIELD, value, run)
    assert key.startswith(index.prefix(EXPERIMENT, FIELD))
    assert (index.value_of(key), index.run_of(key)) == (value, run)


class TestNumbersAmongTexts:
    @given(st.text(max_size=80), NUMBER.filter(math.isfinite))
    @example("\U0010ffff", -1e308)
    @example("\udfff", 0.0)
    def test_numbers_stand_behind_all_texts(self, text: str, number: float) -> None:
        assert index.encode_text(text) < index.encode_number_among_texts(number)
        assert index.encode_texts(repr(number))[1:] == (index.encode_number_among_texts(number),)

    @given(NUMBER.filter(math.isfinite), NUMBER.filter(math.isfinite))
    def test_the_order_is_kept(self, one: float, other: float) -> None:
        encoded = [index.encode_number_among_texts(number) for number in (one, other)]
        assert (encoded[0] < encoded[1]) == (one < other)

    @pytest.mark.parametrize("text", ["", "auto", "nan", "inf", "1e999", "0x1", "1_0", "1 2", "٣"])
    def test_other_texts_have_none(self, text: str) -> None:
        assert index.encode_texts(text) == (index.encode_text(text),)


class TestValues:
    """Under which values a run stands in the index."""

    @pytest.fixture
    def run(self) -> RunState:
        return RunState(1, "a" * 32, experiment_id="1", user="me", start_ms=7)

    def test_a_metric_without_points_has_none(self, run: RunState) -> None:
        run.metrics["loss"] = MetricState(1, value=0.0, count=0)
        assert index.values(run, (index.METRIC, "loss")) == ()
        run.metrics["loss"].count = 1
        assert index.values(run, (index.METRIC, "loss")) == (index.encode_number(0.0),)
        assert index.values(run, (index.METRIC, "other")) == ()

    def test_a_withdrawn_param_has_none(self, run: RunState) -> None:
        param = run.params["lr"] = ParamState([])
        param.add("0.1", b"1")
        assert index.values(run, (index.PARAM, "lr")) == index.encode_texts("0.1")
        param.withdraw(b"2")
        assert index.values(run, (index.PARAM, "lr")) == ()

    def test_a_deleted_tag_has_none(self, run: RunState) -> None:
        run.tags = {"kept": ("yes", b"1"), "gone": (None, b"2")}
        assert index.values(run, (index.TAG, "kept")) == (index.encode_text("yes"),)
        assert index.values(run, (index.TAG, "gone")) == ()

    def test_a_running_run_has_no_end(self, run: RunState) -> None:
        assert index.values(run, (index.ATTRIBUTE, "end_time")) == ()
        run.end_ms = (9, b"1")
        assert index.values(run, (index.ATTRIBUTE, "end_time")) == (index.encode_number(9),)

    def test_only_a_stage_of_its_own_counts(self, run: RunState) -> None:
        assert index.values(run, (index.ATTRIBUTE, "lifecycle_stage")) == ()
        run.lifecycle = ("deleted", b"1")
        assert index.values(run, (index.ATTRIBUTE, "lifecycle_stage")) == (
            index.encode_text("deleted"),
        )

    def test_each_dataset_counts_once(self, run: RunState) -> None:
        tags = {DATASET_CONTEXT_TAG: "training"}
        for name, digest in (("iris", "1"), ("iris", "2")):
            used = DatasetUsed(name, digest, "local", "{}", None, None, tags)
            run.datasets[f"{name}\0{digest}"] = (used, b"1")
        assert index.values(run, (index.DATASET, "name")) == (index.encode_text("iris"),)
        assert index.values(run, (index.DATASET, "digest")) == (
            index.encode_text("1"),
            index.encode_text("2"),
        )
        assert index.values(run, (index.DATASET, "context")) == (index.encode_text("training"),)


@pytest.mark.parametrize("blank", [" ", "\t", "\x1c", "\x1f", "\x85", "\u2003"])
def test_blanks_of_every_kind_around_a_number_are_left_out(blank: str) -> None:
    """A tag of a digit and a unit separator could not be folded: `float` knows no such blank."""
    assert index.number_of(f"{blank}1e-5{blank}") == 1e-5
    assert index.number_of(f"1{blank}5") is None
