"""Tables in every form that people and programs give them: encodings, numbers, names, times."""

import math

import pytest

from tests.transfer.logs import START_S, Logs

FORMS_OF_JSON = [
    '[{"step": 3, "loss": 0.5}, {"step": 4, "loss": 0.25}]',
    '{"step": 3, "loss": 0.5}{"step": 4, "loss": 0.25}',
    '{\n  "step": 3,\n  "loss": 0.5\n}\n{\n  "step": 4,\n  "loss": 0.25\n}\n',
    '[\n{"step": 3, "loss": 0.5},\n{"step": 4, "loss": 0.25}\n]\n',
    '{"step": {"0": 3, "1": 4}, "loss": {"0": 0.5, "1": 0.25}}',
    '{"columns": ["step", "loss"], "index": [0, 1], "data": [[3, 0.5], [4, 0.25]]}',
    '{"step": [3, 4], "loss": [0.5, 0.25]}',
    '{"step": "3", "loss": "0.5"}\r\n{"step": 4.0, "loss": "2.5e-1"}\r\n',
]
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(text, "utf-8") for text in FORMS_OF_JSON] + [(FORMS_OF_JSON[-1], one) for one in ENCODINGS],
)
def test_json_in_any_form_and_encoding(logs: Logs, text: str, encoding: str) -> None:
    assert logs.take(logs.put("j/log.json", text.encode(encoding))).exit_code == 0
    assert logs.curves("j/log") == {"loss": [(3, 0.5), (4, 0.25)]}


@pytest.mark.parametrize(
    ("sign", "end", "encoding"),
    [(sign, end, "utf-8") for sign in ",;\t| " for end in ("\n", "\r\n", "\r")]
    + [(";", "\r\n", encoding) for encoding in (*ENCODINGS, "cp1252")],
)
def test_tables_in_any_form_and_encoding(logs: Logs, sign: str, end: str, encoding: str) -> None:
    rows = ["step,größe,phase", "3,0.5,früh", "4,0.25,spät", ""]
    text = end.join(rows).replace(",", sign)
    report = logs.take(logs.put("t/log.csv", text.encode(encoding)))
    assert report.exit_code == 0, report
    assert logs.curves("t/log") == {"größe": [(3, 0.5), (4, 0.25)]}
    assert logs.tags("t/log") == {"phase": "spät"}
    assert any("Windows-1252" in note for note in report.notes) == (encoding == "cp1252")


@pytest.mark.parametrize("name", ["step", "Step", "STEP", "_step", "global_step", "Global Step"])
def test_a_step_in_any_spelling(logs: Logs, name: str) -> None:
    assert logs.take(logs.put("t/log.csv", f"loss,{name}\n0.5,7\n")).exit_code == 0
    assert logs.curves("t/log") == {"loss": [(7, 0.5)]}


@pytest.mark.parametrize(
    "name", ["iter", "Iteration", "training_iteration", "epoch", "Epoch", "trainer/global_step"]
)
def test_other_names_of_steps(logs: Logs, name: str) -> None:
    lines = f'{{"loss": 0.5, "{name}": 7}}\n{{"loss": 0.25, "{name}": 8}}\n'
    assert logs.take(logs.put("t/log.jsonl", lines)).exit_code == 0
    assert logs.curves("t/log") == {"loss": [(7, 0.5), (8, 0.25)]}


