r"""Turns the bytes that a program writes to a terminal into the lines that a person sees.

Colours and other control sequences are left out. A line that is written over (`\r`) is the line as
it was last, so a progress bar of a thousand redraws is one line. Several bars move the cursor up to
redraw the lines above: from the first such move on, as many lines as it moves are held back.
"""

import codecs
import re

# Characters of one line; a longer line is cut into several.
LINE_LENGTH_MAX = 16_000
# Lines that bars may cover.
_HELD_MAX = 64

# Sequences of ECMA-48: CSI with its final letter, OSC to its end, and two-character escapes.
_SEQUENCE = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-Z\\-~]"
)
# The beginning of a sequence whose end is in the next part.
_CUT_OFF = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,4096})?$")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class LineFolder:
    """The lines of one stream."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._cut_off = ""  # a control sequence, or `\r`, whose rest has not come
        self._rows = [""]  # lines that are not finished: the last is the newest
        self._row = 0  # the line that the cursor is in
        self._returned = False  # the next text writes over the line
        self._held = 0

    def feed(self, data: bytes) -> list[str]:
        """The lines that are finished by these bytes."""
        text = self._cut_off + self._decoder.decode(data)
        self._cut_off = ""
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            if text.endswith("\r"):
                text, self._cut_off = text[:-1], "\r"
        if "\x1b" in text and not self._cut_off and (cut := _CUT_OFF.search(text)):
            text, self._cut_off = text[: cut.start()], cut[0]
        if "\r" in text or "\x1b" in text or self._returned or len(self._rows) > 1:
            return self._move(text)
        # The quick way for plain text, which most programs write: no loop over its lines.
        lines = (self._rows[0] + text).split("\n")
        self._rows[0] = lines.pop()
        return _bounded(lines) + self._overlong()

    def finish(self) -> list[str]:
        """The lines that were not finished, at the end of the stream."""
        lines = self._move(self._cut_off.rstrip("\r") + self._decoder.decode(b"", final=True))
        lines += _bounded(self._rows)
        self._rows, self._row = [""], 0
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _move(self, text: str) -> list[str]:
        """Follow the cursor through text with control characters."""
        lines: list[str] = []
        at = 0
        for sequence in _SEQUENCE.finditer(text):
            lines += self._write(text[at : sequence.start()])
            self._control(sequence[1] or "", sequence[2] or "")
            at = sequence.end()
        return lines + self._write(text[at:]) + self._overlong()

    def _write(self, text: str) -> list[str]:
        lines: list[str] = []
        for number, line in enumerate(text.split("\n")):
            if number:
                lines += self._next_row()
            for part_number, part in enumerate(line.split("\r")):
                if part_number:
                    self._returned = True
                if part:
                    kept = "" if self._returned else self._rows[self._row]
                    self._rows[self._row] = kept + part
                    self._returned = False
        return lines

    def _next_row(self) -> list[str]:
        self._row += 1
        self._returned = False
        if self._row < len(self._rows):
            self._returned = True  # a line below exists already: the next text redraws it
            return []
        self._rows.append("")
        finished = max(len(self._rows) - 1 - self._held, 0)
        lines, self._rows = self._rows[:finished], self._rows[finished:]
        self._row -= finished
        return _bounded(lines)

    def _control(self, parameters: str, letter: str) -> None:
        if letter == "A":  # up
            number = int(parameters) if parameters.isdigit() else 1
            self._held = min(max(self._held, number), _HELD_MAX)
            self._row = max(self._row - number, 0)
            self._returned = True
        elif letter == "K" and parameters in ("2", "1"):  # erase the line
            self._rows[self._row] = ""

    def _overlong(self) -> list[str]:
        """Cut the line that is being written where it is too long."""
        line = self._rows[self._row]
        if len(line) <= LINE_LENGTH_MAX:
            return []
        whole = len(line) // LINE_LENGTH_MAX * LINE_LENGTH_MAX
        self._rows[self._row] = line[whole:]
        return _bounded([line[:whole]])


def _bounded(lines: list[str]) -> list[str]:
    """The lines without control characters, none longer than the bound."""
    if not lines:
        return lines
    if max(map(len, lines)) > LINE_LENGTH_MAX:
        lines = [
            line[at : at + LINE_LENGTH_MAX]
            for line in lines
            for at in range(0, max(len(line), 1), LINE_LENGTH_MAX)
        ]
    joined = "\n".join(lines)
    return lines if not _CONTROLS.search(joined) else _CONTROLS.sub("", joined).split("\n")
