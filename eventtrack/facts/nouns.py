"""Every noun with its table, and the few types of events that claim no facts, with the reason."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from eventtrack.events import access, items, studies, types
from eventtrack.events.types import Event
from eventtrack.facts.dataset import DATASET
from eventtrack.facts.experiment import EXPERIMENT
from eventtrack.facts.fact import Fact, Noun, Rule
from eventtrack.facts.model import MODEL
from eventtrack.facts.registered import REGISTERED
from eventtrack.facts.run import RUN
from eventtrack.facts.scorer import SCORER
from eventtrack.facts.trace import TRACE

NOUNS: Mapping[str, Noun] = MappingProxyType(
    {noun.name: noun for noun in (RUN, EXPERIMENT, MODEL, REGISTERED, TRACE, DATASET, SCORER)}
)
_NOUN_OF = {kind: noun for noun in NOUNS.values() for kind in noun.says}

WITHOUT_FACTS: Mapping[type[Event], str] = MappingProxyType(
    {
        types.SessionOpened: "says who writes, once: nobody sets it anew or back",
        types.KeyAnnounced: "a proof, which audits read from its stream",
        types.HeadSealed: "a proof, which audits read from its stream",
        types.HeadWitnessed: "a proof, which audits read from its stream",
        types.PayloadsRedacted: "erases what other events said",
        studies.StudyRecorded: "is an entry of another program's journal, whose rules decide",
        access.AccessGranted: "is one of a set that only grows: who may use the log's servers",
        access.AccessRevoked: "is final: nothing gives a token its rights again",
        items.CallsReceived: "names calls, so that none is recorded twice",
        types.Explained: "gives the reason for the events beside it",
    }
)


def noun_of(event: Event) -> Noun | None:
    """The noun of which an event claims facts; None where it claims none."""
    return _NOUN_OF.get(type(event))


# A fact, the id of the part that has it ("" for the thing itself), and its key.
Place = tuple[Fact, str, str]


def touched(noun: Noun, event: Event, parts: Iterable[str] = ()) -> dict[Place, bool]:
    """The facts that an event may change, of those that people are shown.

    Args:
        parts: The ids of all parts of the thing: a fact of the whole may decide theirs.

    Returns:
        For each fact whether the event names it; others follow from a birth, or from facts that
        it names.
    """
    places: dict[Place, bool] = {}
    kind, part = type(event), noun.part_of(event)
    if kind in noun.births:
        owner = noun.births[kind]
        for fact in noun.born_facts(owner) + noun.implied_facts(owner):
            places[fact, part if fact.part else "", ""] = False
    for fact, key, _ in noun.says[kind](event):
        places[fact, part if fact.part else "", key] = fact.rule is not Rule.LIVES
        for decided in fact.decides:
            for name in parts if decided.part else ("",):
                places.setdefault((decided, name, ""), False)
    return {place: named for place, named in places.items() if place[0].shown}