@pytest.mark.parametrize(
    ("name", "time"),
    [(name, str(START_S)) for name in ("Wall time", "_timestamp", "time", "created_at")]
    + [("timestamp", f"{START_S}{rest}") for rest in ("", ".0", "000", "000000", "000000000")]
    + [
        ("Timestamp", time)
        for time in (
            *("2024-05-03T14:00:00", "2024-05-03 14:00:00", "2024-05-03T14:00:00.000Z"),
            *("2024-05-03T16:00:00+02:00", "2024-05-03 14:00:00 UTC", "2024/05/03 14:00:00"),
            *("2024-05-03 14:00:00.000+00:00", '"2024-05-03 14:00:00,000"'),
            *("2024-05-03_14-00-00", "Fri May  3 14:00:00 2024"),
        )
    ],
)
def test_times_of_any_size_and_form(logs: Logs, name: str, time: str) -> None:
    assert logs.take(logs.put("t/log.csv", f"step,{name},loss\n1,{time},0.5\n")).exit_code == 0
    assert logs.curves("t/log") == {"loss": [(1, 0.5)]}
    assert logs.seconds("t/log", "loss") == [0]
    assert logs.run("t/log").info.start_time == START_S * 1000


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("0,91", "0,8"), [0.91, 0.8]),
        (("1.234,5", "12,25"), [1234.5, 12.25]),
        (("1,234.5", "12.25"), [1234.5, 12.25]),
        (("91%", "92.5 %"), [0.91, 0.925]),
        (("1e-3", "+.5"), [0.001, 0.5]),
        (("True", "false"), [1.0, 0.0]),
        (("-Infinity", "inf"), [-math.inf, math.inf]),
        (("tensor(0.5)", "np.float64(0.25)"), [0.5, 0.25]),
        (("0.5", "null", "None", "-", "N/A", "", "0.25"), [0.5, 0.25]),
        ((" 0.5", "0.25 "), [0.5, 0.25]),
    ],
)
def test_numbers_as_people_write_them(
    logs: Logs, cells: tuple[str, ...], values: list[float]
) -> None:
    rows = "".join(f'{step},"{cell}"\n' for step, cell in enumerate(cells))
    assert logs.take(logs.put("n/log.csv", f"step,x\n{rows}")).exit_code == 0
    assert [value for _, value in logs.curves("n/log")["x"]] == values


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("step,x\n0,0.5\n1,0.4\n2,o.3\n", "line 4"),
        ("step,x\n0,0.5\n1\n2,0.3\n", "line 3"),
        ("step,x\n0,0.5\n1,0.4,0.3\n2,0.3\n", "line 3"),
        ("step,x\n0,0.5\nl,0.4\n2,0.3\n", "line 3"),
        ('step,x\n0,0.5\n1,"0.4\n2,0.3\n3,0.2\n', "line 3"),
        ('step,x\n0,"1,234"\n', "line 2"),
        ("step,x\n0,0.5\n1,50%\n2,0.3\n", "line 3"),
        ("epoch,x\n0,0,91\n", "line 2"),  # a decimal comma that nothing protects
        (f"step,time,x\n0,{START_S},1\n1,{START_S},2\n2,17,3\n", "line 4"),
    ],
)
def test_odd_cells_and_rows_are_named_with_their_line(logs: Logs, text: str, place: str) -> None:
    report = logs.take(logs.put("d/log.csv", text))
    assert [damage.place for damage in report.damage] == [place]
    assert report.exit_code == 8


def test_two_columns_of_one_name_are_kept_and_told(logs: Logs) -> None:
    report = logs.take(logs.put("d/log.csv", "epoch,loss,loss\n0,0.5,0.75\n"))
    assert logs.curves("d/log") == {"loss": [(0, 0.5)], "loss.1": [(0, 0.75)]}
    assert any("second column loss" in note for note in report.notes)
    report = logs.take(logs.put("d/rows.jsonl", '{"loss": 1, "loss": 2}\n{"loss": 3}\n'))
    assert logs.curves("d/rows") == {"loss": [(0, 1.0), (1, 3.0)], "loss.1": [(0, 2.0)]}
    assert any("second value of loss" in note for note in report.notes)


def test_two_logs_of_one_name_in_two_places_are_two_runs(logs: Logs) -> None:
    paths = [logs.put(f"{place}/version_0/metrics.csv", "step,x\n1,0.5\n") for place in "ab"]
    assert logs.take(*paths, experiment="mnist").taken.runs == 2


def test_names_and_columns_without_end(logs: Logs) -> None:
    wide = ",".join(f"m{number}" for number in range(3000))
    path = logs.put("w/log.csv", f"step,{'x' * 140_000},{wide}\n1,0.5{',0.25' * 3000}\n")
    assert logs.take(path).exit_code == 0
    curves = logs.curves("w/log")
    assert len(curves) == 3001
    assert max(map(len, curves)) == 250


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "step,loss\n"])
def test_files_without_rows_are_no_success(logs: Logs, name: str, text: str) -> None:
    assert logs.take(logs.put(f"e/{name}", text)).exit_code != 0
    assert logs.names() == []


@pytest.mark.parametrize("text", ["x\n0,5\n1,25\n", "x,\n0.5,\n1.25,\n", '"x"\n"0.5"\n1.25\n'])
def test_a_single_column(logs: Logs, text: str) -> None:
    assert logs.take(logs.put("o/log.csv", text)).exit_code == 0
    assert logs.curves("o/log") == {"x": [(0, 0.5), (1, 1.25)]}


def test_bytes_of_no_encoding_are_damage(logs: Logs) -> None:
    report = logs.take(logs.put("o/log.csv", b"step,x,phase\n1,0.5,warm\x8d\n2,0.25,cold\n"))
    assert [(damage.offset, report.exit_code) for damage in report.damage] == [(23, 8)]
    assert logs.curves("o/log") == {"x": [(1, 0.5), (2, 0.25)]}
