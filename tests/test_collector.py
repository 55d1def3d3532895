"""The garbage collector waits, and comes back as it was."""

import gc
from collections.abc import Iterator

import pytest

from eventtrack.collector import importing, pass_over, paused


@pytest.fixture(autouse=True)
def _enabled() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.enable()
    yield
    if not was_enabled:
        gc.disable()


def test_it_waits_until_the_last_of_overlapping_pauses_ends() -> None:
    first, second = paused(), paused()
    with first:
        second.__enter__()
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_it_comes_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="no"), paused():
        raise ValueError("no")
    assert gc.isenabled()


def test_it_stays_away_where_a_program_does_without_it() -> None:
    gc.disable()
    with paused():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_objects_of_an_import_are_old_at_once() -> None:
    with importing():
        made: list[list[int]] = [[]]
    assert any(made is each for each in gc.get_objects(generation=2))


def test_objects_that_a_program_froze_stay_frozen() -> None:
    gc.freeze()
    try:
        with importing():
            pass
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_what_was_passed_over_is_found_later() -> None:
    with paused():
        ring: list[object] = []
        ring.append(ring)
        pass_over()
        assert not any(ring is young for young in gc.get_objects(generation=0))
    del ring
    assert gc.collect() > 0
