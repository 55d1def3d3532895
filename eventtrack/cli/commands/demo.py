"""`eventtrack demo`: log a real small training, then show the record."""

from typing import TYPE_CHECKING, Any

from eventtrack.cli import text, training
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.commands.runs_plot import draw_metric, lines_of
from eventtrack.cli.output import Output, Progress
from eventtrack.cli.run_table import branches, draw_runs
from eventtrack.cli.tables import Styled
from eventtrack.views.records import Run

if TYPE_CHECKING:
    from eventtrack.store import Store

EXPERIMENT = "iris"
SEED = 7
EPOCHS = 40
# A sweep with a lesson: too slow, right, and so fast that the validation loss rises again.
LEARNING_RATES = (0.003, 0.03, 0.3)
HIDDEN_UNITS = (2, 8)
# The page of the experiment, as it opens: a query as `docs/format.md`, "Saved views", has it.
VIEW = {
    "charts": '{"set":{"loss":{"size":"M","log":"1"},"best_val_loss":'
    '{"title":"lowest val_loss","keys":["val_loss"],"bars":"min"}}}'
}


@command("demo", "eventtrack demo", "eventtrack --store /tmp/demo demo")
@pass_invocation
def demo(call: Invocation) -> None:
    """Train small neural networks on Fisher's iris flowers, log all of it, and show the record.

    Six networks are trained for real, in plain Python, as child runs of one sweep: params, tags,
    loss and accuracy of each epoch, the best model as an artifact, and a view for the pages. The
    numbers shown come from the store. The demo takes a few seconds and is seeded: everybody gets
    the same curves.

    JSON: an object with store, experiment_id, run_id (the sweep) and best_run_id.
    """
    import eventtrack
    from eventtrack.folders import resolve_path

    out = call.out
    path = resolve_path(call.uri)
    option = "" if path == resolve_path(None) else f"--store {path} "
    if not out.json:
        out.wrapped(
            "Training 6 small neural networks on 150 iris flowers, logging to ",
            Styled(str(path), "cyan"),
        )
    eventtrack.set_tracking_uri(str(path))
    eventtrack.set_experiment(EXPERIMENT)
    started = text.now_ms()
    with out.progress("training") as progress:
        sweep_id, best_id = run_sweep(eventtrack, progress)
    eventtrack.flush()
    took = text.duration(text.now_ms() - started)
    store = call.open()
    sweep = store.runs.get(sweep_id)
    store.experiments.save_view(sweep.info.experiment_id, "default", VIEW)
    if out.json:
        out.document(
            {
                "store": str(path),
                "experiment_id": sweep.info.experiment_id,
                "run_id": sweep_id,
                "best_run_id": best_id,
            }
        )
        return
    _show(out, store, sweep, store.runs.get(best_id), took, option)


def run_sweep(tracker: Any, progress: Progress) -> tuple[str, str]:
    """Train and log the whole sweep with `tracker`, a module with MLflow's fluent names.

    Returns the ids of the sweep's run and of its best child, by the validation loss at the end.
    """
    data = training.split(training.load_iris(), seed=SEED)
    settings = [(rate, units) for rate in LEARNING_RATES for units in HIDDEN_UNITS]
    best: tuple[float, str, training.Network] | None = None
    with tracker.start_run(run_name="sweep") as sweep:
        tracker.set_tags({"dataset": "iris (Fisher, 1936)", "purpose": "demonstration"})
        tracker.log_params({"epochs": EPOCHS, "seed": SEED, "batch_size": training.BATCH_SIZE})
        tracker.log_text(training.iris_text(), "data/iris.csv")
        for done, (rate, units) in enumerate(settings):
            progress(done, len(settings))
            loss, run_id, network = _train_one(tracker, data, rate, units)
            if best is None or loss < best[0]:
                best = (loss, run_id, network)
        progress(len(settings), len(settings))
        assert best is not None, "the sweep has at least one setting"
        loss, run_id, network = best
        tracker.log_metric("best_val_loss", loss)
        tracker.set_tags({"best_run": run_id})
        tracker.log_dict(network.to_dictionary(), "model/best.json")
        tracker.log_text(_confusion(network, data), "model/confusion.txt")
    return sweep.info.run_id, run_id


