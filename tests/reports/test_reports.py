"""Pages and tables: complete, safe, self-contained, equal in both languages, and never more than the profiles say."""

from __future__ import annotations

import base64
import builtins
import csv
import hashlib
import html
import itertools
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import competency_dx as cdx
from competency_dx.arrays import names
from competency_dx.bank import Text
from competency_dx.competencies import STATUSES, Misconception
from competency_dx.display import LOOKS, IntervalRow, item_map
from competency_dx.errors import MissingDependencyError, ReportError
from competency_dx.findings import Template
from competency_dx.reports.cohort import binned, in_order, natural
from competency_dx.reports.pages import macro, strings
from competency_dx.reports.profile_report import spoken_against
from competency_dx.responses import Layout


def wrong(argument: object) -> Any:
    return argument


VOID = {"meta", "br", "hr", "img", "input", "link", "col"}
PERSON = "П-010"


class Page(HTMLParser):
    """Checks that tags are balanced and collects ids, links and sources."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.scripts = 0
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("id")
        self.ids += [re.sub(r"fill\d+", "fill", name)] if name else []
        self.links += [v for k in ("href", "src") if (v := found.get(k))]
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module", params=["ru", "en"])
def folder(request: pytest.FixtureRequest, profiles: cdx.DeficitProfiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp(request.param) / "report"
    assert cdx.report(profiles, out, language=request.param) == out / "index.html"
    return out


def language(folder: Path) -> str:
    return "ru" if 'lang="ru"' in (folder / "index.html").read_text(encoding="utf-8") else "en"


def pages(folder: Path) -> list[Path]:
    return [folder / "index.html", *sorted((folder / "persons").iterdir())]


def page_of(folder: Path, person: str) -> str:
    for page in (folder / "persons").iterdir():
        text = page.read_text(encoding="utf-8")
        if f"<strong>{person}</strong>" in text:
            return text
    raise AssertionError(person)


def test_every_person_has_a_page_of_its_own_inside_the_folder(folder: Path) -> None:
    assert len(list((folder / "persons").iterdir())) == 60
    inside = {p.relative_to(folder).parts[0] for p in folder.rglob("*")}
    assert inside == {"index.html", "persons", "profiles.csv", "profiles.xlsx", "profiles.json"}
    assert max(len(p.name.encode()) for p in (folder / "persons").iterdir()) < 200
    assert not {p.stem.upper() for p in (folder / "persons").iterdir()} & {"CON", "NUL", "PRN"}


def test_pages_are_balanced_and_self_contained(folder: Path) -> None:
    for path in pages(folder):
        page = Page(path.read_text(encoding="utf-8"))
        for link in page.links:
            assert not re.match(r"(https?:)?//", link), link
            assert link.startswith("#") or (path.parent / unquote(link)).resolve().is_file(), link
        assert page.scripts <= 1


def test_names_from_outside_are_escaped(folder: Path) -> None:
    for path in pages(folder):
        text = path.read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert "<b>Степной" not in text
    assert "&lt;script&gt;alert(1)" in (folder / "index.html").read_text(encoding="utf-8")


def test_no_page_gives_a_key_away(folder: Path) -> None:
    bank = cdx.load_bank("mathematics")
    everything = "".join(path.read_text(encoding="utf-8") for path in pages(folder)[:6])
    for item in bank.items:
        for secret in (item.solution, item.stem, *item.options.values()):
            assert len(secret) < 25 or secret not in everything


def test_small_groups_are_suppressed_with_a_complement(folder: Path) -> None:
    """7 and 4 of 60 are hidden, which already protects each from being computed from the rest."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    groups = text[text.index('<section id="groups">') : text.index('<section id="map">')]
    rows = re.findall(r"<tr><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>", groups)
    shown = dict(rows)
    few = strings("ru" if language(folder) == "ru" else "en")["suppressed"].format(n=10)
    assert "30" in shown["Заречный"]
    assert "19" in shown["Луговой"]
    assert not re.search(r"\b7\b", shown.get("Горный", few))
    assert not re.search(r"\b4\b", shown.get("&lt;b&gt;Степной&lt;/b&gt;", few))


