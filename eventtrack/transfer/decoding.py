"""The text of a file that somebody wrote: its encoding by its first bytes, or by all of them."""

import codecs
import hashlib
import io
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

from eventtrack.transfer.report import Report

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # it begins as UTF-16's does
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 4096


class FileText:
    """A file as lines of text, each with its end, and each line's place in bytes.

    Bytes that are no text in the file's encoding are reported and replaced by characters that no
    name and no number has.
    """

    def __init__(self, path: Path, report: Report) -> None:
        data = path.read_bytes()
        # Of a pipe only: no name of it stays, so its bytes tell what it is.
        self.digest = "" if path.is_file() else hashlib.sha256(data).hexdigest()
        mark, self.encoding = next(
            (pair for pair in _MARKS if data.startswith(pair[0])), (b"", _by_zeros(data))
        )
        self._mark_bytes = len(mark)
        data = data[len(mark) :]
        try:
            self.text = data.decode(self.encoding)
        except UnicodeDecodeError as error:
            old = _one_byte_text(data) if self.encoding == "utf-8" else None
            if old is not None:
                self.text, self.encoding = old, "cp1252"
                report.note(f"{path}: read as Windows-1252 (Latin-1), since it is no UTF-8")
            else:
                problem = f"no {self.encoding.upper()}; the bytes that are not were replaced"
                report.damaged(path, len(mark) + error.start, problem)
                errors = "surrogateescape" if self.encoding == "utf-8" else "replace"
                self.text = data.decode(self.encoding, errors)
        self._starts: list[int] = []

    def byte_of(self, place: int) -> int:
        """The offset in bytes of a character, by its place in the text."""
        if self.encoding == "utf-8" and self.text.isascii():
            return self._mark_bytes + place
        before = self.text[:place]
        errors = "surrogateescape" if self.encoding == "utf-8" else "replace"
        return self._mark_bytes + len(before.encode(self.encoding, errors))

    def line_of(self, place: int) -> int:
        """The number of a character's line, from 1."""
        if not self._starts:
            lines = io.StringIO(self.text, newline="")
            self._starts = [0, *accumulate(map(len, lines))]
        return bisect_right(self._starts, place) or 1


def _by_zeros(data: bytes) -> str:
    """The encoding of UTF-16 without a mark: every second byte of mostly ASCII text is zero."""
    sample = data[:_SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if 4 * max(even, odd) > len(sample):
        return "utf-16-be" if even > odd else "utf-16-le"
    return "utf-8"


def _one_byte_text(data: bytes) -> str | None:
    """The text in the old encoding of Windows; None if some of it is UTF-8, or no text at all."""
    if not data.decode("utf-8", "ignore").isascii():
        return None  # damaged UTF-8
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return None
