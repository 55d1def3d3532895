"""What a past state is made of: whose each row is, and two sorted walks as one."""

from eventtrack.projections.past_rows import OWNERS
from eventtrack.projections.tables import TABLES


def test_every_table_says_whose_its_rows_are() -> None:
    """A table without an owner would show rows of today in yesterday's state."""
    assert set(OWNERS) == set(TABLES)
