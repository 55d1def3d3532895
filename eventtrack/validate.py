"""Validates and cuts values by MLflow's rules, in MLflow's words, with hints that say what to do.

Every check raises `InvalidValueError` and is made before anything is written. `path` names the
place of a value in the request, as in MLflow's messages: `key`, `params[3].key`.
"""

import importlib
import math
import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from eventtrack import limits
from eventtrack.errors import InvalidValueError
from eventtrack.lazy import lazy
from eventtrack.locations import is_folder, is_local

# For messages only.
if TYPE_CHECKING:
    import json
else:
    json = lazy("json")

_KEY = re.compile(r"^[/\w.\- :]*$")
# Names that need no second look: `_key` takes them all, and further ones.
_PLAIN_KEY = re.compile(r"[\w\-][\w.\- :]*")
_ID = re.compile(r"^[a-zA-Z0-9][\w\-]{0,255}$")
# RFC 6838: type and subtype, with parameters perhaps.
# Compiled at its first use, which most programs do not come to.
_EXAMPLES = {"step": "the epoch", "timestamp": "int(time.time() * 1000)"}
_MEDIA_TYPE = r"(?i)[a-z\d][\w!#$&^.+-]{0,126}/[a-z\d][\w!#$&^.+-]{0,126}(;[ -~]{1,200})?"
# MLflow's variable: whether params and tags that are too long are cut (the default) or refused.
CUT_VARIABLE = "MLFLOW_TRUNCATE_LONG_VALUES"
# The number of characters of a value that a message shows.
_SHOWN_MAX = 1000
_BAD_LETTERS = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/)."
)


def invalid_value(path: str, value: object, detail: str = "") -> str:
    """MLflow's sentence about a value that is not allowed."""
    try:
        shown = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError):
        shown = repr(value)
    if len(shown) > _SHOWN_MAX:
        shown = f"{shown[:_SHOWN_MAX]}..."
    said = f"Invalid value {shown} for parameter '{path}' supplied"
    return f"{said}: {detail}" if detail else f"{said}."


def no_longer(what: str, longest: int, text: str, instead: str = "") -> None:
    """Refuse a text of more than `longest` characters; `instead` names a place for longer ones."""
    if len(text) > longest:
        hint = f"; the long text may go to {instead}" if instead else ""
        raise InvalidValueError(
            f"'{what}' exceeds the maximum length of {longest} characters",
            hint=f"it has {len(text)} characters{hint}",
        )


def fitting(what: str, longest: int, text: str) -> str:
    """A param's or a tag's value as it is stored: cut if it is too long, with a warning.

    With MLFLOW_TRUNCATE_LONG_VALUES=false, such a value is refused. All ways in share this rule:
    the fluent API, the client, the outbox, the server and the plugin.
    """
    if len(text) <= longest:
        return text
    if not truth_of_environment(CUT_VARIABLE, default=True):
        no_longer(what, longest, text, "a file: log_text()")
    importlib.import_module("logging").getLogger("eventtrack").warning(
        "eventtrack: %s '%s...' (%d characters) is truncated to %d characters to meet the length "
        "limit.",
        what,
        text[:100],
        len(text),
        longest,
    )
    return text[:longest]


def truth_of_environment(variable: str, *, default: bool) -> bool:
    """The truth value of a variable of the environment."""
    text = os.environ.get(variable, "").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise InvalidValueError(
            f"{variable} value must be one of ['true', 'false', '1', '0'] (case-insensitive), "
            f"but got {text}",
            hint=f"set {variable} to true or false, or leave it out",
        )
    return text in ("true", "1") if text else default


def metric_key(key: object, path: str = "name") -> str:
    """A metric's name."""
    if key is None:
        refuse(
            invalid_value(path, key, "Metric name cannot be None. A key name must be provided."),
            "pass a text as the name",
        )
    return _key(key, path, "Metric name")


def param_key(key: object, path: str = "key") -> str:
    """A param's name."""
    if key is None:
        refuse(invalid_value(path, "", "A key name must be provided."), "pass a text as the name")
    return _key(key, path, "Param key")


def tag_key(key: object, path: str = "key") -> str:
    """A tag's name."""
    if key is None:
        refuse(f"Missing value for required parameter '{path}'.", "pass a text as the name")
    return _key(key, path, path)


def is_plain_key(key: str) -> bool:
    """Whether a name is allowed at a glance; `metric_key` and the like judge all others."""
    return len(key) <= limits.KEY_LENGTH_MAX and _PLAIN_KEY.fullmatch(key) is not None


