"""Events that log text, histograms and media, of a few series and with few different values."""

from hypothesis import strategies as st

from eventtrack.events import items
from eventtrack.events.types import Event

KEY = st.sampled_from(["a", "b"])
LINE = st.sampled_from(["", "x", "y", "é\0"])
NUMBER = st.integers(0, 3)
HISTOGRAM = st.sampled_from(
    [items.Histogram([0.0, 1.0], [2.0]), items.Histogram([-1.0, -1.0, 2.0], [0.0, 5.0])]
)
MEDIUM = st.builds(
    items.Medium, st.just("image/png"), NUMBER, st.just(bytes(32)), st.none() | LINE, st.none()
)
# One step and one time for all items of an event.
ITEMS_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        items.TextLogged,
        KEY,
        st.lists(LINE, min_size=1, max_size=3),
        NUMBER,
        NUMBER,
        st.sampled_from(["", "stdout"]),
    ),
    st.builds(
        items.HistogramsLogged, KEY, st.lists(HISTOGRAM, min_size=1, max_size=2), NUMBER, NUMBER
    ),
    st.builds(items.MediaLogged, KEY, st.lists(MEDIUM, min_size=1, max_size=2), NUMBER, NUMBER),
    st.builds(items.CallsReceived, st.lists(st.just(bytes(16)), max_size=2)),
)
