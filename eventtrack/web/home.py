"""The first page: what runs now and what ended lately; and the search over everything."""

from collections.abc import Sequence

from eventtrack.store import Queries
from eventtrack.views.records import RunInfo
from eventtrack.web.answers import JUDGED_MAX, Json, is_lost, with_lives

HITS_MAX = 50
# As many runs of each kind are listed.
LISTED = 12


def home(queries: Queries) -> Json:
    """The latest runs of all experiments, each with the name of its experiment.

    `died` has the runs that failed or were killed, and the running ones whose process is gone.
    """
    latest = queries.latest.runs(LISTED, running_limit=JUDGED_MAX)
    names = {
        experiment_id: queries.experiments.get(experiment_id).name
        for experiment_id in {
            info.experiment_id for info in (*latest.running, *latest.died, *latest.ended)
        }
    }

    def shown(infos: Sequence[RunInfo]) -> list[Json]:
        return [
            {**run, "experiment": names[run["experiment_id"]]} for run in with_lives(queries, infos)
        ]

    running = shown(latest.running)
    lost = [run for run in running if is_lost(run)]
    alive = [run for run in running if not is_lost(run)]
    # Of more than are judged, those beyond count as alive.
    beyond = latest.running_total - len(running) if len(running) == JUDGED_MAX else 0
    return {
        "running": alive[:LISTED],
        "running_total": len(alive) + beyond,
        "lost_total": len(lost),
        "died": lost[:LISTED] + shown(latest.died),
        "ended": shown(latest.ended),
    }


def find(queries: Queries, text: str, limit: int) -> Json:
    """The things of the store that hold a text, by kind."""
    return {"groups": [group.to_dictionary() for group in queries.finder.find(text, limit)]}
