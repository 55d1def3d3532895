"""The past without a fold: every moment of every history is shown as if it had been folded then."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.events.envelope import Draft
from eventtrack.projections import kept, run_rows
from eventtrack.projections.standing import Bounds
from tests.properties.replicas import DRAFT, RUN_DRAFT, Replica, state_of

EVER = 2**64 - 1


class Turn(NamedTuple):
    """Something is recorded on one of two machines, after a while, and perhaps they exchange."""

    which: int
    milliseconds: int
    draft: Draft
    exchange: bool
    fold: bool


TURNS = st.lists(
    st.builds(
        Turn,
        st.integers(0, 1),
        st.integers(-2, 3),
        st.one_of(RUN_DRAFT, RUN_DRAFT, RUN_DRAFT, DRAFT),
        st.sampled_from([False, False, True]),
        st.sampled_from([True, True, False]),
    ),
    min_size=4,
    max_size=14,
)


def moments_of(replica: Replica) -> Iterator[Bounds]:
    head = replica.log.head()
    times = sorted({one.header.recorded for one in replica.envelopes().values()})
    yield from (Bounds(position, EVER) for position in range(head + 1))
    yield from (Bounds(head, time) for time in times)
    yield from (Bounds(head - 2, time) for time in times[::2] if head > 2)


@settings(max_examples=12, deadline=None)
@given(rest=st.sampled_from([1, 3]), names=st.sampled_from([0, 2_000]), turns=TURNS)
def test_every_moment_is_shown_as_if_folded_then(rest: int, names: int, turns: list[Turn]) -> None:
    """`rest` is how soon a run rests: few envelopes are recorded here; so with `names`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_rows, "NAMES_MAX", names)
        patch.setattr(kept, "REST_POSITIONS", rest)
        _follow(turns)


def _follow(turns: list[Turn]) -> None:
    folder = Path(tempfile.mkdtemp())
    machines = [Replica.make(name, folder / name) for name in ("one", "two")]
    for turn in turns:
        machine = machines[turn.which]
        machine.clock.advance(turn.milliseconds)
        machine.record(turn.draft)
        if turn.exchange:
            machines[0].pull_all(machines[1])
            machines[1].pull_all(machines[0])
        if turn.fold:
            for one in machines:
                one.fold_all()
    machine = machines[0]
    machine.fold_all()
    for place, until in enumerate(moments_of(machine)):
        past = machine.look_back(f"past {place}", until)
        assert state_of(past) == machine.fold_until(f"then {place}", until), until
        past.close()
    for one in machines:
        one.close()
    shutil.rmtree(folder)
