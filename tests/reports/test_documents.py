"""Reports on groups, routes, decisions, growth and banks; text documents and prints have the words and numbers of the pages."""

from __future__ import annotations

import builtins
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.arrays import names
from competency_dx.competencies import CertificationRule
from competency_dx.errors import CompetencyDxError, MissingDependencyError, ReportError
from competency_dx.findings import in_results_only
from competency_dx.reports.outcome_pages import change_said, part_of
from competency_dx.reports.pages import strings
from competency_dx.reports.prints import page_parts
from competency_dx.result import Result
from competency_dx.routes import WHY, load_catalogue

Language = Literal["ru", "en"]
LANGUAGES: tuple[Language, ...] = ("ru", "en")
PLACES = ["a"] * 20 + ["b"] * 25 + ["c"] * 4 + ["d"] * 11
SCHOOLS = [f"s{k % 2}" for k in range(60)]
VOID = {"meta", "br", "input", "link"}


@pytest.fixture(scope="module")
def results(profiles: cdx.DeficitProfiles) -> dict[str, Result]:
    """Return one result of each kind that has a report of its own, of the same sixty persons."""
    placed = replace(profiles, background={"municipality": names(PLACES), "school": names(SCHOOLS)})
    bank = cdx.load_bank("mathematics")
    later = cdx.simulate(bank, 60, rng=np.random.default_rng(12))
    short = cdx.diagnose(later.select(persons=["1", "2"], items=bank.forms[0].items[:20]), bank)
    with in_results_only():
        after = cdx.diagnose(replace(later, persons=profiles.persons, background={"programme": names(["", "x"] * 30)}), bank)
        rule = CertificationRule(minimum={"MAT": 60.0, "MAT.S": 50.0}, purpose="certification")
        first = profiles.select([str(p) for p in profiles.persons[8:12]])
        return {
            "groups": cdx.compare_groups(placed, ["municipality", "school"], population_sizes={"": 300, "b": 50}, draws=100),
            "routes": cdx.recommend(
                first, load_catalogue("synthetic"), hours=48, wishes={str(first.persons[0]): ["MAT-06"]}
            ).with_mentors(first, map(str, first.persons)),
            "decisions": cdx.certify(first, rule),
            "growth": cdx.measure_growth(profiles.select([str(p) for p in profiles.persons[8:]]), after, by="programme", draws=100),
            "bank": bank,
            "items": cdx.check_items(later),
            "form": cdx.next_items(short, bank, n=2),
        }


FOLDERS = ("groups", "routes", "decisions")
KINDS = ("groups", "routes", "decisions", "growth", "bank", "items", "form")


