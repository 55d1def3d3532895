"""Plain words where a filter is expected: they find runs by name.

`sweep-1` finds the runs whose names contain it, in capitals or not. `3f2a91bc` finds these, and the
runs whose ids begin so. `loss < 0.1` are no plain words: the parser of filters reads or refuses it.
"""

import re

_OF_A_FILTER = (
    r"""[<>=!'"`()]|\b(?:AND|OR|NOT|I?LIKE|RLIKE|IN|BETWEEN|IS)\b"""
    r"""|(?i:^\s*(?:metric|param|parameter|tag|attribute|attr|dataset|run)s?\.)"""
)
_ID_START = re.compile(r"[0-9a-f]{6,32}")


def filter_of(text: str) -> str:
    """The filter that a text means: itself, or that of the names which contain plain words."""
    words = text.strip()
    if not words or re.search(_OF_A_FILTER, words):
        return text
    by_name = f"attributes.run_name ILIKE '%{words}%'"
    if not _ID_START.fullmatch(words):
        return by_name
    by_id = f"run_id = '{words}'" if len(words) == 32 else f"run_id LIKE '{words}%'"
    return f"{by_name} OR {by_id}"
