"""Logs of training programs and exports of pages come in as one would draw them by hand."""

import json
import math

import pytest

from tests.transfer.logs import START_S, Curve, Logs
from tests.transfer.theirs import runs_of


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_keras(logs: Logs, sign: str) -> None:
    text = "epoch,accuracy,loss,val_loss\n0,0.5,1.25,NA\n1,0.75,0.5,0.625\n".replace(",", sign)
    path = logs.put("training/log.csv", text)
    assert logs.take(path).exit_code == 0
    assert logs.curves("training/log") == {
        "accuracy": [(0, 0.5), (1, 0.75)],
        "loss": [(0, 1.25), (1, 0.5)],
        "val_loss": [(1, 0.625)],
    }
    with path.open("a") as stream:  # append=True, with the names once more
        stream.write(text.splitlines()[0] + "\n" + "2,0.875,0.25,0.5\n".replace(",", sign))
    report = logs.take(path)
    assert (report.exit_code, report.taken.points, report.taken.runs) == (0, 3, 0)
    assert logs.curves("training/log")["loss"] == [(0, 1.25), (1, 0.5), (2, 0.25)]


def test_a_history_of_keras_as_json(logs: Logs) -> None:
    path = logs.put("k/history.json", '{"loss": [1.5, 0.5, NaN], "val_loss": [2.0, 1.0, 0.75]}')
    assert logs.take(path).exit_code == 0
    curves = logs.curves("k/history")
    assert curves["val_loss"] == [(0, 2.0), (1, 1.0), (2, 0.75)]
    assert math.isnan(curves["loss"][2][1])


def test_lightning(logs: Logs) -> None:
    logs.put(
        "lightning_logs/version_3/hparams.yaml",
        "lr: 0.01\nnet:\n  depth: 4\nact: !!python/name:torch.nn.ReLU ''\n"
        "path: !!python/object/apply:pathlib.PosixPath\n- data\n",
    )
    path = logs.put(
        "lightning_logs/version_3/metrics.csv",
        "epoch,step,train_loss,val_loss\n0,49,0.5,\n0,49,,0.75\n1,99,0.25,\n",
    )
    assert logs.take(path).exit_code == 0
    curves = logs.curves("version_3/metrics")
    assert curves["train_loss"] == [(49, 0.5), (99, 0.25)]
    assert curves["val_loss"] == [(49, 0.75)]
    assert curves["epoch"] == [(49, 0), (99, 1)]
    experiment = logs.run("version_3/metrics").info.experiment_id
    assert logs.store.experiments.get(experiment).name == "lightning_logs"
    params = logs.run("version_3/metrics").data.params
    assert (params["lr"], params["net.depth"]) == ("0.01", "4")
    assert "torch.nn.ReLU" in params["act"]
    assert "data" in params["path"]


def test_yolo(logs: Logs) -> None:
    logs.put("runs/train4/args.yaml", "model: yolo11n.pt\nimgsz: 640\nfreeze: null\n")
    new = logs.put(
        "runs/train4/results.csv",
        "epoch,time,train/box_loss,metrics/mAP50(B)\n1,12.5,1.5,0.25\n2,24.75,1.25,0.5\n",
    )
    old = logs.put(
        "runs/train1/results.csv",
        "     epoch,   train/box_loss,   lr/pg0\n         0,              1.5,     0.01\n",
    )
    assert logs.take(new, old).exit_code == 0
    curves = logs.curves("train4/results")
    assert curves["time"] == [(1, 12.5), (2, 24.75)]  # from the start: no date
    assert curves["train/box_loss"] == [(1, 1.5), (2, 1.25)]
    assert logs.run("train4/results").data.params["imgsz"] == "640"
    assert logs.curves("train1/results") == {"train/box_loss": [(0, 1.5)], "lr/pg0": [(0, 0.01)]}


