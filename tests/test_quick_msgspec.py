"""msgspec is imported without `typing_extensions`, and works as with it; others get it as ever."""

import subprocess
import sys
import typing
from types import ModuleType

import msgspec
import pytest
import typing_extensions

from eventtrack import quick_msgspec

ALONE = """
import sys
import eventtrack.events.envelope
assert "msgspec" in sys.modules
assert not {"typing_extensions", "inspect"} & sys.modules.keys()
import typing_extensions
assert type(typing_extensions) is type(sys)
assert typing_extensions.TypeAliasType
"""


def test_a_program_that_needs_none_of_it_does_not_load_it() -> None:
    """This fails, too, once msgspec takes a further name: the stand-in then gives way."""
    subprocess.run([sys.executable, "-c", ALONE], check=True)


def test_the_names_are_those_of_typing() -> None:
    assert typing_extensions.Required is typing.Required
    assert typing_extensions.NotRequired is typing.NotRequired
    theirs = typing_extensions.get_type_hints(Half, include_extras=True)
    assert theirs == typing.get_type_hints(Half, include_extras=True)


class Half(typing_extensions.TypedDict):
    """A type of the module, whose kinds of keys msgspec must tell apart."""

    must: typing.Annotated[int, msgspec.Meta(ge=0)]
    may: typing_extensions.NotRequired[str]


def test_msgspec_knows_types_of_the_module() -> None:
    assert msgspec.json.decode(b'{"must":1}', type=Half) == {"must": 1}
    with pytest.raises(msgspec.ValidationError, match="must"):
        msgspec.json.decode(b'{"may":"x"}', type=Half)
    with pytest.raises(msgspec.ValidationError, match=">= 0"):
        msgspec.json.decode(b'{"must":-1}', type=Half)


def test_another_thread_that_wants_more_meanwhile_gets_the_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in = quick_msgspec._StandIn("typing_extensions")
    monkeypatch.setitem(sys.modules, "typing_extensions", stand_in)
    import typing_extensions as seen

    found: ModuleType = seen
    assert found is stand_in
    assert found.TypeAliasType.__name__ == "TypeAliasType"
    assert sys.modules["typing_extensions"] is not stand_in
    with pytest.raises(AttributeError):
        found.no_such_name  # noqa: B018
