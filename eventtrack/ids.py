"""Identities of writers, runs, experiments and registered models.

Run ids are random. Experiment ids follow from the name: two machines that both create "mnist" have
the same experiment when they sync.
"""

import os
from typing import Protocol

from eventtrack.hashing import sha256

DEFAULT_EXPERIMENT_ID = "0"
DEFAULT_EXPERIMENT_NAME = "Default"

# Experiment ids are texts of positive integers below 2**63, as MLflow's own stores demand.
_EXPERIMENT_ID_MODULUS = 10**18


class IdSource(Protocol):
    """A source of identities; tests inject a seeded source."""

    def id128(self) -> bytes:
        """16 bytes that no other call, here or elsewhere, ever returns."""
        ...

    def words(self) -> str:
        """A readable name for a run, at most 20 characters."""
        ...


class RandomIds:
    """Identities from the system's randomness: version 4 UUIDs without their dashes."""

    def id128(self) -> bytes:
        """A version 4 UUID's bytes (RFC 9562, section 5.4)."""
        drawn = bytearray(os.urandom(16))
        drawn[6] = drawn[6] & 0x0F | 0x40
        drawn[8] = drawn[8] & 0x3F | 0x80
        return bytes(drawn)

    def words(self) -> str:
        """A name like `brisk-otter-417`."""
        return name_from_bytes(os.urandom(8))


class SeededIds:
    """The same identities in the same order for the same seed: for simulations and tests."""

    def __init__(self, seed: int | str) -> None:
        self._seed = str(seed)
        self._drawn = 0

    def id128(self) -> bytes:
        """The next 16 bytes of the sequence."""
        self._drawn += 1
        return sha256(f"{self._seed}/{self._drawn}".encode()).digest()[:16]

    def words(self) -> str:
        """The next name of the sequence."""
        return name_from_bytes(self.id128())


def experiment_id(name: str, births: int) -> str:
    """The id of the experiment created as `name` after `births` earlier experiments of that name.

    Returns decimal digits without a leading zero. Only the first `Default` has the id "0".
    """
    if name == DEFAULT_EXPERIMENT_NAME and births == 0:
        return DEFAULT_EXPERIMENT_ID
    digest = sha256(f"{births}:{name}".encode()).digest()
    return str(1 + int.from_bytes(digest[:16], "big") % (_EXPERIMENT_ID_MODULUS - 1))


def registered_id(name: str, births: int) -> str:
    """The id of the registered model created as `name` after `births` earlier ones of that name."""
    return sha256(f"registered:{births}:{name}".encode()).hexdigest()[:32]


def name_from_bytes(drawn: bytes) -> str:
    """An adjective, an animal and a number: at most 20 characters, chosen by 8 or more bytes."""
    rest, number = divmod(int.from_bytes(drawn, "big"), 1000)
    rest, animal = divmod(rest, len(_ANIMALS))
    return f"{_ADJECTIVES[rest % len(_ADJECTIVES)]}-{_ANIMALS[animal]}-{number}"


# Adjectives have at most 8 letters and animals 7: a name with its number stays within MLflow's 20.
_ADJECTIVES_TEXT = """
    able agile amber ample apt azure bold brave breezy bright brisk calm candid casual charming
    chill clean clever cosmic crisp curious dapper daring deft dreamy eager earnest easy elated
    fair famous fast fine fleet fluent fond frank fresh gentle glad golden good grand handy
    happy hearty honest humble jolly keen kind lively loud loyal lucid lucky mellow merry mighty
    mild modest neat nimble noble patient placid plucky polite prime proud quick quiet rapid
    rare ready robust rosy serene sharp shiny silent silver sincere sleek smart smooth snug
    solid sound spry stable steady stellar sunny swift tidy tough trusty upbeat valiant vivid
    warm wise witty zesty
"""
_ANIMALS_TEXT = """
    ant badger bat bear beaver bee bison boar bobcat buck calf camel carp cat cheetah cod colt
    condor cow coyote crab crane crow cub deer dog dolphin dove duck eagle eel egret elk emu
    falcon fawn ferret finch fish flea fly foal fowl fox frog gecko gnat gnu goat goose grouse
    gull hare hawk hen heron hog horse hound ibex jay kite koala koi lamb lark lemur lion lizard
    llama loon lynx magpie marten mink mole moose moth mouse mule newt orca otter owl ox panda
    perch pig pigeon pike pony puma quail rabbit ram rat raven robin rook salmon seal shad sheep
    shrew shrike skunk sloth slug smelt snail snake sole sparrow squid stag steed stork swan
    tern tiger toad trout turtle vole wasp whale wolf worm wren yak zebra
"""
_ADJECTIVES = tuple(_ADJECTIVES_TEXT.split())
_ANIMALS = tuple(_ANIMALS_TEXT.split())