def _train_one(
    tracker: Any, data: training.Split, rate: float, units: int
) -> tuple[float, str, training.Network]:
    """Train one network as a child run; returns its last validation loss, run id and weights."""
    network = training.Network(units, seed=SEED)
    with tracker.start_run(run_name=f"lr={rate} hidden={units}", nested=True) as run:
        tracker.log_params({"learning_rate": rate, "hidden_units": units})
        tracker.set_tags({"model": "one hidden layer, tanh, softmax"})
        loss = float("inf")
        for epoch in network.epochs(data, epochs=EPOCHS, learning_rate=rate):
            tracker.log_metric("train_loss", epoch.train_loss, step=epoch.number)
            tracker.log_metric("val_loss", epoch.validation_loss, step=epoch.number)
            tracker.log_metric("val_accuracy", epoch.validation_accuracy, step=epoch.number)
            loss = epoch.validation_loss
    return loss, run.info.run_id, network


def _confusion(network: training.Network, data: training.Split) -> str:
    """The best model's confusion matrix over the validation flowers, as text."""
    counts = network.confusion(data.validation)
    width = max(map(len, training.SPECIES)) + 2
    lines = [
        "true \\ predicted".ljust(18) + "".join(name.rjust(width) for name in training.SPECIES)
    ]
    lines += [
        name.ljust(18) + "".join(str(count).rjust(width) for count in row)
        for name, row in zip(training.SPECIES, counts, strict=True)
    ]
    return "\n".join(lines) + "\n"


def _show(out: Output, store: "Store", sweep: Run, best: Run, took: str, option: str) -> None:
    """Draw the record in the store: the tree, the curves, and commands to try next."""
    children = store.runs.children(sweep.info.run_id)
    points = sum(
        len(store.metrics.arrays(run.info.run_id, key).values)
        for run in [sweep, *children]
        for key in run.data.metrics
    )
    recorded = f"{text.count(len(children) + 1, 'run')}, {text.count(points, 'metric point')}"
    out.line(Styled(f"Recorded {recorded} in {took}.", "green"))
    out.line("")
    draw_runs(out, [sweep, *children], trees=branches([0, *[1] * len(children)]))
    out.line("")
    draw_metric(out, "val_loss", lines_of(store, children, "val_loss"), log=True, height=14)
    sweep_id, best_id = text.short_id(sweep.info.run_id), text.short_id(best.info.run_id)
    accuracy = f"{best.data.metrics['val_accuracy']:.1%}"
    out.line("")
    out.wrapped(
        "Best: ",
        Styled(best.info.run_name, "bold"),
        f" ({best_id}), {accuracy} of the validation flowers named right.",
    )
    out.title("See more")
    other = text.short_id(
        children[0].info.run_id if children[0] != best else children[-1].info.run_id
    )
    hints = (
        ("eventtrack ui", "all of it in the browser"),
        (f"eventtrack runs show {best_id}", "one run on one page"),
        (f"eventtrack runs compare {best_id} {other}", "two runs, side by side"),
        (f"eventtrack runs plot {sweep_id} -m train_loss --log", "all curves of the sweep"),
        ("eventtrack runs search 'metrics.train_loss < 0.1'", "runs by a filter"),
        (f"eventtrack artifacts cat {sweep_id} model/confusion.txt", "a file that was logged"),
        ("eventtrack log -n 10", "the events themselves"),
        (f"eventtrack blame {best_id} param.learning_rate", "who set it, when"),
        ("eventtrack check", "is every byte intact?"),
    )
    width = max(len(option + command_line) for command_line, _ in hints)
    for command_line, why in hints:
        shown = command_line.replace("eventtrack ", f"eventtrack {option}", 1)
        out.line("  ", Styled(text.pad(shown, width + 2), "cyan"), Styled(why, "dim"))
