"""Signatures: who vouches for exactly this state of a run, and what that means."""

from eventtrack.errors import InvalidValueError
from eventtrack.events.envelope import Draft
from eventtrack.events.signatures import RunSigned
from eventtrack.limits import MEANING_LENGTH_MAX, SIGNER_LENGTH_MAX
from eventtrack.projections.run_digest import run_digest
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run
from eventtrack.store.reasons import checked, without_reason
from eventtrack.store.session import AUTHOR, current_user
from eventtrack.validate import no_longer
from eventtrack.views.queries.runs import RunQueries, Signature


class Signatures:
    """Signs the runs of a store."""

    def __init__(self, context: StoreContext, runs: RunQueries) -> None:
        self._context = context
        self._engine = context.engine
        self._runs = runs

    def sign(self, run_id: str, meaning: str, reason: str) -> Signature:
        """Record that the present user vouches for an active run as it is now, durably.

        The user is the token's name on a server, else the user of this process. Points that other
        processes have not handed to the log yet are not covered, and count as a change when they
        come. Costs a read of the run's points.

        Args:
            meaning: What the signature says, as `reviewed` or `approved`: 1 to 100 characters.
            reason: Why it is given: 1 to 500 characters.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted, or the meaning or the reason is not allowed.
        """
        clean, why = _meaning(meaning), checked(reason)
        by = (AUTHOR.get() or current_user())[:SIGNER_LENGTH_MAX]

        def decide(reader: Reader) -> tuple[str, list[Draft]]:
            run = active_run(self._context, reader, run_id)
            digest = run_digest(reader, run, self._context.over(reader).lifecycle(run))
            signed = RunSigned(clean, by, digest, why, self._engine.clock.now_ms())
            return signed.key, [Draft.of(f"run/{run_id}", signed)]

        with without_reason():  # the signature has it
            key = self._engine.execute(decide)
        latest = {f"{each.meaning} by {each.by}": each for each in self._runs.signatures(run_id)}
        return latest[key]


def _meaning(text: str) -> str:
    clean = text.strip() if isinstance(text, str) else ""
    if not clean:
        raise InvalidValueError(
            "A signature has to mean something", hint="say what, as `reviewed` or `approved`"
        )
    no_longer("meaning", MEANING_LENGTH_MAX, clean, "the reason")
    try:
        clean.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"A meaning has to be Unicode text: {error.reason}", hint="write it as UTF-8"
        ) from error
    return clean
