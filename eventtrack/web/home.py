"""The first page: what runs now and what ended lately; and the search over everything."""

from collections.abc import Iterable

from eventtrack.store import Queries
from eventtrack.views.records import RunInfo
from eventtrack.web.answers import Json, with_life

HITS_MAX = 50


def home(queries: Queries) -> Json:
    """The latest runs of all experiments, each with the name of its experiment.

    `died` has the runs that failed or were killed, and the running ones whose process is gone.
    """
    latest = queries.latest.runs()
    names = {
        experiment_id: queries.experiments.get(experiment_id).name
        for experiment_id in {
            info.experiment_id for info in (*latest.running, *latest.died, *latest.ended)
        }
    }

    def shown(infos: Iterable[RunInfo]) -> list[Json]:
        return [
            {**with_life(queries, info), "experiment": names[info.experiment_id]} for info in infos
        ]

    running = shown(latest.running)
    lost = [run for run in running if run["life"] and run["life"]["state"] == "gone"]
    return {
        "running": [run for run in running if run not in lost],
        "running_total": latest.running_total,
        "died": lost + shown(latest.died),
        "ended": shown(latest.ended),
    }


def find(queries: Queries, text: str, limit: int) -> Json:
    """The things of the store that hold a text, by kind."""
    return {"groups": [group.to_dictionary() for group in queries.finder.find(text, limit)]}