class Words(HTMLParser):
    """Collects the words of a page but those of scripts, filters and ways back, and checks that tags are balanced."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found["href"] or ""] if tag == "a" else []
        hidden = tag in {"script", "style", "title", "svg"} or found.get("class") in {"filter", "back"}
        if tag not in VOID:
            self.open.append((tag, hidden or bool(self.open and self.open[-1][1])))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open and not self.open[-1][1]:
            self.texts.append(data)


def squeezed(text: str) -> str:
    return re.sub(r"[\s:—•]+", "", text)


def written(result: Result, target: Path, language: Language = "en") -> bytes:
    return cdx.report(result, target, language=language).read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_pages_are_whole_and_in_one_language(kind: str, language: Language, results: dict[str, Result], tmp_path: Path) -> None:
    index = cdx.report(results[kind], tmp_path / (kind if kind in FOLDERS else "x.html"), language=language)
    for path in [index, *sorted(index.parent.rglob("*.html"))[-2:]]:
        text = path.read_text(encoding="utf-8")
        page = Words(text)
        for link in page.links:
            assert (path.parent / unquote(link)).is_file(), link
        assert "&lt;svg" not in text
        assert not re.search(r"<(th|td)[^>]*>(nan|None)<", text)
        for svg in re.findall(r'<svg class="picture"[^>]*>', text):
            assert re.search(r'aria-label="[^"]+"', svg), svg
        words = re.sub("<[^>]+>", " ", " ".join(page.texts)) if kind != "form" else ""
        if language == "en":
            assert not re.findall("[А-Яа-яЁё]+", re.sub(r"П-\d+", "", words))
        else:
            names_and_ids = (
                r"sha256:\w+|competency_dx|mathematics|teacher|synthetic|review\.md|certification|municipality|school|programme"
            )
            assert not re.findall("[a-z]{4,}", re.sub(names_and_ids, "", words))


def test_every_group_that_is_shown_has_a_page_and_no_other(results: dict[str, Result], tmp_path: Path) -> None:
    groups = results["groups"]
    assert isinstance(groups, cdx.groups.GroupReport)
    index = cdx.report(groups, tmp_path, language="en")
    shown = [name for name, shown in zip(groups.groups, groups.shown, strict=True) if shown and name]
    assert len(list((tmp_path / "groups").iterdir())) == len(shown) > 3
    text = index.read_text(encoding="utf-8")
    assert re.findall(r'<a href="groups/[^"]*">(.*?)</a>', text) == shown
    for name in set(groups.groups) - {*shown, ""}:
        assert f">{name}<" not in text
    alone = written(groups, tmp_path / "alone.html").decode()
    assert "<a href" not in alone
    assert "<strong>c</strong>" not in "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "groups").iterdir())


def test_numbers_of_a_region_are_those_of_the_result(results: dict[str, Result], tmp_path: Path) -> None:
    groups = results["groups"]
    assert isinstance(groups, cdx.groups.GroupReport)
    text = written(groups, tmp_path / "x.html").decode().replace("\u00a0", " ")
    for c in range(len(groups.competencies)):
        mean, low, high = (float(x[0, c]) for x in (groups.percent, groups.percent_low, groups.percent_high))
        assert f"{mean:.0f} % ({low:.0f}–{high:.0f} %)" in text
        assert f"{groups.need_low[0, c]:.0f}–{groups.need_high[0, c]:.0f}" in text


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_than_half_is_said_only_where_the_whole_interval_is(one: float, other: float) -> None:
    low, high = sorted((one, other))
    key = part_of(low, high)
    at, to = (float(f"{100 * end:.0f}") for end in (low, high))  # as they are printed beside the words
    assert key != "part_most" or at > 50
    assert key != "part_few" or to < 50
    assert key != "part_half" or (at <= 51 and to >= 49)
    assert key in strings("ru")


@given(st.floats(0, 1))
def test_a_change_is_said_only_where_it_is_sure(p: float) -> None:
    assert {"growth_gain": p >= 0.95, "growth_loss": p <= 0.05, "growth_open": 0.05 < p < 0.95}[change_said(p)]


def test_decisions_are_said_with_their_probability_and_no_surer(results: dict[str, Result], tmp_path: Path) -> None:
    decisions = results["decisions"]
    assert isinstance(decisions, cdx.competencies.Decisions)
    cdx.report(decisions, tmp_path, language="en")
    pages = sorted((tmp_path / "persons").iterdir())
    assert len(pages) == len(decisions)
    for p, person in enumerate(decisions.persons):
        [text] = [page for x in pages if f"<strong>{person}</strong>" in (page := x.read_text(encoding="utf-8"))]
        reached = re.search("The minima are (not )?reached|There is no decision", text)
        assert reached
        said = {"The minima are reached": 0, "The minima are not reached": 1, "There is no decision": 2}[reached[0]]
        assert said == decisions.outcome[p]
        assert said != 0 or decisions.p_reached[p] >= decisions.rule.certain
        assert ("100\u00a0%" in text) is False
    assert (
        "no certification" in written(replace(decisions, rule=replace(decisions.rule, purpose="support")), tmp_path / "s.html").decode()
    )


def test_a_draft_says_each_step_and_what_stays_open(results: dict[str, Result], tmp_path: Path) -> None:
    routes = results["routes"]
    assert isinstance(routes, cdx.routes.Routes)
    cdx.report(routes, tmp_path, language="en")
    texts = {re.search("<strong>(.*?)</strong>", page)[1]: page for page in read(tmp_path / "persons")}  # type: ignore[index]
    for p, person in enumerate(map(str, routes.persons)):
        for k in routes.steps[p][routes.steps[p] >= 0]:
            assert f"({routes.programmes[k].id})" in texts[person]
        told = (routes.chosen[p] >= 0) | ((routes.why[p] > 0) & (routes.why[p] != WHY.index("no_conclusion")))
        assert texts[person].count("Probability of a deficit") == told.sum()
        for programme, limit in routes.unmet.get(person, {}).items():
            assert f"Wish {programme}." in texts[person]
            assert escape(strings("en")[f"route_left_{limit}"], quote=False) in texts[person]
        assert "not an assignment" in texts[person]
    demand = (tmp_path / "index.html").read_text(encoding="utf-8")
    for k, one in enumerate(routes.programmes):
        row = re.search(rf'<tr><th scope="row">{one.id} .*?</tr>', demand)
        assert row
        assert f'<td class="n">{(routes.steps == k).sum()}</td>' in row[0]


WRITTEN = ("", ".html", ".xlsx", ".docx", ".csv", ".pdf", ".json")


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value encountered", "ignore:All-NaN slice")
@pytest.mark.parametrize("n", [0, 1])
def test_a_selection_of_nobody_or_of_one_is_answered_by_every_verb(profiles: cdx.DeficitProfiles, n: int, tmp_path: Path) -> None:
    bank = cdx.load_bank("mathematics")
    placed = replace(profiles, background={"place": names(PLACES)})
    few = placed.select([str(p) for p in placed.persons[:n]])
    data = replace(cdx.simulate(bank, 60, rng=np.random.default_rng(3)), background={"place": names(PLACES)})
    answers = data.select(persons=[str(p) for p in data.persons[:n]])
    verbs: dict[str, Callable[[], object]] = {
        "diagnose": lambda: cdx.diagnose(answers, bank),
        "score": lambda: cdx.score(answers, bank),
        "calibrate": lambda: cdx.calibrate(answers, model="PCM", bank=bank),
        "compare_groups": lambda: cdx.compare_groups(few, "place"),
        "measure_growth": lambda: cdx.measure_growth(few, placed),
        "recommend": lambda: cdx.recommend(few, load_catalogue("synthetic")),
        "certify": lambda: cdx.certify(few, CertificationRule(minimum={"MAT": 60.0})),
        "next_items": lambda: cdx.next_items(few, bank, n=2),
        "check_items": lambda: cdx.check_items(answers),
        "check_fit": lambda: cdx.check_fit(answers, bank),
        "check_dif": lambda: cdx.check_dif(answers, by="place"),
        "plausible_values": lambda: cdx.plausible_values(answers, bank, rng=np.random.default_rng(1)),
        "profiles": lambda: few,
    }
    with in_results_only():
        for name, verb in verbs.items():
            try:
                made = verb()
            except CompetencyDxError as fault:
                told = [fault.text("ru"), fault.text("en"), name]
            else:
                told = []
            assert not any("\n" in text or text == "profiles" for text in told)
            if told:
                continue
            assert isinstance(made, Result)
            assert type(made).from_json(made.to_json()).to_json() == made.to_json()
            for kind in made.chart_kinds():
                made.chart(kind)
            for ending in WRITTEN if name in {"profiles", "recommend", "certify"} else WRITTEN[:1]:
                target = tmp_path / f"{name}{ending}"
                if name == "profiles" and not n:
                    with pytest.raises(ReportError, match="nobody to report on"):
                        cdx.report(made, target)
                else:
                    cdx.report(made, target)


def read(folder: Path) -> Iterator[str]:
    return (path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


def test_no_key_stands_in_a_passport(results: dict[str, Result], tmp_path: Path) -> None:
    bank = results["bank"]
    assert isinstance(bank, cdx.ItemBank)
    text = written(bank, tmp_path / "x.html", "ru").decode()
    for item in bank.items:
        assert item.id in text
        for secret in (item.solution, item.stem, *item.options.values()):
            assert len(secret) < 25 or secret not in text


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"bank"}))
def test_parts_have_every_word_of_the_page(kind: str, results: dict[str, Result], tmp_path: Path) -> None:
    page = written(results[kind], tmp_path / "x.html").decode()
    texts = [run.get("text", "") for part in flat(page_parts(page)) for run in runs_of(part)]
    assert squeezed("".join(texts)).replace("_", "") == squeezed("".join(Words(page).texts)).replace("_", "")
    assert sum("svg" in run for part in flat(page_parts(page)) for run in runs_of(part)) >= page.count('class="picture"')


def flat(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [x for part in parts for x in part.get("parts", [part])]


def runs_of(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [run for row in part["rows"] for cell in row for run in cell["runs"]] if "rows" in part else list(part.get("runs", ()))


@pytest.mark.parametrize("kind", ["groups", "routes", "form", "profiles"])
def test_a_text_document_has_the_words_of_its_pages(
    kind: str, results: dict[str, Result], profiles: cdx.DeficitProfiles, tmp_path: Path
) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    from docx.oxml.ns import qn

    pytest.importorskip("typst", reason="typst is not installed")
    result = profiles.select([str(p) for p in profiles.persons[:1]]) if kind == "profiles" else results[kind]
    first = written(result, tmp_path / "a.docx")
    assert kind == "routes" or first == written(result, tmp_path / "b.docx")
    book = docx.Document(io.BytesIO(first))
    assert book.core_properties.title
    texts = "".join(node.text or "" for node in book.element.body.iter() if node.tag.endswith("}t"))
    pages = [*read(tmp_path / "p" / "persons")] if kind == "profiles" and cdx.report(result, tmp_path / "p", language="en") else []
    for page in pages or [written(result, tmp_path / "x.html").decode()]:
        words = [run["text"] for part in flat(page_parts(page)) for run in runs_of(part) if run.get("text", "").strip()]
        assert all(squeezed(word) in squeezed(texts) for word in words)
    tables = book.element.body.xpath("//w:tbl")
    assert len(book.element.body.xpath("//w:tblHeader")) == len(tables)
    assert all(picture.get("descr") is not None for picture in book.element.body.xpath("//wp:docPr"))
    for table in tables:  # as wide as between the margins; no picture is wider than its cell, no word is parted
        wide = [int(column.get(qn("w:w"))) for column in table.xpath("./w:tblGrid/w:gridCol")]
        assert sum(wide) == pytest.approx((21 - 2 * 1.5) * 1440 / 2.54, rel=0.01)
        for picture in table.xpath(".//w:tc[.//wp:extent]"):
            room = int(picture.xpath("./w:tcPr/w:tcW")[0].get(qn("w:w")))
            assert sum(int(x.get("cx")) for x in picture.xpath(".//wp:extent")) / 635 <= room - 100
        for k, row in enumerate(table.xpath("./w:tr")):
            for room, cell in zip(wide, row.xpath("./w:tc"), strict=True):
                points = int((cell.xpath(".//w:sz") or table.xpath(".//w:sz"))[0].get(qn("w:val"))) / 2
                runs = [node.text or "" for node in cell.iter(qn("w:t"))]
                longest = max(map(len, " ".join(runs).split(" ") if k else "".join(runs).split()), default=0)
                assert (min(longest, 18) if k else longest) * 0.68 * points * 20 <= room - 100


@pytest.mark.parametrize(("kind", "language"), [("groups", "ru"), ("routes", "en"), ("form", "ru"), ("profiles", "ru")])
def test_a_print_is_the_same_whenever_it_is_made(
    kind: str, language: Language, results: dict[str, Result], profiles: cdx.DeficitProfiles, tmp_path: Path
) -> None:
    typst = pytest.importorskip("typst", reason="typst is not installed")
    result = profiles.select([str(p) for p in profiles.persons[:3]]) if kind == "profiles" else results[kind]
    first = written(result, tmp_path / "a.pdf", language)
    assert first.startswith(b"%PDF-")
    assert kind == "routes" or first == written(result, tmp_path / "b.pdf", language)
    assert typst is not None
    if kind == "profiles":  # two pages for each
        assert len(re.findall(rb"/Type\s*/Page\b", first)) in {0, 6}


def test_a_profile_has_no_page_of_another_person_in_its_document(profiles: cdx.DeficitProfiles, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx", reason="python-docx is not installed")
    pytest.importorskip("typst", reason="typst is not installed")
    one, other = (str(p) for p in profiles.persons[10:12])
    book = docx.Document(io.BytesIO(written(profiles.select([one]), tmp_path / "x.docx")))
    texts = "".join(node.text or "" for node in book.element.body.iter() if node.tag.endswith("}t"))
    assert one in texts
    assert other not in texts


def test_a_print_of_too_many_persons_is_refused(profiles: cdx.DeficitProfiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("competency_dx.reports.api.LONGEST_PRINT", 2)
    three = profiles.select([str(p) for p in profiles.persons[:3]])
    with pytest.raises(ReportError, match="3 pages, and takes 2 at most"):
        cdx.report(three, tmp_path / "all.pdf")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("package", "ending", "told"), [("docx", ".docx", "python-docx"), ("typst", ".pdf", "typst")])
def test_a_missing_package_is_named(
    package: str, ending: str, told: str, results: dict[str, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match=rf"{told}.*pip install.*{ending[1:]}"):
        cdx.report(results["decisions"], tmp_path / f"x{ending}")