def test_ray_tune(logs: Logs) -> None:
    logs.put("exp/trial_1/params.json", '{"lr": 0.1, "layers": [8, 8]}')
    table = logs.put(
        "exp/trial_1/progress.csv",
        "loss,done,training_iteration,trial_id,date,timestamp,time_total_s,config/lr\n"
        f"0.5,False,1,ab_1,2024-05-03_14-00-00,{START_S},3.5,0.1\n"
        f"0.25,True,2,ab_1,2024-05-03_14-00-05,{START_S + 5},8.5,0.1\n",
    )
    rows = [
        {"loss": 0.5, "training_iteration": 1, "timestamp": START_S, "config": {"lr": 0.1}},
        {"loss": 0.25, "training_iteration": 2, "timestamp": START_S + 5, "config": {"lr": 0.1}},
    ]
    lines = logs.put("exp/trial_1/result.json", "".join(json.dumps(row) + "\n" for row in rows))
    assert logs.take(table).exit_code == 0
    curves = logs.curves("trial_1/progress")
    assert curves["loss"] == [(1, 0.5), (2, 0.25)]
    assert curves["done"] == [(1, 0.0), (2, 1.0)]
    assert curves["time_total_s"] == [(1, 3.5), (2, 8.5)]
    assert logs.seconds("trial_1/progress", "loss") == [0, 5]
    assert logs.tags("trial_1/progress") == {"trial_id": "ab_1", "date": "2024-05-03_14-00-05"}
    assert logs.run("trial_1/progress").data.params == {"lr": "0.1", "layers": "[8, 8]"}
    assert logs.run("trial_1/progress").info.start_time == START_S * 1000
    assert logs.take(lines).exit_code == 0
    assert logs.curves("trial_1/result") == {"loss": [(1, 0.5), (2, 0.25)]}
    assert logs.run("trial_1/result").data.params["lr"] == "0.1"


def test_the_state_of_a_hugging_face_trainer(logs: Logs) -> None:
    def state(last: int) -> str:
        history = [
            {"epoch": step / 500, "loss": 1 / step, "learning_rate": 5e-5, "step": step}
            for step in range(100, last + 1, 100)
        ]
        history.append({"epoch": 1.0, "eval_loss": 0.5, "step": last})
        return json.dumps(
            {"best_metric": 0.5, "global_step": last, "log_history": history}, indent=2
        )

    first = logs.put("out/bert/checkpoint-200/trainer_state.json", state(200))
    later = logs.put("out/bert/checkpoint-300/trainer_state.json", state(300))
    assert logs.take(first, later).exit_code == 0
    assert logs.names() == ["bert"]  # checkpoints are of one run
    curves = logs.curves("bert")
    assert [step for step, _ in curves["loss"]] == [100, 200, 300]
    assert curves["eval_loss"] == [(200, 0.5), (300, 0.5)]
    assert curves["epoch"][0] == (100, 0.2)
    assert logs.tags("bert")["best_metric"] == "0.5"


def test_llama_factory(logs: Logs) -> None:
    rows = [
        {
            "current_steps": step,
            "total_steps": 20,
            "loss": 2 / step,
            "epoch": step / 20,
            "elapsed_time": f"0:00:{step:02}",
            "remaining_time": "0:01:00",
        }
        for step in (5, 10)
    ]
    path = logs.put("saves/trainer_log.jsonl", "\r\n".join(map(json.dumps, rows)))
    assert logs.take(path).exit_code == 0
    curves = logs.curves("saves/trainer_log")
    assert curves["loss"] == [(5, 0.4), (10, 0.2)]
    assert curves["epoch"] == [(5, 0.25), (10, 0.5)]
    assert curves["elapsed_time"] == [(5, 5.0), (10, 10.0)]


def test_fractions_of_epochs_are_metrics_of_numbered_rows(logs: Logs) -> None:
    path = logs.put("e/log.csv", "epoch,loss\n0.5,1.5\n1.0,1.25\n1.5,0.5\n")
    report = logs.take(path)
    assert report.exit_code == 0
    assert any("rows are numbered" in note for note in report.notes)
    assert logs.curves("e/log") == {
        "epoch": [(0, 0.5), (1, 1.0), (2, 1.5)],
        "loss": [(0, 1.5), (1, 1.25), (2, 0.5)],
    }


