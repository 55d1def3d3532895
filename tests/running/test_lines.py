"""The lines that a person sees of what a program writes."""

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.running.lines import LINE_LENGTH_MAX, LineFolder


def lines_of(*parts: bytes) -> list[str]:
    """All lines of a stream that comes in parts."""
    folder = LineFolder()
    seen = [line for part in parts for line in folder.feed(part)]
    return seen + folder.finish()


def test_lines_are_cut_at_their_ends() -> None:
    assert lines_of(b"one\ntwo\n\nfour") == ["one", "two", "", "four"]
    assert lines_of(b"one\r\ntw", b"o\r", b"\nthree") == ["one", "two", "three"]


def test_a_bar_of_a_thousand_redraws_is_one_line() -> None:
    redraws = [b"\r%3d%%|####|" % (number // 10) for number in range(1001)]
    assert lines_of(b"start\n", *redraws, b"\ndone\n") == ["start", "100%|####|", "done"]


def test_colours_and_titles_are_left_out() -> None:
    assert lines_of(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07text\n") == ["red text"]
    assert lines_of(b"\x1b[3", b"1mred\x1b", b"[0m\n") == ["red"]


def test_nested_bars_are_drawn_once() -> None:
    """As tqdm draws two bars: down a line, the inner bar, and up again."""
    draw = b"\router %d/9\n\rinner %d/9\x1b[A"
    drawn = b"".join(draw % (number, number) for number in range(10))
    assert lines_of(drawn + b"\n\n") == ["outer 0/9", "outer 9/9", "inner 9/9"]


def test_several_lines_are_redrawn_together() -> None:
    """As rich draws a table of bars: up, erase, and all of it again."""
    first = b"a 1\nb 1\n"
    again = b"".join(
        b"\x1b[2A\r\x1b[2Ka %d\n\r\x1b[2Kb %d\n" % (number, number) for number in range(2, 500)
    )
    assert lines_of(first + again + b"end\n")[-3:] == ["a 499", "b 499", "end"]
    assert len(lines_of(first + again)) < 8


def test_a_message_written_over_a_bar_is_a_line() -> None:
    """As `tqdm.write` does."""
    assert lines_of(b"\r10%|#\r      \rmessage\n\r20%|##\n") == ["message", "20%|##"]


def test_a_line_without_end_is_cut() -> None:
    assert [len(line) for line in lines_of(b"x" * (2 * LINE_LENGTH_MAX + 5))] == [
        LINE_LENGTH_MAX,
        LINE_LENGTH_MAX,
        5,
    ]


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert lines_of(b"\xff\xe4\xb8", b"\xad\x00\x08\n") == ["\ufffd\u4e2d"]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc"))), min_size=1), st.data())
def test_lines_do_not_depend_on_how_the_bytes_arrive(lines: list[str], data: st.DataObject) -> None:
    stream = "\n".join(lines).encode() + b"\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    while lines and not lines[-1]:
        lines = lines[:-1]
    seen = lines_of(*parts)
    while seen and not seen[-1]:
        seen.pop()
    assert seen == lines


@given(st.binary(max_size=400), st.integers(0, 400))
def test_nothing_that_a_program_writes_is_refused(stream: bytes, cut: int) -> None:
    for line in lines_of(stream[:cut], stream[cut:]):
        assert "\n" not in line
        assert "\x1b" not in line