def metric_value(key: str, value: object) -> float:
    """A metric's value as a float; numbers of numpy, torch and the like are taken too."""
    if type(value) is float:
        return value
    if isinstance(value, bool):
        return float(value)
    try:
        return float(_scalar(value))
    except (TypeError, ValueError, OverflowError):
        raise InvalidValueError(
            f"Got invalid value {_excerpt(value)} for metric '{key}' (timestamp=None). "
            "Please specify value as a valid double (64-bit floating point)",
            hint="pass a number, for example float(loss)",
        ) from None


def int64(name: str, value: object) -> int:
    """A step or a timestamp: a 64-bit integer; whole floats and numpy's integers are taken."""
    number = value if type(value) is int else _scalar(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidValueError(
            f"Got invalid {name} {_excerpt(value)}. Please specify {name} as a valid int64",
            hint=f"pass a whole number as {name}, for example {_EXAMPLES.get(name, 7)}",
        )
    if not limits.INT64_MIN <= number <= limits.INT64_MAX:
        raise InvalidValueError(
            f"Got invalid {name} {number}: it does not fit into 64 bits",
            hint=f"pass a smaller number as {name}",
        )
    return int(number)


def moment_ms(name: str, value: object) -> int:
    """A moment in milliseconds since 1970; fractions of a millisecond are cut."""
    number = _scalar(value)
    if isinstance(number, float) and math.isfinite(number):
        number = int(number)
    return int64(name, number)


def timestamp_ms(value: object) -> int:
    """A metric's time in milliseconds since 1970."""
    number = int64("timestamp", value)
    if number < 0:
        raise InvalidValueError(
            f"Got invalid timestamp {number}. Timestamp must be a nonnegative long (int64)",
            hint="pass milliseconds since 1970, for example int(time.time() * 1000)",
        )
    return number


def param_value(key: str, value: object) -> str:
    """A param's value as text, cut if need be."""
    text = _unicode(f"Param value for key '{key}'", str(value))
    return fitting(f"Param value of '{key}'", limits.PARAM_VALUE_LENGTH_MAX, text)


def tag_value(key: str, value: object) -> str:
    """A tag's value as text, cut if need be."""
    text = _unicode(f"Tag value for key '{key}'", str(value))
    return fitting(f"Tag value of '{key}'", limits.TAG_VALUE_LENGTH_MAX, text)


def mapping(name: str, value: object) -> Mapping[Any, Any]:
    """A dictionary of params, tags or metrics."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(
            f"{name} must be a dictionary, but it is {_excerpt(value)}",
            hint=f"pass {name} as a dictionary of names and values",
        )
    return value


def text(name: str, value: object) -> str:
    """Any other text: a user, the id of a model, a part of a dataset."""
    if not isinstance(value, str):
        raise InvalidValueError(
            f"{name} must be a text, but it is {_excerpt(value)}", hint=f"pass a text as the {name}"
        )
    return _unicode(name, value)


def media_type(value: object) -> str:
    """A media type as RFC 6838 has it: `image/png`."""
    if not isinstance(value, str) or not is_media_type(value):
        raise InvalidValueError(
            f"{_excerpt(value)} is no media type", hint="pass for example image/png or audio/wav"
        )
    return value


def is_media_type(text: str) -> bool:
    """Whether a text has the form of a media type. One in an event may have any other."""
    return re.fullmatch(_MEDIA_TYPE, text) is not None


def experiment_name(name: object) -> str:
    """An experiment's name."""
    if name is None or name == "":
        raise InvalidValueError(
            f"Invalid experiment name: '{name}'", hint="pass a text that is not empty"
        )
    if not isinstance(name, str):
        raise InvalidValueError(
            f"Invalid experiment name: {_excerpt(name)}. Expects a string.",
            hint=f"pass {str(name)!r} instead",
        )
    no_longer("name", limits.EXPERIMENT_NAME_LENGTH_MAX, name, "a tag")
    return _unicode("Experiment name", name)


def experiment_tag(key: object, value: object) -> tuple[str, str]:
    """An experiment's tag: its key and its value."""
    name = tag_key(key)
    text = str(value)
    no_longer("value", limits.EXPERIMENT_TAG_VALUE_LENGTH_MAX, text, "a file")
    return name, _unicode(f"Tag value for key '{name}'", text)


def artifact_location(location: str | None) -> str | None:
    """The place for an experiment's files: a folder or a `file:` URI; None for the store itself."""
    if location is None or location == "":
        return None
    location = text("Artifact location", location)
    if len(location) > limits.ARTIFACT_LOCATION_LENGTH_MAX:
        refuse(
            "Invalid artifact path length. The length of the artifact path cannot be greater than "
            f"{limits.ARTIFACT_LOCATION_LENGTH_MAX} characters.",
            "use a shorter path",
        )
    if "#" in location or location.startswith("runs:"):
        raise InvalidValueError(
            f"Artifact location cannot be a runs:/ URI or have a fragment: {location!r}",
            hint="pass a folder, or leave it out to keep files in the store",
        )
    if is_local(location) and not is_folder(location):
        raise InvalidValueError(
            f"Artifact location cannot be inside of a store: {location!r}",
            hint="leave it out to keep files in this store, or name a folder of plain files",
        )
    if ":" in location.partition("/")[0] or Path(location).is_absolute():
        return location
    return str(Path(location).absolute())  # the working folder may change later


def may_be_run_id(value: object) -> bool:
    """Whether a value can be a run's id; if it cannot, the run is not found."""
    return isinstance(value, str) and _ID.match(value) is not None


def run_id(value: object) -> str:
    """The id for a run that is about to be made."""
    if not isinstance(value, str) or not may_be_run_id(value):
        refuse(invalid_value("run_id", value), "run ids are 32 hex digits: run.info.run_id")
    return value


def status(value: object, allowed: tuple[str, ...], what: str = "run status") -> str:
    """A run's status, or another word out of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise InvalidValueError(
            f"Invalid {what} {_excerpt(value)}", hint=f"use one of {', '.join(allowed)}"
        )
    return value


def max_results(value: object, largest: int = limits.SEARCH_RESULTS_MAX, *, least: int = 1) -> int:
    """The size of a page of search results."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= largest:
        return value
    bound = f"at most {largest}" if isinstance(value, int) and value > largest else ""
    raise InvalidValueError(
        f"Invalid value {_excerpt(value)} for parameter 'max_results' supplied. "
        f"It must be {bound or 'a positive integer'}",
        hint=f"ask for at most {largest}, and go on with the page's token",
    )


def artifact_path(path: str) -> str:
    """A path inside a run's artifacts: relative, with forward slashes, and without `..`."""
    clean = posixpath.normpath(str(path).replace(os.sep, "/"))
    outside = clean.startswith(("/", "../")) or clean in ("..", ".") or "\0" in clean
    if outside or not path:
        raise InvalidValueError(
            f"Invalid artifact path: {_excerpt(path)}",
            hint="use a relative path below the run's artifacts, for example 'plots/loss.png'",
        )
    names = [len(name) for name in _unicode("Artifact path", clean).encode().split(b"/")]
    longest = limits.ARTIFACT_NAME_BYTES_MAX
    if max(names) > longest or sum(names) + len(names) > limits.ARTIFACT_PATH_BYTES_MAX:
        raise InvalidValueError(
            f"Invalid artifact path: {_excerpt(path)} is too long for a file",
            hint=f"a name may have {longest} bytes, and a path {limits.ARTIFACT_PATH_BYTES_MAX}",
        )
    return clean


def is_sound_path(path: str) -> bool:
    """Whether a file of this path can be copied, and stays below the folder of the copy.

    Every surface refuses other paths, but an event of another machine may hold one: such files are
    in no list, and `eventtrack check` names them.
    """
    try:
        return artifact_path(path) == path
    except InvalidValueError:
        return False


def _key(key: object, path: str, what: str) -> str:
    if not isinstance(key, str):
        refuse(invalid_value(path, key, "A name is a text."), "pass a text as the name")
    if not _KEY.match(key):
        refuse(invalid_value(path, key, _BAD_LETTERS), "replace the other characters, say by '_'")
    norm = posixpath.normpath(key)
    if norm != key or norm == "." or norm.startswith(("..", "/")):
        refuse(
            invalid_value(
                path,
                key,
                "Names may be treated as files in certain cases, and must not resolve to other "
                f"names when treated as such. This name would resolve to {norm!r}",
            ),
            f"try {norm.lstrip('./') or 'name'!r}",
        )
    no_longer(what, limits.KEY_LENGTH_MAX, key, "the value")
    return _plain(key)


def _scalar(value: Any) -> Any:
    """The number in a zero-dimensional array or tensor; any other value as it is."""
    try:
        return value.item() if hasattr(value, "item") else value
    except Exception:  # numpy and torch each have an error of their own for more than one number
        return value


def _plain(text: str) -> str:
    """The same text without a subclass's type (numpy's, say), which msgpack does not know."""
    return text if type(text) is str else str.__str__(text)


def _unicode(what: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"{what} holds characters that UTF-8 cannot encode ({error.reason})",
            hint="decode it with errors='replace' first",
        ) from None
    return _plain(text)


def refuse(message: str, hint: str) -> NoReturn:
    """Raise `InvalidValueError`."""
    raise InvalidValueError(message, hint=hint)


def _excerpt(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