def test_wording_is_supportive_and_says_what_it_is_not(folder: Path) -> None:
    text = page_of(folder, PERSON)
    if language(folder) == "ru":
        assert "не является аттестацией" in text
        assert "не означает «дефицита нет»" in text
        assert not re.search(r"не справил|провал|неудовлетворит", text)
        assert re.search(r"\d,\d", text)
        assert "Весь тест: учитель математики" in text
        assert not re.search(r"\d\s%-й[^<]{0,40}вероятност|вероятностью \d+\s%-й", text)
    else:
        assert "Whole test: Mathematics" in text
        assert re.search(r"\d\.\d", text)


def test_numbers_of_a_page_are_those_of_the_profile(folder: Path, profiles: cdx.DeficitProfiles) -> None:
    text = page_of(folder, PERSON)
    for conclusion in profiles[PERSON].conclusions:
        if conclusion.status == "reported":
            assert f"{conclusion.percent:.0f}\u00a0% (" in text
            assert f" {conclusion.competency.code}</td>" in text


def test_a_page_says_at_most_three_priorities_and_what_they_rest_on(folder: Path, profiles: cdx.DeficitProfiles) -> None:
    """Priorities are narrowest deficits, the surest first, each with the answers that raised its probability most."""
    ru = language(folder) == "ru"
    for profile in list(profiles)[:20]:
        text = page_of(folder, html.escape(profile.person))
        first = text[text.index('id="priorities"') : text.index('id="strengths"')]
        titles = re.findall(r'<li><span class="lead">(.*?)</span>', first)
        parents = {c.competency.parent for c in profile.deficits}
        narrow = [c for c in profile.deficits if c.competency.code not in parents and not spoken_against(c)]
        assert len(titles) == min(3, len(narrow))
        for c in [c for c in narrow if c.state == "confirmed"][:3]:
            assert c.competency.title.text("ru" if ru else "en") in titles
            most = max(c.evidence, key=lambda e: e.influence)
            assert most.influence < 0.01 or most.title.text("ru" if ru else "en") in html.unescape(first)


@pytest.mark.parametrize(
    ("lang", "first", "none"), [("ru", "Сначала уточнить", "Подтверждённых и"), ("en", "To be checked first", "No deficit is")]
)
def test_a_deficit_that_its_own_answers_speak_against_is_no_priority(
    tmp_path: Path, profiles: cdx.DeficitProfiles, lang: Any, first: str, none: str
) -> None:
    """It is named, with a sentence on what it rests on, and no answer is said to carry it."""
    needy = next(p for p, profile in enumerate(profiles) if len(profile.deficits) > 4)
    told: list[str] = []
    for influence in (np.abs(profiles.influence), -np.abs(profiles.influence)):
        person = replace(profiles, influence=influence).select([str(profiles.persons[needy])])
        page = cdx.report(person, tmp_path / str(len(told)), language=lang)
        text = next((page.parent / "persons").iterdir()).read_text(encoding="utf-8")
        told.append(text[text.index('id="priorities"') : text.index('id="strengths"')])
        assert none not in told[-1]
    assert "<ol>" in told[0]
    assert first not in told[0]
    assert "<ol>" not in told[1]
    assert first in told[1]


