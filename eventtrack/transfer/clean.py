"""Foreign names and texts, changed to what a store takes; every change is reported."""

import hashlib
import json
import posixpath
import re

from eventtrack import limits

_NOT_ALLOWED = re.compile(r"[^/\w.\- :]")
_CUT = "…"
# Renamed names that a report lists.
_RENAMED_MAX = 1000


def clean_key(text: str) -> str:
    """The nearest name that a param, metric or tag may have; the text itself if it may be one."""
    name = posixpath.normpath(_NOT_ALLOWED.sub("_", text)).lstrip("/")
    while name == ".." or name.startswith("../"):
        name = name[3:]
    name = name if name not in ("", ".") and not name.startswith("..") else f"_{name}"
    return name if len(name) <= limits.KEY_LENGTH_MAX else _suffixed(name, text)


def clean_text(text: str) -> str:
    """The text; characters that UTF-8 cannot encode are replaced."""
    return text.encode("utf-8", "replace").decode()


def clean_experiment_name(text: str) -> str:
    """The nearest name that an experiment may have."""
    name = clean_text(text) or "unnamed"
    if len(name) <= limits.EXPERIMENT_NAME_LENGTH_MAX:
        return name
    return f"{name[: limits.EXPERIMENT_NAME_LENGTH_MAX - 9]}-{_hash(text)}"


class Names:
    """Clean names within one run, each for one original."""

    def __init__(self, renamed: dict[str, str]) -> None:
        self._originals: dict[str, str] = {}
        self._renamed = renamed

    def __call__(self, original: str) -> str:
        """The clean name; two originals never share one."""
        name = clean_key(original)
        if self._originals.setdefault(name, original) != original:
            name = _suffixed(name, original)
            self._originals[name] = original
        if name != original and len(self._renamed) < _RENAMED_MAX:
            self._renamed[original] = name
        return name


class Texts:
    """Params and tags with clean names and values; values that are too long go to a file."""

    def __init__(self, renamed: dict[str, str]) -> None:
        self._renamed = renamed
        self._long: dict[str, dict[str, str]] = {}

    def name(self, text: str) -> str:
        """A run's name, cut to the length that names have."""
        return self._cut_text("name", "", clean_text(text), limits.KEY_LENGTH_MAX)

    def params(self, pairs: dict[str, str]) -> dict[str, str]:
        """Params, cut to the length that is allowed."""
        return self._cut("params", pairs, limits.PARAM_VALUE_LENGTH_MAX)

    def tags(self, pairs: dict[str, str]) -> dict[str, str]:
        """Tags, cut to the length that is allowed."""
        return self._cut("tags", pairs, limits.TAG_VALUE_LENGTH_MAX)

    def long_values(self) -> bytes | None:
        """The uncut texts of all cut values, as a JSON text; None if no value was cut."""
        if not self._long:
            return None
        return json.dumps(self._long, ensure_ascii=False, indent=1, sort_keys=True).encode()

    def _cut(self, kind: str, pairs: dict[str, str], longest: int) -> dict[str, str]:
        names, texts = Names(self._renamed), {}
        for key in sorted(pairs, key=lambda text: (clean_key(text) != text, text)):
            name = names(key)
            texts[name] = self._cut_text(kind, name, clean_text(pairs[key]), longest)
        return texts

    def _cut_text(self, kind: str, name: str, text: str, longest: int) -> str:
        if len(text) <= longest:
            return text
        self._long.setdefault(kind, {})[name] = text
        return text[: longest - len(_CUT)] + _CUT


def _suffixed(name: str, original: str) -> str:
    return f"{name[: limits.KEY_LENGTH_MAX - 9]}-{_hash(original)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
