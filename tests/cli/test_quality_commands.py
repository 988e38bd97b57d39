"""`fit`, `dif` and `raters` say what they find, write its report, and read each other's documents again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.dif import DIF
from competency_dx.raters import Agreement, RaterCalibration

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table of points in which one item is far easier for a group."""
    rng = np.random.default_rng(3)
    logit = rng.normal(size=(400, 1)) - np.linspace(-1, 1, 8)
    logit[::2, 2] += 2.0
    x = pd.DataFrame((rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(int), columns=[f"q{k}" for k in range(8)])
    path = tmp_path_factory.mktemp("points") / "points.csv"
    x.assign(city=["north", "south"] * 200).to_csv(path, index_label="id")
    return path


@pytest.mark.parametrize(("language", "words"), [("ru", "Задания в группах"), ("en", "Items in groups")])
def test_dif_names_the_item_and_the_group(command: Command, tmp_path: Path, points: Path, language: str, words: str) -> None:
    out = tmp_path / "dif"
    code, printed, err = command("dif", points, "--by", "city", "--model", "Rasch", "--out", out, "--language", language)
    assert code == 0
    assert printed.startswith(words)
    assert "q2 (C)" in printed
    assert "q2" in err
    assert printed.splitlines()[-1] == str(out / "index.html")
    assert DIF.from_json((out / "result.json").read_text(encoding="utf-8")).groups == ("north", "south")
    assert command("report", out / "result.json", "--out", tmp_path / "again.html")[0] == 0


@pytest.mark.parametrize("language", ["ru", "en"])
def test_link_writes_its_page_and_the_table_of_points(command: Command, tmp_path: Path, language: str) -> None:
    rng, b = np.random.default_rng(3), np.linspace(-1, 1, 9)
    for name, mean in (("new", 0.5), ("old", 0.0)):
        logit = rng.normal(mean, 1, (500, 1)) - b + 1.5 * (name == "new") * (np.arange(9) == 4)
        x = (rng.random((500, 9)) < 1 / (1 + np.exp(-logit))).astype(int)
        table = pd.DataFrame(x, columns=[f"q{k}" for k in range(9)])
        (tmp_path / f"{name}.json").write_text(cdx.calibrate(table, model="Rasch").to_json(), encoding="utf-8")
    files, out = (tmp_path / "new.json", tmp_path / "old.json"), tmp_path / "linked"
    given = ("--without", "drifted", "--equivalents", "--out", out, "--language", language)
    code, printed, _ = command("link", *files, *given)
    assert code == 0
    assert printed.splitlines()[0].startswith({"ru": "Связь шкал по 8", "en": "Scales linked by 8"}[language])
    assert str(out / "index.html") in printed.splitlines()
    assert printed.splitlines()[-10].split()[0] == {"ru": "0", "en": "0"}[language]
    assert cdx.linking.Link.from_json((out / "result.json").read_text(encoding="utf-8")).used.sum() == 8
    code, printed, err = command("link", *files, "--without", "q4,zz", "--language", language)
    assert (code, printed) == (2, "")
    assert "zz" in err
    assert "q4" not in err.split("zz")[0]
    assert "--without" in err


def test_clusters_are_calibrated_without_a_bank_and_linked_one_by_one(command: Command, tmp_path: Path, answers: Path) -> None:
    given = ("--bank", "physics", "--dimensions", "clusters", "--model", "PCM", "--out", tmp_path)
    assert command("calibrate", answers, *given)[0] == 0
    assert not (tmp_path / "bank").exists()
    both = [tmp_path / "calibration.json"] * 2
    code, _, err = command("link", *both, "--language", "en")
    assert code == 2
    assert "name one of them: --competency" in err
    assert command("link", *both, "--competency", err.split("here are ")[1].split(",")[0], "--out", tmp_path / "linked")[0] == 0


def test_dif_compares_with_the_group_that_is_named(command: Command, tmp_path: Path, points: Path) -> None:
    out = tmp_path / "dif.json"
    assert command("dif", points, "--by", "city", "--reference", "south", "--out", out)[0] == 0
    assert DIF.from_json(out.read_text(encoding="utf-8")).groups[0] == "south"
    code, printed, err = command("dif", points, "--by", "town", "--out", out, "--language", "en")
    assert (code, printed) == (2, "")
    assert "city" in err.splitlines()[-1]


@pytest.mark.parametrize(("language", "words"), [("ru", "Согласие с моделью"), ("en", "Fit")])
def test_fit_says_what_holds(command: Command, tmp_path: Path, answers: Path, language: str, words: str) -> None:
    code, printed, _ = command("fit", answers, "--bank", "physics", "--out", tmp_path / "fit.xlsx", "--language", language)
    assert code == 0
    assert printed.startswith(words)
    assert printed.splitlines()[-1] == str(tmp_path / "fit.xlsx")


def test_raters_write_agreement_and_severity(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    severity, rows = {"e1": -0.8, "e2": 0.0, "e3": 0.8}, []
    for work in range(80):
        theta = rng.normal()
        for expert in rng.choice(list(severity), 2, replace=False):
            odds = np.exp(np.arange(3) * (theta - severity[expert]))
            rows += [(f"w{work}", criterion, expert, rng.choice(3, p=odds / odds.sum())) for criterion in "kl"]
    pd.DataFrame(rows, columns=["person", "criterion", "expert", "mark"]).to_csv(tmp_path / "marks.csv", index=False)
    monkeypatch.chdir(tmp_path)
    code, printed, _ = command("raters", "marks.csv", "--severity", "--language", "en")
    assert code == 0
    folder = Path("marks-raters")
    assert [line for line in printed.splitlines() if line.endswith("index.html")] == [
        str(folder / "index.html"),
        str(folder / "severity" / "index.html"),
    ]
    assert Agreement.from_json((folder / "result.json").read_text(encoding="utf-8")).table[0, 0] == 80
    found = RaterCalibration.from_json((folder / "severity" / "result.json").read_text(encoding="utf-8"))
    assert dict(zip(found.experts, found.severity, strict=True))["e3"] == max(found.severity)
    code, printed, _ = command("raters", "marks.csv", "--severity", "--out", "book.xlsx")  # a file has the other beside it
    assert code == 0
    assert [line for line in printed.splitlines() if line.endswith(".xlsx")] == ["book.xlsx", "book-severity.xlsx"]
    assert all(Path(name).is_file() for name in ("book.xlsx", "book-severity.xlsx"))


def test_a_table_that_is_no_protocol_is_one_sentence(command: Command, points: Path) -> None:
    code, printed, err = command("raters", points, "--language", "en")
    assert (code, printed, len(err.splitlines())) == (2, "", 1)
    assert "expert" in err
