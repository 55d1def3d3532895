"""Every error says what to do next, and the tree is the one that the module draws."""

import re

import pytest

from eventtrack import errors
from eventtrack.cli.exits import exit_code
from eventtrack.errors import EventtrackError


def tree(root: type[EventtrackError]) -> list[type[EventtrackError]]:
    """A class and all below it that are the package's own."""
    below = [one for child in root.__subclasses__() for one in tree(child)]
    return [one for one in (root, *below) if one.__module__ == errors.__name__]


ALL = tree(EventtrackError)


def test_the_drawing_names_every_error_below_its_parent() -> None:
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.search(r"[A-Z]\w+Error\b", line)
        if found and line.startswith("    "):
            while above and above[-1][0] >= found.start():
                above.pop()
            drawn[found[0]] = above[-1][1] if above else "Exception"
            above.append((found.start(), found[0]))
    assert drawn == {one.__name__: one.__bases__[0].__name__ for one in ALL}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_shows_its_message_and_its_hint(kind: type[EventtrackError]) -> None:
    error = kind("cannot do it: it is so", hint="do that")
    assert str(error) == "cannot do it: it is so\nhint: do that"
    assert (error.message, error.hint) == ("cannot do it: it is so", "do that")
    assert str(kind("cannot do it")) == "cannot do it"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_has_a_code_for_mlflow_and_one_for_the_shell(
    kind: type[EventtrackError],
) -> None:
    assert re.fullmatch(r"[A-Z_]+", kind.error_code)
    assert 0 < exit_code(kind) < 126


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.EventtrackError, 1),
        (errors.FilterSyntaxError, 2),
        (errors.NotFoundError, 3),
        (errors.AlreadyExistsError, 4),
        (errors.InvalidStateError, 5),
        (errors.ConflictError, 6),
        (errors.DiskFullError, 7),
        (errors.VerificationError, 8),
        (errors.RemoteUnavailableError, 9),
        (errors.RemoteRefusedError, 10),
    ],
)
def test_scripts_tell_kinds_of_errors_apart_by_exit_codes(
    kind: type[EventtrackError], code: int
) -> None:
    assert exit_code(kind) == code


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_described(kind: type[EventtrackError]) -> None:
    assert kind.__doc__
    assert kind.__doc__ != EventtrackError.__doc__ or kind is EventtrackError
