"""The demo on a small region in both languages: pages, files, the planted key, the comparison."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from competency_dx.__main__ import main
from competency_dx.bank import load_bank
from competency_dx.calibration import Calibration
from competency_dx.competencies import DeficitProfiles

SUBJECTS = {"mathematics": ".xlsx", "history": ".csv", "physics": ".parquet"}


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for k, v in attrs if tag == "a" and k == "href" and v]


def run(folder: Path, language: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["demo", str(folder), "--persons", "120", "--language", language])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, str]]:
    """Return folder and messages of the demo in a language; each is run once."""

    @cache
    def made(language: str) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp("demo") / "region"
        code, out, err = run(folder, language)
        assert code == 0
        assert out.strip() == str(folder / "index.html")
        return folder, err

    return made


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_demo(language: str, demo: Callable[[str], tuple[Path, str]]) -> None:
    folder, err = demo(language)
    label = {"ru": "СИНТЕТИЧЕСКИЕ ДАННЫЕ", "en": "SYNTHETIC DATA"}[language]
    assert label in err.splitlines()[0]
    assert max(map(len, err.splitlines())) <= 80
    _check_index(folder, label)
    _check_key(folder, err, language)
    for name, ending in SUBJECTS.items():
        _check_subject(folder, name, ending, label)
    assert label in (folder / "README.txt").read_text(encoding="utf-8")


def _check_index(folder: Path, label: str) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert len(links.found) == 2 * len(SUBJECTS)
    assert all((folder / link).is_file() for link in links.found)
    assert label in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<tr") >= 10


def _check_key(folder: Path, err: str, language: str) -> None:
    """The terminal and the page name item, wrong key and right key; the bank that was saved has the right one."""
    pattern = {"ru": r"ключа (MAT-\d+): в банке (\d)", "en": r"check of (MAT-\d+): the bank says (\d)"}[language]
    shipped, saved = load_bank("mathematics"), load_bank(folder / "mathematics" / "bank")
    doubts = re.findall(pattern, err)
    planted = [(item, key) for item, key in doubts if shipped.item(item).key != key]
    assert len(planted) == 1
    item, key = planted[0]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert item in page
    assert f"{key}*" in page
    assert [i.key for i in saved.items] == [i.key for i in shipped.items]


def _check_subject(folder: Path, name: str, ending: str, label: str) -> None:
    assert (folder / "data" / f"{name}{ending}").is_file()
    profiles = DeficitProfiles.from_json((folder / name / "profiles.json").read_text(encoding="utf-8"))
    assert profiles.findings[0].code == "cli.synthetic"
    assert len(profiles) == 120
    assert len(list((folder / name / "persons").iterdir())) == 120
    for page in (folder / name).glob("**/index.html"):
        assert label in page.read_text(encoding="utf-8")
    bank = load_bank(folder / name / "bank")
    assert bank.id == f"{name}-synthetic"
    calibration = (folder / name / "calibration" / "result.json").read_text(encoding="utf-8")
    assert Calibration.from_json(calibration).converged


def test_a_seed_gives_the_same_bytes(demo: Callable[[str], tuple[Path, str]], tmp_path: Path) -> None:
    folder, _ = demo("ru")
    assert run(tmp_path, "ru")[0] == 0
    first, second = (
        {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (folder, tmp_path)
    )
    assert first.keys() == second.keys()
    assert not [name for name in first if first[name] != second[name]]
