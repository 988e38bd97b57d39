"""The demo on a small region in both languages: pages, files, the planted key, the comparison."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal

import pytest

import competency_dx_demo as demo_run
from competency_dx.__main__ import main
from competency_dx.bank import load_bank
from competency_dx.calibration import Calibration
from competency_dx.competencies import DeficitProfiles
from competency_dx.reports import report
from competency_dx.result import Result

PERSONS = 150
LABELS = {"ru": "СИНТЕТИЧЕСКИЕ ДАННЫЕ", "en": "SYNTHETIC DATA"}
SUBJECTS = {"mathematics": ".xlsx", "history": ".csv", "physics": ".parquet"}


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for k, v in attrs if tag == "a" and k == "href" and v]


def run(folder: Path, language: str, persons: int) -> str:
    """Run the demo and return its messages."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["demo", str(folder), "--persons", str(persons), "--language", language])
    assert code == 0
    assert out.getvalue().strip() == str(folder / "index.html")
    assert max(map(len, err.getvalue().splitlines())) <= 80
    return err.getvalue()


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return folder and messages of the demo; it writes pages of the first subject, documents of the others."""
    folder = tmp_path_factory.mktemp("demo") / "region"

    def some_pages(result: Result, target: Path, *, language: Literal["ru", "en"]) -> Path:
        if "mathematics" in target.parts:
            return report(result, target, language=language)
        target.mkdir(parents=True, exist_ok=True)
        name = "profiles.json" if result.kind == "deficit_profiles" else "result.json"
        (target / name).write_text(result.to_json(), encoding="utf-8")
        return target

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(demo_run, "report", some_pages)
        return folder, run(folder, "ru", PERSONS)


def test_the_demo(region: tuple[Path, str]) -> None:
    folder, err = region
    assert LABELS["ru"] in err.splitlines()[0]
    _check_key(folder, err)
    _check_index(folder, LABELS["ru"])
    for name, ending in SUBJECTS.items():
        _check_subject(folder, name, ending)
    assert LABELS["ru"] in (folder / "README.txt").read_text(encoding="utf-8")
    links = Links()
    links.feed((folder / "index.html").read_text(encoding="utf-8"))
    assert [link.split("/")[0] for link in links.found] == [name for name in SUBJECTS for _ in range(2)]
    assert all((folder / link).is_file() for link in links.found if "mathematics" in link)
    assert len(list((folder / "mathematics" / "persons").iterdir())) == PERSONS
    for page in (folder / "mathematics").glob("**/index.html"):
        assert LABELS["ru"] in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("without_pages")
def test_the_demo_in_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_run, "SUBJECTS", demo_run.SUBJECTS[2:])
    err = run(tmp_path, "en", 40)
    assert LABELS["en"] in err.splitlines()[0]
    assert "Against the truth" in err
    assert not re.search("[а-я]", err)
    _check_index(tmp_path, LABELS["en"])
    assert not re.search("[а-я]", (tmp_path / "index.html").read_text(encoding="utf-8"))


@pytest.mark.usefixtures("without_pages")
def test_a_seed_gives_the_same_bytes(region: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table, bank and documents of the first subject; pages of equal results are equal by the tests of reports."""
    monkeypatch.setattr(demo_run, "SUBJECTS", demo_run.SUBJECTS[:1])
    run(tmp_path, "ru", PERSONS)
    names = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()} - {Path("index.html")}
    assert len(names) >= 6
    assert not [name for name in names if (region[0] / name).read_bytes() != (tmp_path / name).read_bytes()]


def _check_index(folder: Path, label: str) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert label in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<tr") >= 8


def _check_key(folder: Path, err: str) -> None:
    """The terminal and the page name item, wrong key and right key; the bank that was saved has the right one."""
    shipped, saved = load_bank("mathematics"), load_bank(folder / "mathematics" / "bank")
    doubts = re.findall(r"ключа (MAT-\d+): в банке (\d)", err)
    planted = [(item, key) for item, key in doubts if shipped.item(item).key != key]
    assert len(planted) == 1
    item, key = planted[0]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert item in page
    assert f"{key}*" in page
    asked = {item for form in shipped.forms for item in form.items}  # the reserve is asked of nobody
    assert [(i.id, i.key) for i in saved.items] == [(i.id, i.key) for i in shipped.items if i.id in asked]


def _check_subject(folder: Path, name: str, ending: str) -> None:
    assert (folder / "data" / f"{name}{ending}").is_file()
    profiles = DeficitProfiles.from_json((folder / name / "profiles.json").read_text(encoding="utf-8"))
    assert profiles.findings[0].code == "cli.synthetic"
    assert len(profiles) == PERSONS
    assert load_bank(folder / name / "bank").id == f"{name}-synthetic"
    calibration = (folder / name / "calibration" / "result.json").read_text(encoding="utf-8")
    assert Calibration.from_json(calibration).converged
