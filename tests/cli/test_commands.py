"""Every command on small files: paths on stdout, files that can be read again, messages on stderr."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import typer

from competency_dx.bank import load_bank, save_bank
from competency_dx.bank.item import Stimulus
from competency_dx.calibration import Calibration
from competency_dx.cli.app import app
from competency_dx.cli.terminal import every_command, pointed
from competency_dx.competencies import DeficitProfiles
from competency_dx.responses import load_responses
from competency_dx.scoring import Scores
from competency_dx.storage import write_whole
from competency_dx.wording import toml_content
from competency_dx_demo.region import RegionCohort

Command = Callable[..., tuple[int, str, str]]


def test_validate_prints_summary_findings_and_coverage(command: Command) -> None:
    for language, words in (("ru", ("заданий 64", "предварительные")), ("en", ("items 64", "provisional"))):
        code, out, err = command("validate", "mathematics", "--language", language)
        assert (code, err) == (0, "")
        assert all(word in out for word in words)
        assert "MAT.S.08" in out
        assert max(map(len, out.splitlines())) <= 80
        bank = load_bank("mathematics")
        for node, items in bank.coverage.items():  # as on the passport, each item once
            row = next(line for line in out.splitlines() if line.split()[:1] == [node])
            assert row.split()[1:3] == [str(len(items)), str(sum(i.max_score for i in items))]
        codes = {i.type for i in bank.items} | {r.status for r in bank.parameters}
        assert language == "en" or not codes & set(re.findall(r"\w+", out))


def test_validate_says_what_the_content_gates_refuse_and_ends_with_1(command: Command, tmp_path: Path) -> None:
    bank = load_bank("physics")  # with an order that runs as the numbers of its labels do
    items = tuple(i.model_copy(update={"key": ("1", "2", "3", "4", "5")}) if i.id == "PHY-068" else i for i in bank.items)
    folder = save_bank(replace(bank, items=items), tmp_path / "bank")
    code, out, err = command("validate", folder, "--content", "--language", "en")
    assert (code, err) == (1, "")
    assert "PHY-068" in out
    assert "[quality.order_shown]" in out
    assert max(map(len, out.splitlines())) <= 80


def test_calibrate_then_validate_the_new_bank(command: Command, tmp_path: Path, answers: Path, asked: Path) -> None:
    code, out, err = command("calibrate", answers, "--bank", asked, "--out", tmp_path, "--language", "en")
    assert code == 0
    assert [Path(p).name for p in out.splitlines()] == ["bank", "calibration.json", "index.html"]
    assert all(Path(p).exists() for p in out.splitlines())
    assert Calibration.from_json((tmp_path / "calibration.json").read_text(encoding="utf-8")).model == "PCM"
    assert "Read: 40 persons" in err
    assert "calibration PCM, 39 persons" in err
    assert "Warning" not in err
    code, out, _ = command("validate", tmp_path / "bank", "--language", "en")
    assert code == 0
    assert "physics 2.0.1" in out
    assert "pilot" in out


@pytest.mark.usefixtures("without_pages")
@pytest.mark.parametrize("model", ["PCM", "GPCM"])
def test_calibrate_takes_a_model(command: Command, tmp_path: Path, answers: Path, asked: Path, model: str) -> None:
    code, _, err = command("calibrate", answers, "--bank", asked, "--out", tmp_path, "--model", model)
    assert code == 0
    result = Calibration.from_json((tmp_path / "calibration.json").read_text(encoding="utf-8"))
    assert result.converged
    assert result.model == model
    assert f"калибровка {model}" in err
    assert load_bank(tmp_path / "bank").version == "2.0.1"


def test_calibrate_takes_items_on_one_stimulus_as_testlets(command: Command, tmp_path: Path, answers: Path, asked: Path) -> None:
    bank, text = load_bank(asked), Stimulus(text="One text for three items")
    tied = {item.id for item in bank.items[:3]}
    items = tuple(i.model_copy(update={"stimulus": text}) if i.id in tied else i for i in bank.items)
    folder = save_bank(replace(bank, items=items), tmp_path / "tied")
    base = ("calibrate", answers, "--bank", folder, "--out", tmp_path, "--dimensions", "testlets", "--language", "en")
    code, out, err = command(*base)
    assert code == 0
    assert [Path(p).name for p in out.splitlines()] == ["calibration.json", "index.html"]
    result = Calibration.from_json((tmp_path / "calibration.json").read_text(encoding="utf-8"))
    assert result.population.dimensions == ("theta", "testlet1")
    assert "calibration.testlets" in {f.code for f in result.findings}
    code, _, err = command("calibrate", answers, "--bank", asked, "--out", tmp_path, "--dimensions", "testlets", "--language", "en")
    assert code == 2
    assert "--dimensions testlets" in " ".join(err.split())


@pytest.mark.usefixtures("without_pages")
def test_calibrate_without_priors_says_what_the_data_lack(command: Command, tmp_path: Path, answers: Path) -> None:
    some = tmp_path / "some.csv"  # a maximum that is not there is looked for long: with a third of the items it is the same
    with answers.open(encoding="cp1251", newline="") as whole, some.open("w", encoding="cp1251", newline="") as part:
        csv.writer(part, delimiter=";").writerows(row[:20] for row in csv.reader(whole, delimiter=";"))
    base = ("calibrate", some, "--bank", "physics", "--out", tmp_path)
    code, out, err = command(*base, "--priors", "none", "--model", "GPCM")
    assert code in {0, 2}
    assert bool(out) == (code == 0)
    code, out, err = command(*base, "--model", "Rasch")
    assert (code, out) == (2, "")
    assert "Rasch" in err.splitlines()[-1]


@pytest.mark.parametrize("method", ["EAP", "MAP", "ML", "WLE", "SumScore"])
def test_score_writes_one_table(command: Command, tmp_path: Path, answers: Path, method: str) -> None:
    code, out, _ = command("score", answers, "--bank", "physics", "--out", tmp_path / "s.csv", "--method", method, "--language", "en")
    assert code == 0
    assert out.strip() == str(tmp_path / "s.csv")
    frame = pd.read_csv(tmp_path / "s.csv", encoding="utf-8-sig")
    assert list(frame.columns[:4]) == ["person", "dimension", "theta", "se"]
    assert len(frame) == 40


@pytest.mark.parametrize("ending", [".xlsx", ".html", ".json"])
def test_score_writes_other_files(command: Command, tmp_path: Path, answers: Path, ending: str) -> None:
    path = tmp_path / "new folder" / f"scores{ending}"
    assert command("score", answers, "--bank", "physics", "--out", path)[0] == 0
    assert path.stat().st_size > 1000
    if ending == ".json":
        assert len(Scores.from_json(path.read_text(encoding="utf-8")).persons) == 40


def test_diagnose_takes_the_population_of_the_cohort(command: Command, tmp_path: Path, answers: Path) -> None:
    given = ("diagnose", answers, "--bank", "physics", "--out", tmp_path / "d", "--form", "Вариант", "--cohort")
    code, _, err = command(*given)
    assert code == 2
    assert "--cohort" in err


def test_diagnose_then_report(command: Command, tmp_path: Path, answers: Path, cohort: RegionCohort) -> None:
    code, out, err = command("diagnose", answers, "--bank", "physics", "--out", tmp_path / "d", "--form", "Вариант")
    assert code == 0
    assert "Прочитано: участников 40" in err
    document, page = map(Path, out.splitlines())
    profiles = DeficitProfiles.from_json(document.read_text(encoding="utf-8"))
    assert profiles.persons.tolist() == cohort.persons.tolist()
    assert page.name == "index.html"
    assert len(list((tmp_path / "d" / "persons").iterdir())) == 40
    given = ("diagnose", answers, "--bank", "physics", "--out", tmp_path / "d", "--form", "Вариант", "--aggregates-only")
    code, out, _ = command(*given)
    assert (code, out.splitlines()) == (0, [str(page)])
    assert {p.name for p in (tmp_path / "d").iterdir()} == {"index.html", "groups", "cohort.csv", "cohort.xlsx"}
    document = write_whole(tmp_path / "p.json", profiles.to_json().encode())
    for language in ("ru", "en"):
        code, out, err = command("report", document, "--out", tmp_path / language, "--language", language)
        assert (code, err) == (0, "")
        assert f'lang="{language}"' in Path(out.strip()).read_text(encoding="utf-8")


def test_report_reads_every_kind(command: Command, tmp_path: Path, answers: Path, cohort: RegionCohort) -> None:
    documents = {"bank": cohort.bank, "responses": load_responses(answers, bank=cohort.bank)}
    for name, result in documents.items():
        path = tmp_path / f"{name}.json"
        path.write_text(result.to_json(), encoding="utf-8")
        assert command("report", path, "--out", tmp_path / f"{name}.html", "--language", "en")[0] == 0
        assert (tmp_path / f"{name}.html").stat().st_size > 1000


def test_columns_can_be_named_and_personal_data_left_out(command: Command, tmp_path: Path) -> None:
    ids = [i.id for i in load_bank("physics").items[:6]]
    frame = pd.DataFrame({i: ["1", "2", "3"] * 4 for i in ids})
    frame.insert(0, "Фамилия", [f"{c}ванова Анна" for c in "АБВГДЕЖЗИКЛМ"])
    frame.insert(0, "мой столбец", [f"п-{k}" for k in range(12)])
    path = tmp_path / "a.csv"
    frame.to_csv(path, index=False)
    out = tmp_path / "s.json"
    code, _, err = command("score", path, "--bank", "physics", "--out", out, "--person", "мой столбец")
    assert code == 2
    assert "персональные данные" in err
    arguments = ("score", path, "--bank", "physics", "--out", out, "--person", "мой столбец", "--drop-personal-data")
    assert command(*arguments)[0] == 0
    assert json.loads(out.read_text(encoding="utf-8"))["persons"][0] == "п-0"


def test_help_stands_in_the_language_of_the_call(command: Command) -> None:
    assert command()[1] == command("--help")[1]
    names = re.findall(r"^  ([a-z]+) ", command()[1].partition("Команды:")[2], re.MULTILINE)
    assert len(names) > 15
    numbers = {o for c in every_command(typer.main.get_command(app)) for p in c.params if "float" in str(vars(p)) for o in p.opts}
    assert numbers == {o["flag"] for o in toml_content("cli", "options").values() if o.get("kind") == "decimal"}
    assert pointed(["--hours", "7,5", "--certain=0,8", "--missing", "9,99"]) == ["--hours", "7.5", "--certain=0.8", "--missing", "9,99"]
    for name in names:
        code, out, _ = command(name, "--help")
        assert code == 0
        assert not re.search(r"(?<![.\d])\d+\.\d+(?![.\d])|<(float|int|path|str)|x[<>]=|обычно:", out)
        assert max(map(len, out.splitlines())) <= 80
        sentences = re.sub(r"(?:(?<=  )|(?<=<))[\w|-]+>?|--[a-z-]+|\[[^\]]*\]", "", out)
        assert not re.findall(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}", sentences)
        code, out, _ = command(name, "--help", "--language", "en")
        assert not re.search("[а-яё]", out)
    code, out, _ = command("--version")
    assert code == 0
    assert out.strip()


def test_it_is_a_program() -> None:
    """A wrong call of it; what a right one writes is that of `main`, which the other tests call."""
    line = [sys.executable, "-X", "utf8", "-m", "competency_dx", "validate", "no-such-bank"]
    done = subprocess.run(line, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