def test_runs_of_mlflows_command_line(logs: Logs) -> None:
    one, two = "0" * 31 + "1", "0" * 31 + "2"
    path = logs.put(
        "x/runs.csv",
        ",run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.loss,params.lr,"
        "params.note,tags.mlflow.runName,tags.mlflow.user\n"
        f"0,{one},3,FINISHED,/a/1,2024-05-03 14:00:00.500000+00:00,2024-05-03 14:01:00+00:00,0.5,"
        '0.1,"a, b\nc",calm-crow,ada\n'
        f"1,{two},3,RUNNING,/a/2,2024-05-03 14:02:00+00:00,,,0.2,None,bold-newt,bob\n",
    )
    assert logs.take(path).exit_code == 0
    first, second = logs.run("calm-crow"), logs.run("bold-newt")
    assert (first.info.run_id, first.info.status) == (one, "FINISHED")
    assert (first.info.start_time, first.info.end_time) == (
        START_S * 1000 + 500,
        START_S * 1000 + 60_000,
    )
    assert first.data.params == {"lr": "0.1", "note": "a, b\nc"}
    assert first.data.metrics == {"loss": 0.5}
    assert logs.tags("calm-crow")["artifact_uri"] == "/a/1"
    assert (first.info.user_id, second.info.user_id) == ("ada", "bob")
    assert (second.info.status, second.info.end_time) == ("RUNNING", None)
    assert second.data.params["note"] == "None"
    assert logs.store.experiments.get(first.info.experiment_id).name == "3"


def test_curves_of_tensorboards_pages(logs: Logs) -> None:
    loss = logs.put(
        "dl/run-train-tag-epoch_loss.csv",
        f"Wall time,Step,Value\n{START_S}.5,10,0.75\n{START_S + 2}.5,20,0.5\n",
    )
    again = logs.put("dl/run-train-tag-epoch_loss (1).csv", loss.read_bytes())
    other = logs.put("dl/run-val-tag-epoch_loss.csv", f"Wall time,Step,Value\n{START_S},10,1.5\n")
    assert logs.take(loss, again, other).exit_code == 0
    assert logs.names() == ["train", "val"]
    assert logs.curves("train") == {"epoch_loss": [(10, 0.75), (20, 0.5)]}
    assert logs.seconds("train", "epoch_loss") == [0.5, 2.5]
    curve = logs.put(
        "dl/run-train-tag-acc.json", json.dumps([[START_S, 10, 0.25], [START_S + 1, 20, 1]])
    )
    assert logs.take(curve).exit_code == 0
    assert logs.curves("train")["acc"] == [(10, 0.25), (20, 1.0)]


def test_a_panel_of_wandbs_pages(logs: Logs) -> None:
    path = logs.put(
        "w/wandb_export.csv",
        '"Step","calm-sun-1 - loss","calm-sun-1 - loss__MIN","calm-sun-1 - loss__MAX",'
        '"b - 2 - loss","b - 2 - loss__MIN","b - 2 - loss__MAX"\n'
        '"0","0.5","0.5","0.5","0.75","0.625","0.875"\n"1","0.25","0.25","0.25","",""\n',
    )
    report = logs.take(path)
    assert report.exit_code == 8  # the last row has a cell too few
    path = logs.put("w/wandb_export.csv", path.read_text().replace('"",""\n', '"","",""\n'))
    assert logs.take(path).exit_code == 0
    assert logs.curves("calm-sun-1") == {"loss": [(0, 0.5), (1, 0.25)]}
    assert logs.curves("b - 2") == {
        "loss": [(0, 0.75)],
        "loss__MIN": [(0, 0.625)],
        "loss__MAX": [(0, 0.875)],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '"train/global_step","a - _step","a - loss"\n"10","1","0.5"\n"20","2","0.25"\n',
            {"_step": [(10, 1), (20, 2)], "loss": [(10, 0.5), (20, 0.25)]},
        ),
        (
            '"Relative Time (Process)","a - _step","a - loss"\n"1.5","1","0.5"\n"2.5","2","0.25"\n',
            {"Relative Time _Process_": [(1, 1.5), (2, 2.5)], "loss": [(1, 0.5), (2, 0.25)]},
        ),
        (f'"_timestamp","a - loss"\n"{START_S}.5","0.5"\n', {"loss": [(0, 0.5)]}),
    ],
)
def test_a_panel_of_wandbs_pages_over_any_axis(
    logs: Logs, text: str, expected: dict[str, Curve]
) -> None:
    assert logs.take(logs.put("w/panel.csv", text)).exit_code == 0
    assert logs.curves("a") == expected