def test_no_page_has_a_word_of_the_other_language(tmp_path: Path) -> None:
    bank = cdx.load_bank("mathematics")
    background = {"Стаж": names(["3"] * 12), "Школа": names(["7"] * 12), "Дата": names(["2026-11-20"] * 12)}
    responses = replace(cdx.simulate(bank, 12, rng=np.random.default_rng(3)), background=background)
    profiles = cdx.diagnose(responses, bank)
    for language, other in (("ru", r"[A-Za-z]{4,}"), ("en", r"[А-Яа-яЁё]+")):
        cdx.report(profiles, tmp_path / language, language=wrong(language))
        for page in (tmp_path / language / "index.html", next((tmp_path / language / "persons").iterdir())):
            text = re.sub(r"(?s)<(style|script)>.*?</\1>|<[^>]+>", " ", page.read_text(encoding="utf-8"))
            text = re.sub(r"competency_dx|sha256:\w+|PRMSE|mathematics|teacher|diagnose", "", text)
            assert not re.findall(other, text)
    head = re.sub("<[^>]+>", "", text[: text.index("Experience")])
    assert re.search(r"Organisation:\s*7\s+Date of testing:\s*2026-11-20", head)


def test_a_page_names_the_likely_misconceptions(few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    held = tuple(Misconception(code=code, title=Text(ru=code, en=code)) for code in ("of few", "of many", "unlike"))
    p_misconception = np.tile([0.65, 0.85, 0.3], (len(few), 1))
    cdx.report(replace(few, misconceptions=held, p_misconception=p_misconception), tmp_path, language="en")
    assert "of many (85\u00a0%); of few (65\u00a0%)." in page_of(tmp_path, PERSON)


@pytest.mark.parametrize("status", ["misfit", "low_effort"])
def test_a_stopped_profile_says_so_once(status: str, few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    insufficient = np.full_like(few.state, 4)
    stopped = replace(
        few,
        state=insufficient,
        strength=insufficient,
        status=np.full_like(few.status, STATUSES.index(wrong(status))),
        reported_at=np.full_like(few.reported_at, -1),
    )
    cdx.report(stopped, tmp_path, language="en")
    text = page_of(tmp_path, PERSON)
    assert text.count(strings("en")[f"stopped_{status}"]) == 1
    assert 'id="picture"' not in text
    cohort = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert cohort.count(strings("en")[f"status_{status}"]) == 1
    assert not re.search('id="(means|groups|legend)"', cohort)


def test_many_numbers_become_bins_and_names_stay_names() -> None:
    years = [str(k) for k in range(40)] + [""]
    found = binned(years, "ru")
    assert [len(list(g)) for _, g in itertools.groupby(found)] == [10, 10, 10, 10, 1]
    assert found[0] == "0–9"
    assert binned(["7", "12", "7"], "ru") == ["7", "12", "7"]
    assert binned(["a", "2"], "ru") == ["a", "2"]
    assert sorted(["10–15", "2–5"], key=natural) == ["2–5", "10–15"]
    assert in_order(["более 20 лет", "5–20 лет", "до 5 лет", "5–20 лет"]) == ["до 5 лет", "5–20 лет", "более 20 лет"]
    assert in_order(["over 20", "10–20", "under 3", "3–9", ""]) == ["under 3", "3–9", "10–20", "over 20", ""]
    assert in_order(["Школа 10", "Лицей 12", "Школа 9"]) == ["Лицей 12", "Школа 9", "Школа 10"]


def test_both_languages_have_the_same_sections(few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    found = {}
    languages: tuple[Literal["ru", "en"], ...] = ("ru", "en")
    for name in languages:
        cdx.report(few, tmp_path / name, language=name)
        found[name] = [Page((tmp_path / name / "index.html").read_text(encoding="utf-8")).ids]
        found[name].append(Page(page_of(tmp_path / name, PERSON)).ids)
    assert found["ru"] == found["en"]
    assert all(len(ids) >= 5 for ids in found["ru"])


def test_pages_made_by_processes_are_the_same(folder: Path, profiles: cdx.DeficitProfiles, tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        cdx.report(profiles, tmp_path / "r", language="ru" if language(folder) == "ru" else "en", executor=executor)
    for file in filter(Path.is_file, folder.rglob("*")):
        assert (tmp_path / "r" / file.relative_to(folder)).read_bytes() == file.read_bytes(), file.name


def test_csv_reads_back(folder: Path, profiles: cdx.DeficitProfiles) -> None:
    ru = language(folder) == "ru"
    raw = (folder / "profiles.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(folder / "profiles.csv", sep=";" if ru else ",", decimal="," if ru else ".", encoding="utf-8-sig")
    frame = profiles.to_frame()
    assert list(table.columns) == list(frame.columns)
    np.testing.assert_allclose(table["p_deficit"], frame["p_deficit"], rtol=1e-12)
    assert table["person"].iloc[-1] == frame["person"].iloc[-1]
    titles = [c.title.text("ru" if ru else "en") for c in profiles.competencies]
    assert table["title"].tolist() == titles * len(profiles)
    sheet = pd.read_excel(folder / "profiles.xlsx", engine="calamine")
    assert sheet.iloc[:, 2].tolist() == titles * len(profiles)


def test_workbook_has_real_numbers(folder: Path, profiles: cdx.DeficitProfiles) -> None:
    sheets = pd.read_excel(folder / "profiles.xlsx", sheet_name=None, engine="calamine")
    assert len(sheets) >= 4
    first = next(iter(sheets.values()))
    assert len(first) == len(profiles.to_frame())
    numbers = first.select_dtypes("number")
    close = [np.allclose(numbers[c], profiles.to_frame()["percent"], atol=0.051) for c in numbers]
    assert any(close)


def test_json_reads_back(folder: Path, profiles: cdx.DeficitProfiles) -> None:
    text = (folder / "profiles.json").read_text(encoding="utf-8")
    assert cdx.DeficitProfiles.from_json(text).to_json() == profiles.to_json()


def test_pages_run_and_load_nothing_else(folder: Path) -> None:
    """The policy stands before everything it rules, and names the digests of the script and the style of the page."""
    for path in pages(folder)[:2]:
        text = path.read_text(encoding="utf-8")
        policy = html.unescape(re.search(r'Content-Security-Policy" content="(.*?)"', text)[1])  # type: ignore[index]
        assert policy.startswith("default-src 'none';")
        assert "http" not in policy
        for tag, parts in (("style", 1), ("script", int(path.name == "index.html"))):
            contents = re.findall(rf"(?s)<{tag}[^>]*>(.*?)</{tag}>", text)
            assert len(contents) == parts
            for content in contents:
                digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
                assert f"'sha256-{digest}'" in policy
        assert not re.search(r"\son\w+=|javascript:", text)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "＝"])
def test_no_cell_and_no_heading_of_a_csv_is_a_formula(start: str, tmp_path: Path) -> None:
    table = {"person": [f"{start}cmd|x", "b"], f"{start}1+1": [1, 0], "i2": [0, 1]}
    found = cdx.load_responses(table, layout=Layout(person="person", items=(f"{start}1+1".strip(), "i2")))
    lines = cdx.report(found, tmp_path / "t.csv", language="en").read_bytes().decode("utf-8-sig").split("\r\n")
    cells = [cell.strip('"') for row in csv.reader(lines) for cell in row]
    assert not [c for c in cells if c.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]
    assert [c for c in cells if c.startswith("'")] or start in "\t\r"


def test_pages_of_persons_who_left_are_removed_and_nothing_else(few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    cdx.report(few, tmp_path)
    (tmp_path / "persons" / "notes.html").write_text("<p>mine</p>", encoding="utf-8")
    bank = cdx.load_bank("mathematics")
    three = cdx.diagnose(cdx.simulate(bank, 3, rng=np.random.default_rng(1)), bank)
    cdx.report(three, tmp_path)
    assert len(list((tmp_path / "persons").iterdir())) == 4
    assert (tmp_path / "persons" / "notes.html").is_file()


@pytest.mark.parametrize("ending", [".html", ".csv", ".xlsx", ".json"])
def test_a_file_target_gets_one_file(ending: str, few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    target = tmp_path / f"one{ending}"
    assert cdx.report(few, target) == target
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("name", ["bank", "responses", "calibration", "scores"])
def test_other_results_become_pages_too(name: str, tmp_path: Path) -> None:
    bank = cdx.load_bank("physics")
    responses = cdx.simulate(bank, 150, rng=np.random.default_rng(4))
    responses = responses.select(items=responses.items[:12])
    calibration = cdx.calibrate(responses, model="PCM")
    results = {"bank": bank, "responses": responses, "calibration": calibration, "scores": cdx.score(responses, calibration)}
    page = cdx.report(results[name], tmp_path / name)
    text = page.read_text(encoding="utf-8")
    assert Page(text).ids is not None
    assert "<svg" in text
    assert {p.name for p in page.parent.iterdir()} == {"index.html", "table.csv", "table.xlsx", "result.json"}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda p, d: cdx.report(p, d, language=wrong("de")), "language= takes 'ru'"),
        (lambda p, d: cdx.report(wrong(str(p)), d), "result= takes Result"),
        (lambda p, d: cdx.report(p, d / "x.doc"), "not written as .doc"),
    ],
)
def test_wrong_calls_get_one_sentence(call: Callable[[Any, Path], object], says: str, few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call(few, tmp_path)
    assert isinstance(caught.value, cdx.CompetencyDxError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("package", "target"), [("jinja2", "x.html"), ("xlsxwriter", "x.xlsx")])
def test_a_missing_extra_is_named(
    package: str, target: str, few: cdx.DeficitProfiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from competency_dx.reports import pages as module

    for name in vars(module).values():
        if hasattr(name, "cache_clear"):
            name.cache_clear()
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match=rf"{package}.*pip install"):
        cdx.report(few, tmp_path / target)


def big_cohort(persons: int = 120) -> cdx.DeficitProfiles:
    bank, rng = cdx.load_bank("mathematics"), np.random.default_rng(5)
    drawn = cdx.simulate(bank, persons, rng=rng).select(items=bank.forms[0].items)
    school = rng.choice(9, persons, p=[0.03, 0.05, 0.07, 0.1, 0.1, 0.12, 0.15, 0.18, 0.2])
    background = {"Школа": names([f"Лицей {k}" for k in school]), "Муниципалитет": names([f"М{k % 3}" for k in school])}
    ids = [f"т-{7919 * k % 10007:05d}" for k in range(1, persons + 1)]
    return cdx.diagnose(replace(drawn, persons=names(ids), background=background), bank)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_aggregates_name_no_person(language: Literal["ru", "en"], tmp_path: Path) -> None:
    """Nor do files that an earlier report left in the folder; what is not the library's stays."""
    profiles = big_cohort()
    with_finding = replace(profiles, findings=(*profiles.findings, Template("competencies.misfit").of(profiles.persons[:3])))
    cdx.report(with_finding, tmp_path / "r", language=language)
    (tmp_path / "r" / "notes.txt").write_text("mine", encoding="utf-8")
    cdx.report(with_finding, tmp_path / "r", language=language, show="aggregates")
    inside = {p.relative_to(tmp_path / "r").parts[0] for p in (tmp_path / "r").rglob("*")}
    assert inside == {"index.html", "groups", "cohort.csv", "cohort.xlsx", "notes.txt"}
    texts = [p.read_bytes().decode("utf-8", "replace") for p in (tmp_path / "r").rglob("*.*")]
    with zipfile.ZipFile(tmp_path / "r" / "cohort.xlsx") as book:
        texts += [book.read(name).decode("utf-8") for name in book.namelist()]
    assert not [p for p in profiles.persons if any(p in text for text in texts)]
    assert any(strings(language)["finding_of_persons"] in text for text in texts)
    for page in (tmp_path / "r").rglob("*.html"):
        for link in Page(page.read_text(encoding="utf-8")).links:
            assert link.startswith("#") or (page.parent / unquote(link)).resolve().is_file(), link
    cdx.report(profiles, tmp_path / "r", language=language)
    assert not (tmp_path / "r" / "groups").exists()


def test_aggregates_show_the_same_everywhere_and_nothing_about_few(tmp_path: Path) -> None:
    """Numbers of table, workbook and pages are those of the persons, and each of ten or more."""
    profiles = big_cohort()
    cdx.report(profiles, tmp_path / "r", language="en", show="aggregates")
    table = pd.read_csv(tmp_path / "r" / "cohort.csv", encoding="utf-8-sig", keep_default_na=False)
    sheet = pd.read_excel(tmp_path / "r" / "cohort.xlsx", sheet_name="Groups", engine="calamine", keep_default_na=False)
    assert table.astype(str).replace("", "nan").to_numpy().shape == sheet.to_numpy().shape
    assert (table["persons"] >= 10).all()
    counts = table["n"][table["n"] != ""].astype(int)
    assert ((counts == 0) | (counts >= 10)).all()
    frame = profiles.to_frame()
    schools, n_shown = dict(zip(profiles.persons, profiles.background["Школа"], strict=True)), 0
    for row in table.to_dict("records"):
        if row["column"] == "Школа" and row["percent"] != "":
            mine = (frame["person"].map(schools) == row["group"]) & (frame["competency"] == row["competency"])
            of_group = frame[mine & ~frame["status"].isin(["no_items", "misfit", "low_effort"])]
            assert len(of_group) == int(row["n"])
            assert float(row["percent"]) == pytest.approx(of_group["percent"].mean(), abs=0.051)
            k = int((of_group["state"] == "confirmed").sum())
            assert row["share"] == "" or min(k, len(of_group) - k) >= 10
            assert row["share"] == "" or float(row["share"]) == pytest.approx(100 * k / len(of_group), abs=0.051)
            n_shown += 1
    assert n_shown > 30
    index = (tmp_path / "r" / "index.html").read_text(encoding="utf-8")
    small = {s for s, k in Counter(profiles.background["Школа"]).items() if k < 10}
    assert small
    assert not [s for s in small if f">{s}<" in index]


def test_means_of_a_competency_are_of_all_who_answered_not_of_those_with_a_conclusion(tmp_path: Path, quiet: Any) -> None:
    """Who gets a conclusion on a short domain depends on the answers: the mean of these alone is 20 points off."""
    bank = cdx.load_bank("physics")
    drawn = cdx.simulate(bank, np.random.default_rng(1).normal(size=400), rng=np.random.default_rng(3))
    with quiet():
        profiles = cdx.diagnose(drawn.select(items=list(bank.forms[0].items)), bank)
    at = profiles.index("PHY.S.01")
    concluded = profiles.status[:, at] == 0
    everybody, few = profiles.percent[:, at].mean(), profiles.percent[concluded, at].mean()
    assert 0.2 < concluded.mean() < 0.6
    assert few < everybody - 10
    for show in ("persons", "aggregates"):
        folder = tmp_path / show
        cdx.report(profiles, folder, language="en", show=show)
        book = "profiles.xlsx" if show == "persons" else "cohort.xlsx"
        sheet = pd.read_excel(folder / book, sheet_name="Cohort summary", engine="calamine").set_index("Code")
        assert sheet.loc["PHY.S.01", "Answered"] == 400
        assert sheet.loc["PHY.S.01", "Mean"] == pytest.approx(everybody, abs=0.051)


def test_the_list_of_persons_counts_a_deficit_of_the_whole_test(profiles: cdx.DeficitProfiles, tmp_path: Path) -> None:
    """A unit counts where none below it is confirmed, so that "confirmed" and "confirmed: 0" never stand in one row."""
    codes = [c.code for c in profiles.competencies]
    below = [[k for k, code in enumerate(codes) if code.startswith(f"{unit}.")] for unit in codes]
    deficit = profiles.state == 0
    counts = [sum(row[c] and not row[below[c]].any() for c in range(len(codes))) for row in deficit]
    cdx.report(profiles, tmp_path / "r", language="en")
    table = (tmp_path / "r" / "index.html").read_text(encoding="utf-8").partition('id="people"')[2]
    rows = re.findall(r"<tr><td>.*?>([^<]+)</a>.*?<td class=\"n\">(\d+)</td></tr>", table)
    assert {html.unescape(person): int(n) for person, n in rows} == dict(zip(profiles.persons, counts, strict=True))
    assert not deficit.any(axis=1)[np.array(counts) == 0].any()


def test_two_columns_of_one_meaning_keep_their_names(profiles: cdx.DeficitProfiles, tmp_path: Path) -> None:
    more = {name: names([name[::-1]] * len(profiles)) for name in ("школа", "организация", "район")}
    cdx.report(replace(profiles, background=more).select(profiles.persons[:2].tolist()), tmp_path / "r", language="ru")
    page = next((tmp_path / "r" / "persons").glob("*.html")).read_text(encoding="utf-8")
    assert [page.count(f">{title}:<") for title in ("Школа", "Организация", "Муниципалитет", "Район")] == [1, 1, 1, 0]


def _ranges(shown: list[tuple[np.ndarray, float]], hidden: list[np.ndarray], sizes: np.ndarray) -> list[float]:
    """Return how many persons each hidden sum of the cells (A,) of these sizes may be more or less, given the sums that are shown."""
    rows, sums = np.array([a for a, _ in shown], dtype=float).reshape(-1, len(sizes)), [x for _, x in shown]
    bounds: Any = [(0, n) for n in sizes]
    found = np.array([[linprog(way * of, A_eq=rows, b_eq=sums, bounds=bounds).fun for way in (1, -1)] for of in hidden], dtype=float)
    return (-found.sum(axis=1)).tolist() if len(hidden) else []


@pytest.mark.parametrize("seed", range(3))
def test_aggregates_tell_no_result_of_a_group_whose_persons_are_alike(seed: int, tmp_path: Path, quiet: Any) -> None:
    """Counts by state and shares of confirmed deficits, attacked by linear programmes over all tables of a report."""
    bank, rng = cdx.load_bank("physics"), np.random.default_rng(seed)
    drawn = cdx.simulate(bank, 130, rng=rng)
    scores, school = drawn.scores.copy(), np.array(["z"] * 11 + ["y"] * 14 + [f"s{k}" for k in rng.integers(3, size=105)], dtype=object)
    scores[:11], scores[11:25] = 0, drawn.max_scores
    town = np.where(np.isin(school, ["z", "s0"]), "t1", "t2").astype(object)
    responses = replace(drawn, scores=scores, background={"school": school, "town": town})
    with quiet():
        profiles = cdx.diagnose(responses, bank)
    cdx.report(profiles, tmp_path / "r", language="en", show="aggregates")
    table = pd.read_csv(tmp_path / "r" / "cohort.csv", encoding="utf-8-sig", keep_default_na=False)
    assert set(table[table["group"].isin(["z", "y"])]["share"]) == {""}
    assert "" in set(table[table["group"] == "z"]["percent"])
    sheet = pd.read_excel(tmp_path / "r" / "cohort.xlsx", engine="calamine", keep_default_na=False)
    atoms, at = np.unique(school, return_inverse=True)
    told = 0
    for (c, competency), states in zip(enumerate(profiles.competencies), sheet.iloc[:, 2:6].to_numpy(), strict=True):
        own, n = np.bincount(profiles.state[:, c], minlength=5)[:4], int((profiles.state[:, c] < 4).sum())
        seen = np.array([x != "" for x in states])
        assert [int(x) for x in states[seen]] == own[seen].tolist()
        assert ((own[seen] == 0) | (own[seen] >= 10)).all()
        assert n < 10 or (own[seen] < n).all()
        totals = [(np.ones(4), float(n)), *((np.eye(4)[k], float(own[k])) for k in np.flatnonzero(seen))]
        assert not seen.sum() or all(r >= 10 - 1e-6 for r in _ranges(totals, [*np.eye(4)[~seen]], np.full(4, n)))
        there, sums, hidden = profiles.state[:, c] < 4, [], []
        sizes = np.bincount(at[there], minlength=len(atoms)).astype(float)
        for row in table[table["competency"] == competency.code].to_dict("records"):
            of = (
                np.ones(len(atoms))
                if not row["column"]
                else np.array([row["group"] in {a, town[school == a][0]} for a in atoms], dtype=float)
            )
            if row["share"] != "":
                sums.append((of, float(row["share"]) / 100 * float(row["n"])))
            elif row["n"] not in {"", "0"}:
                hidden.append(of)
        sums = [(of, round(k)) for of, k in sums]
        told += len(sums)
        for of, width in zip(hidden, _ranges(sums, hidden, sizes), strict=True):
            assert width >= min(0.1 * (of @ sizes), 10) - 1e-6, (competency.code, of)
    assert told


def test_aggregates_of_few_or_of_other_results_are_refused(few: cdx.DeficitProfiles, tmp_path: Path) -> None:
    scores = cdx.score(cdx.simulate(cdx.load_bank("physics"), 12, rng=np.random.default_rng(1)), cdx.load_bank("physics"))
    with pytest.raises(ReportError, match="Scores"):
        cdx.report(scores, tmp_path / "r", show="aggregates")
    with pytest.raises(ReportError, match=r"9 persons.*10 or more"):
        cdx.report(few.select(few.persons[:9]), tmp_path / "r", show="aggregates")
    with pytest.raises(ReportError, match=r"one result with its persons"):
        cdx.report(few, tmp_path / "r.json", show="aggregates")
    assert not list(tmp_path.iterdir())


def test_interval_table_escapes_holds_its_scale_and_marks_what_is_borrowed() -> None:
    row = partial(IntervalRow, depth=0, look=LOOKS[0], figures="40 %", words="yes")
    rows = [row(label="A <b>", at=(40.0, 30.0, 155.0)), row(label="B", at=(40.0, 30.0, 55.0), borrowed=True)]
    table = macro("interval_table", rows, (60.0, 80.0), ("below", "above"), "<t>")
    assert "<b>" not in table
    assert "A &lt;b&gt;" in table
    assert "155" not in table
    broken = [row.count('stroke-width="2" stroke-dasharray') for row in table.split("<tr")[2:]]
    assert broken == [0, 1]


def test_a_stacked_bar_is_full() -> None:
    widths = re.findall(r'width="([\d.]+)%" height="100%" fill', macro("stacked_bar", [3, 0, 1, 4, 0], 8))
    assert [float(x) for x in widths] == [37.5, 12.5, 50.0]


def test_a_map_counts_persons_where_items_stand() -> None:
    def drawn(*of: Any, hollow: list[bool]) -> str:
        words = {"map": "map", "map_left": "persons", "map_right": "items"}
        return macro("item_map", item_map(*of, hollow=hollow, language="ru"), words)

    text = drawn(np.array([-0.1, -0.1, 2.3, np.nan]), np.array([0.4, np.nan]), ["a<b", "c"], hollow=[True, False])
    said = re.findall(r">([^<]+)</text>", text)
    assert [*said] == ["−1", "0", "1", "2", "2", "1", "a&lt;b", "persons", "items"]
    assert text.count("<circle") == 1
    assert drawn(np.zeros(0), np.zeros(0), [], hollow=[]).count("<rect") == 0
