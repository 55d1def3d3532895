"""The history of saved views for the golden files: views saved, saved anew, and removed."""

from eventtrack.events import types
from eventtrack.events.envelope import Draft


def viewed() -> list[Draft]:
    """An experiment with saved views, of which some were saved anew and removed."""
    saved, deleted = types.ExperimentViewSaved, types.ExperimentViewDeleted
    events = (
        types.ExperimentCreated("mnist", None, {}, 90),
        saved("default", '{"cols":"metrics.loss"}'),
        saved("b\u00f6b's", "{}"),
        saved("default", '{"cols":"metrics.acc"}'),
        deleted("b\u00f6b's"),
        deleted("never saved"),
    )
    return [Draft.of("experiment/77", event) for event in events]