def test_the_table_of_runs_of_wandbs_pages(logs: Logs) -> None:
    path = logs.put(
        "w/runs.csv",
        '"Name","State","Notes","User","Created","lr","optimizer","loss"\n'
        '"calm-sun-1","finished","-","ada","2024-05-03T14:00:00.000Z","0.1","adam","0.5"\n'
        '"calm-sun-1","crashed","-","ada","2024-05-03T14:00:01.000Z","0.2","sgd",""\n',
    )
    assert logs.take(path).exit_code == 0
    first, second = sorted(runs_of(logs.store), key=lambda run: run.info.start_time)
    assert [first.info.run_name, second.info.run_name] == ["calm-sun-1", "calm-sun-1"]
    assert (first.info.status, second.info.status) == ("FINISHED", "FAILED")
    assert first.data.metrics == {"lr": 0.1, "loss": 0.5}
    assert first.data.params["optimizer"] == "adam"
    assert first.info.start_time == START_S * 1000


def test_dvclive(logs: Logs) -> None:
    logs.put("proj/dvclive/params.yaml", "lr: 0.5\n")
    acc = logs.put(
        "proj/dvclive/plots/metrics/train/acc.tsv",
        f"timestamp\tstep\tacc\n{START_S}000\t0\t0.5\n{START_S + 1}000\t1\t0.75\n",
    )
    loss = logs.put("proj/dvclive/plots/metrics/loss.tsv", "step\tloss\n0\t1.5\n1\tnan\n")
    assert logs.take(acc, loss).exit_code == 0
    assert logs.names() == ["proj"]
    curves = logs.curves("proj")
    assert curves["train/acc"] == [(0, 0.5), (1, 0.75)]
    assert math.isnan(curves["loss"][1][1])
    assert logs.run("proj").data.params == {"lr": "0.5"}
    last = logs.put("proj/dvclive/metrics.json", '{\n "train": {"acc": 0.75},\n "step": 1\n}')
    assert logs.take(last).exit_code == 0
    assert logs.names() == ["proj"]
    assert set(logs.curves("proj")) == {"train/acc", "loss"}


def test_fastai(logs: Logs) -> None:
    path = logs.put("f/history.csv", "epoch,train_loss,time\n0,0.5,00:12\n1,0.25,01:10\n")
    assert logs.take(path).exit_code == 0
    assert logs.curves("f/history") == {
        "train_loss": [(0, 0.5), (1, 0.25)],
        "time": [(0, 12.0), (1, 70.0)],
    }


def test_sacred(logs: Logs) -> None:
    logs.put("sacred/7/config.json", '{"lr": 0.5, "seed": 1}')
    metrics = {
        "loss": {
            "steps": [1, 2],
            "timestamps": ["2024-05-03T14:00:00.000000", "2024-05-03T14:00:01.000000"],
            "values": [0.5, 0.25],
        }
    }
    assert logs.take(logs.put("sacred/7/metrics.json", json.dumps(metrics))).exit_code == 0
    assert logs.curves("7/metrics") == {"loss": [(1, 0.5), (2, 0.25)]}
    assert logs.seconds("7/metrics", "loss") == [0, 1]
    assert logs.run("7/metrics").data.params == {"lr": "0.5", "seed": "1"}


@pytest.mark.parametrize(
    "text",
    [
        ",loss\n0,0.5\n1,0.25\n",
        "Unnamed: 0,loss\n0,0.5\n1,0.25\n",
        "loss\n0,0.5\n1,0.25\n",
        "index\tloss\n0\t0.5\n1\t0.25\n",
    ],
)
def test_the_index_of_pandas_is_no_metric(logs: Logs, text: str) -> None:
    assert logs.take(logs.put("p/log.csv", text)).exit_code == 0
    assert logs.curves("p/log") == {"loss": [(0, 0.5), (1, 0.25)]}


def test_a_row_for_each_run(logs: Logs) -> None:
    path = logs.put("s/sweep.csv", "name,lr,optimizer,acc\na,0.1,adam,0.5\nb,0.2,sgd,0.75\n")
    assert logs.take(path).exit_code == 0
    assert logs.run("b").data.params == {"optimizer": "sgd"}
    assert logs.run("b").data.metrics == {"lr": 0.2, "acc": 0.75}


def test_lines_above_the_names_are_told(logs: Logs) -> None:
    report = logs.take(logs.put("s/log.csv", "My run\n\nstep;loss\n3;0,5\n"))
    assert logs.curves("s/log") == {"loss": [(3, 0.5)]}
    assert (report.exit_code, report.not_taken) == (3, {"lines above the names": 1})
