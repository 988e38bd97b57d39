"""Bad input: exit code 2, one sentence on stderr, nothing on stdout, no traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import typer

import competency_dx as cdx
from competency_dx import bank
from competency_dx.bank import load_bank
from competency_dx.cli.app import app
from competency_dx.cli.terminal import every_command, in_own_switches, in_switches

Command = Callable[..., tuple[int, str, str]]


def fault(outcome: tuple[int, str, str]) -> str:
    code, out, err = outcome
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    return err


def table(path: Path, columns: dict[str, list[str]]) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def items(n: int) -> dict[str, list[str]]:
    return {i.id: ["1", "2", "3", "4"] for i in load_bank("physics").items[:n]}


def test_a_missing_file(command: Command, tmp_path: Path) -> None:
    for name in ("score", "diagnose", "calibrate"):
        out = tmp_path / ("o.csv" if name == "score" else "o")
        told = fault(command(name, tmp_path / "none.csv", "--bank", "physics", "--out", out))
        assert "none.csv" in told
        assert "такого файла нет" in told


def test_an_unknown_bank(command: Command, tmp_path: Path) -> None:
    assert "'alchemy'" in fault(command("validate", "alchemy"))
    path = table(tmp_path / "a.csv", {"person": list("abcd")} | items(3))
    assert "'alchemy'" in fault(command("diagnose", path, "--bank", "alchemy", "--out", tmp_path / "o"))


def test_a_broken_bank(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bank.yaml").write_text("schema_version: 1\nid: [", encoding="utf-8")
    assert "bank.yaml" in fault(command("validate", tmp_path))


def test_a_table_without_ids(command: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", items(5))
    code, out, err = command("score", path, "--bank", "physics", "--out", tmp_path / "s.csv")
    assert (code, out) == (2, "")
    told = err.splitlines()[-1]
    assert "--person" in told
    strangers = table(tmp_path / "b.csv", {"person": list("abcd"), "q1": list("1234")})
    assert "ни один столбец" in fault(command("diagnose", strangers, "--bank", "physics", "--out", tmp_path / "o"))
    numbered = ("score", path, "--bank", "physics", "--out", tmp_path / "s.csv", "--row-numbers")
    assert command(*numbered)[0] == 0


def test_personal_data(command: Command, tmp_path: Path) -> None:
    mails = table(tmp_path / "a.csv", {"id": list("abcd"), "mail": [f"{c}@example.org" for c in "abcd"]} | items(4))
    assert "e-mail" in fault(command("diagnose", mails, "--bank", "physics", "--out", tmp_path / "o"))
    people = ["Иванов Иван Иванович", "Петрова Анна Ильинична", "Сидоров Олег Львович", "Юрьева Ия Олеговна"]
    named = table(tmp_path / "b.csv", {"id": list("abcd"), "ФИО": people} | items(4))
    told = fault(command("score", named, "--bank", "physics", "--out", tmp_path / "s.csv"))
    assert "персональные данные" in told
    assert "--drop-personal-data" in told
    assert "Layout" not in told
    twice = table(tmp_path / "c.csv", {"id": list("aabc")} | items(4))
    told = fault(command("score", twice, "--bank", "physics", "--out", tmp_path / "s.csv"))
    assert "--attempts first" in told
    assert "Layout" not in told


def test_headings_that_stand_for_items(command: Command, tmp_path: Path) -> None:
    ids = list(items(3))
    path = table(tmp_path / "a.csv", {"id": list("abcd")} | {f"Вопрос {k}": c for k, c in enumerate(items(3).values())})
    score = ("score", path, "--bank", "physics", "--out", tmp_path / "s.csv")
    assert "--alias NAME=ITEM" in fault(command(*score))
    named = [part for k, item in enumerate(ids) for part in ("--alias", f"Вопрос {k}={item}")]
    assert command(*score, *named)[0] == 0
    assert "--alias 'Вопрос 1' names no heading" in fault(command(*score, "--alias", "Вопрос 1", "--language", "en"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["score", "--nonsense"],
        ["score", "a.csv", "--bank", "physics"],
        ["demo", "--persons", "3"],
        ["demo", "--language", "de"],
        ["calibrate", "a.csv", "--bank", "physics", "--out", "o", "--model", "5PL"],
    ],
)
def test_wrong_options(command: Command, arguments: list[str]) -> None:
    assert "--help" in fault(command(*arguments))


def test_the_language_of_a_call_is_that_of_what_is_wrong(command: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"person": list("abcd")} | items(4))
    (tmp_path / "bank.yaml").write_text("schema_version: 1\nid: [", encoding="utf-8")
    (tmp_path / "r.json").write_text('{"kind":', encoding="utf-8")
    calls: list[list[object]] = [
        ["validate", "alchemy"],
        ["validate", tmp_path],
        ["score", tmp_path / "none.csv", "--bank", "physics", "--out", "s.csv"],
        ["score", path, "--bank", "physics", "--out", tmp_path / "s.docx"],
        ["score", path, "--bank", "physics", "--out", tmp_path / "s.csv", "--person", "шифр"],
        ["diagnose", path, "--bank", "physics", "--out", tmp_path / "o", "--cohort"],
        ["diagnose", path, "--bank", "physics", "--out", path / "inside"],
        ["report", tmp_path / "r.json", "--out", tmp_path / "o"],
        ["report", tmp_path / "r.json"],
        ["frobnicate"],
        ["demo", "--persons", "3"],
    ]
    for call in calls:
        code, _, err = command(*call)
        told = err.splitlines()[-1]
        assert code == 2
        assert re.search("[а-яё]", told), told
        assert not re.search(r"(?<![\w.\\/'-])[A-Za-z]{3,} [a-z]{3,} [a-z]{2,}", told.replace("competency-dx", "")), told
        assert not re.search(r"\w+\(|\b[a-z_]+=(?!ITEM)", told), told
        assert not re.search("[а-яё]{4,} [а-яё]{3,}", command(*call, "--language", "en")[2].splitlines()[-1])


def test_every_field_of_a_layout_has_a_switch() -> None:
    for field in fields(cdx.responses.Layout):
        told = in_switches(f"name it with Layout({field.name}=…)")
        assert field.name == "kind" or re.fullmatch("name it with --[a-z-]+(?: NAME=ITEM)?", told), told
    assert in_switches("выберите Layout(attempts='first'), 'last' или 'best'") == "выберите --attempts first, 'last' или 'best'"
    assert in_switches('use Rasch, or priors="weak"') == "use Rasch, or --priors weak"
    assert in_switches("Назовите столбец: Layout(person=…) или --person.") == "Назовите столбец: --person."
    assert in_switches("Layout(person=…, item=…, answer=…)") == "--person --item --answer"


def test_a_sentence_that_advises_switches_of_another_command_says_so() -> None:
    root = typer.main.get_command(app)
    switches = {switch for part in every_command(root) for option in part.params for switch in option.opts if switch.startswith("--")}
    for name, part in root.commands.items():  # type: ignore[attr-defined]  # a group
        own = {switch for option in part.params for switch in option.opts}
        for switch in switches:
            told = in_own_switches(
                "en", f"Raise {switch} to 5; see: competency-dx calibrate --priors", root, [name, "a.csv", "--out", "x"]
            )
            assert told.endswith(f"; this command has no {switch}") is (switch not in own | {"--help"}), (name, switch)
    told = in_switches("Повторяют ли друг друга; последнее состояние — в .state этой ошибки")
    assert in_own_switches("ru", told, root, ["dif"]) == "Повторяют ли друг друга"
    told = in_own_switches("ru", "Возьмите --priors weak, --points 61", root, ["dif"])
    assert told.endswith("; у этой команды нет --priors, --points")


def test_estimation_has_its_switches(command: Command, tmp_path: Path) -> None:
    path, base = table(tmp_path / "a.csv", {"person": list("abcd")} | items(4)), ("--bank", "physics", "--out")
    code, _, err = command("calibrate", path, *base, tmp_path / "o", "--points", "3")
    assert (code, err.splitlines()[-1]) == (2, "--points требует не меньше 11 узлов, а дано 3")
    told = fault(command("calibrate", path, *base, tmp_path / "o", "--dimensions", "words"))
    assert "--dimensions" in told
    assert "Python" in in_switches("Увеличьте MarginalML(starts=…).")


def test_wrong_columns_and_sheets(command: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"person": list("abcd")} | items(4))
    base = ("score", path, "--bank", "physics", "--out", tmp_path / "s.csv")
    assert "шифр" in fault(command(*base, "--person", "шифр"))
    assert "вариант" in fault(command(*base, "--form", "вариант"))


def test_files_that_cannot_be_written(command: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"person": list("abcd")} | items(4))
    assert ".docx" in fault(command("score", path, "--bank", "physics", "--out", tmp_path / "s.docx"))
    assert command("diagnose", path, "--bank", "physics", "--out", path / "inside")[0] == 2


def test_documents_that_are_none(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    for text, word in (("{", "not JSON"), ("[1]", "no result"), ('{"kind": "scores", "schema_version": 99}', "99")):
        path.write_text(text, encoding="utf-8")
        assert word in fault(command("report", path, "--out", tmp_path / "o", "--language", "en"))
    assert "такого файла нет" in fault(command("report", tmp_path / "none.json", "--out", tmp_path / "o"))


def test_without_typer(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    told = fault(command("validate", "physics"))
    assert "competency-dx[cli]" in told


def test_an_interruption(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bank, "load_bank", stop)
    assert command("validate", "physics")[0] == 130


def test_a_bank_with_options_that_are_codes_of_others(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    bank.save_bank(load_bank("physics"), folder)
    source = folder / "items.yaml"
    text = source.read_text(encoding="utf-8")
    first = next(i for i in load_bank("physics").items if i.type == "single")
    place = text.index("options:", text.index(f"id: {first.id}"))
    old, new = first.options["1"], "'3'"
    source.write_text(text[:place] + text[place:].replace(old, new, 1), encoding="utf-8")
    told = fault(command("validate", folder))
    assert f"{first.id} 1: '3'" in told


def test_blanks_and_codes_of_missing_answers(command: Command, tmp_path: Path) -> None:
    columns = {"person": list("abcd")} | items(4)
    columns[list(columns)[1]] = ["1", "", "9", "2"]
    path = table(tmp_path / "a.csv", columns)
    settings = (path, "--bank", "physics", "--out", tmp_path / "o.csv", "--language", "en", "--cells", "raw")
    code, _, err = command("score", *settings, "--blank", "omitted", "--missing", "9=not_reached")
    assert code == 0
    told = " ".join(err.split())
    assert "1 blank cell: 1 count as omitted" in told
    assert "'9' (1)" in told
    assert "cannot be" not in told
    assert "2 count as omitted" in " ".join(command("score", *settings, "--blank", "omitted", "--missing", "9")[2].split())
    assert "'lost'" in fault(command("score", *settings, "--missing", "9=lost"))
    assert "--blank" in fault(command("score", *settings, "--blank", "lost"))


def test_the_demo_writes_into_no_folder_that_holds_other_things(command: Command, tmp_path: Path) -> None:
    for k, name in enumerate(("отчёт.docx", "data", "index.html")):
        folder = tmp_path / str(k)
        folder.mkdir()
        (folder / name).write_text("моё", encoding="utf-8")
        assert "здесь уже лежит другое" in fault(command("demo", folder, "--persons", "40"))
        assert [p.name for p in folder.iterdir()] == [name]
        assert (folder / name).read_text(encoding="utf-8") == "моё"
    assert "здесь уже лежит другое" in fault(command("demo", tmp_path / "0" / "отчёт.docx"))


@pytest.mark.parametrize("name", ["f.png", "f.docxx", "f.parquet", "f.MD"])
@pytest.mark.parametrize("verb", ["items", "calibrate", "score", "diagnose", "fit", "dif", "report"])
def test_an_ending_that_is_no_report_is_refused_before_anything_is_made(command: Command, tmp_path: Path, verb: str, name: str) -> None:
    path = table(tmp_path / "a.csv", {"person": list("abcd")} | items(3))
    further = ["--by", "person"] if verb == "dif" else []
    bank = [] if verb == "report" else ["--bank", "physics"]
    told = fault(command(verb, path, *bank, *further, "--out", tmp_path / name))
    assert ".html" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv"]


def test_a_command_of_several_files_wants_a_folder(command: Command, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", {"person": list("abcd")} | items(3))
    assert "укажите папку" in fault(command("calibrate", path, "--bank", "physics", "--out", tmp_path / "o.csv"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv"]
