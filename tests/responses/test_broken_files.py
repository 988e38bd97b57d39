"""Files that are not what they seem: encodings, shifted rows, open quotes, hidden sheets, other formats under a wrong name."""

from __future__ import annotations

import csv
import gzip
import html
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.bank import ItemBank
from competency_dx.errors import ResponsesError
from competency_dx.responses import Layout, Responses, load_responses
from competency_dx.responses.reading.contents import decode

openpyxl = pytest.importorskip("openpyxl")

BODY = "Код участника;Муниципалитет;M01;M05\nт-1;Город;3;2,5\nт-2;Село;4;2,65\n"


def codes(responses: Responses) -> set[str]:
    return {f.code.removeprefix("responses.") for f in responses.findings}


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp866", "iso8859-5", "utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("case", [str, str.upper, str.title])
def test_russian_encodings(tmp_path: Path, bank: ItemBank, encoding: str, case: object) -> None:
    text = BODY.replace("Муниципалитет", str.upper("Муниципалитет")) if case is str.upper else BODY
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    found = load_responses(tmp_path / "a.csv", bank=bank)
    assert found.persons.tolist() == ["т-1", "т-2"]
    assert [v.tolist() for v in found.background.values()] == [["Город", "Село"]]
    if encoding != "utf-8":
        assert encoding.removesuffix("-le").removesuffix("-be") in next(f for f in found.findings if f.code == "responses.encoding").en


WORDS = st.sampled_from(
    ("участник", "школа", "район", "ответ", "город", "село", "№", "мнение", "учитель", "ИВАНОВО", "Тест", "физика", "объём")
)


@settings(max_examples=40, deadline=None)
@given(words=st.lists(WORDS, min_size=3, max_size=8), encoding=st.sampled_from(["cp1251", "koi8-r", "cp866", "iso8859-5"]))
def test_any_russian_words_are_read_back(tmp_path_factory: pytest.TempPathFactory, words: list[str], encoding: str) -> None:
    words = [w for w in words if encoding != "koi8-r" or w != "№"]  # which KOI8-R has not
    path = tmp_path_factory.getbasetemp() / "words.csv"
    path.write_bytes(("код;x;сведения\n1;0;" + " ".join(words) + "\n2;1;да\n").encode(encoding))
    found = load_responses(path)
    assert found.background["сведения"].tolist() == [" ".join(words), "да"]


WRAPS = {
    "tags": '<p dir="ltr" style="text-align: left;"><b>{html}</b><br></p>',
    "spaces": "&nbsp;{html}&#160;",
    "json": '{{"text": {json}, "files": []}}',
    "number": '{{ "number" : {json} }}',
}


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
@settings(max_examples=25, deadline=None)
@given(
    cells=st.lists(st.sampled_from(["3", "4", "2,5", "2,65", "x<3", "a<b>c", "R&D", "да <или> нет", ""]), min_size=4, max_size=12),
    wrap=st.sampled_from([*WRAPS]),
)
def test_markup_around_answers_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, bank: ItemBank, cells: list[str], wrap: str
) -> None:
    folder, pairs = tmp_path_factory.getbasetemp(), [*zip(cells, reversed(cells), strict=True)]
    wrapped = {c: c and WRAPS[wrap].format(html=html.escape(c), json=json.dumps(c)) for c in cells}
    read = list[Responses | str]()
    for name, of in (("plain", {c: c for c in cells}), ("wrapped", wrapped)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["id", "M01", "M05"], *([f"p{k}", of[a], of[b]] for k, (a, b) in enumerate(pairs))])
        try:
            read.append(load_responses(folder / f"{name}.csv", bank=bank, layout=Layout(unreadable="leave_out", cells="raw")))
        except ResponsesError as fault:
            read.append(fault.code)
    plain, found = read
    if isinstance(plain, str) or isinstance(found, str):
        assert plain == found
        return
    assert plain.answers is not None
    assert found.answers is not None
    assert (found.scores == plain.scores).all()
    assert (found.reasons == plain.reasons).all()
    assert found.answers.vocabulary == plain.answers.vocabulary
    assert codes(found) - codes(plain) == ({"markup"} if any(cells) else set())


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
@pytest.mark.parametrize("cell", ["10<sup>5</sup>", '{"choices": [true, false]}', '{"text": "5", "files": ["a.png"]}', "<p", "3 &lt 4"])
def test_markup_that_says_more_is_left(bank: ItemBank, cell: str) -> None:
    found = load_responses([{"id": k, "M05": c} for k, c in (("a", "2,5"), ("b", "2,5"), ("c", "1"), ("d", cell))], bank=bank)
    assert found.answers is not None
    assert found.scores[:, 0].tolist()[-1] == 0
    assert "markup" not in codes(found)


@pytest.mark.parametrize("key", ["<br>", "</p>", "<b>да</b>", "&lt;", "x<b>y"])
def test_markup_that_is_the_answer_is_right(make_item: Any, make_bank: Any, key: str) -> None:
    bank = make_bank([make_item("A", "text", key=[key]), make_item("B", "text", key=["да"])])
    assert load_responses([{"id": k, "A": key, "B": "да"} for k in "abcd"], bank=bank).scores.all()


LONG = [f"p{k};3;2,5" for k in range(60)]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["person;M01;M05", "a;3;2,5", "b;4;2,6;лишнее", "c;3;2"], "line 3 has 4 cells, the header 3"),
        (["person;M01;M05", *LONG, "b;4;2,6;лишнее"], "line 62 has 4 cells, the header 3"),
        (["person;M01;M05", "a;3;2,5", 'b;"4;2,6', "c;3;2,5"], "quotation mark opened near line 3"),
        (["person;M01;M05", *LONG, 'b;"4;2,6', "c;3;2,5"], "quotation mark opened near line 62"),
        (["person;M01;M05", "a;3;2,5", 'b;"4;2,6', "c;3;2,5", 'd;"4;2,6'], "quotation mark opened near line"),
        (["person;M01;M05", *LONG, 'b;"4;2,6', "c;3;2,5", 'd";4;2,6', "e;3;2"], "quotation mark opened near line"),
        (["место;M05", "a;3;2,5", "b;4;2,6"], "line 2 has 3 cells, the header 2"),
        (["M01,M05", "3,2,5", "4,2,6"], "line 2 has 3 cells, the header 2"),
    ],
)
def test_rows_that_are_longer_and_quotes_that_stay_open(tmp_path: Path, bank: ItemBank, lines: list[str], sentence: str) -> None:
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(cdx.CompetencyDxError, match=sentence) as told:
        load_responses(tmp_path / "a.csv", bank=bank)
    assert "\n" not in str(told.value)


def test_answers_of_several_lines_and_empty_cells_behind_are_read(tmp_path: Path, bank: ItemBank) -> None:
    lines = ["person;M01;M07;;", 'a;3;"ёж, или\nежи; два";;', "b;4;нет;;"]
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    found = load_responses(tmp_path / "a.csv", bank=bank)
    assert found.persons.tolist() == ["a", "b"]
    assert "no_heading" not in codes(found)


HTML = "<html><body><table><tr><td>person</td><td>M01</td></tr></table></body></html>"
XML = '<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>'


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.xls", HTML.encode(), r"a web page \(HTML\)"),
        ("a.xlsx", b"\xef\xbb\xbf  <!DOCTYPE html>" + HTML.encode(), r"a web page \(HTML\)"),
        ("a.csv", HTML.encode("utf-16"), r"a web page \(HTML\)"),
        ("a.xls", XML.encode(), "an XML document"),
        ("a.xls", BODY.encode("cp1251"), "plain text"),
        ("a.csv", b"PK\x03\x04rest", r"a workbook \(.xlsx\)"),
        ("a.csv", b"\xd0\xcf\x11\xe0rest", "protected by a password"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0rest", "protected by a password"),
        ("a.csv.gz", b"no gzip", "not readable as a gzip archive"),
        ("a.csv", gzip.compress(b"person;M01", mtime=0), "a gzip archive"),
    ],
)
def test_other_formats_under_a_wrong_name_are_named(tmp_path: Path, bank: ItemBank, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(cdx.CompetencyDxError, match=sentence):
        load_responses(tmp_path / name, bank=bank)


def workbook(path: Path, sheets: dict[str, list[list[object]]], hidden: str = "") -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
    book.save(path)
    return path


HEAD: list[object] = ["person", "M01", "M05"]
ROWS: list[list[object]] = [[f"p{k}", "4", "2.5"] for k in range(9)]
FULL: dict[str, list[list[object]]] = {"Видимый": [HEAD, ["a", "3", "2.5"]], "Полный": [HEAD, *ROWS]}


def test_a_hidden_sheet_that_is_fuller_is_told_of(tmp_path: Path, bank: ItemBank) -> None:
    path = workbook(tmp_path / "a.xlsx", FULL, hidden="Полный")
    with pytest.warns(cdx.CompetencyDxWarning, match=r"Hidden sheets .* Полный \(9\); sheet Видимый was read, which has 1 row"):
        found = load_responses(path, bank=bank)
    assert found.persons.tolist() == ["a"]
    assert len(load_responses(path, bank=bank, layout=Layout(sheet="Полный")).persons) == 9
    more: dict[str, list[list[object]]] = {
        "Видимый": FULL["Видимый"],
        "Полный": [[*HEAD, "M06"], *([*row, "013"] for row in FULL["Полный"][1:])],
    }
    with pytest.warns(cdx.CompetencyDxWarning, match="Hidden sheets"):
        assert load_responses(workbook(path, more, hidden="Полный"), bank=bank).persons.tolist() == ["a"]
    only: dict[str, list[list[object]]] = {"Обложка": [["Отчёт"]], "Полный": FULL["Полный"]}
    assert len(load_responses(workbook(path, only, hidden="Полный"), bank=bank).persons) == 9


def test_sheets_with_the_same_headings_are_told_of_without_a_bank(tmp_path: Path) -> None:
    rows: list[list[object]] = [["код", "x1", "x2"], ["a", 1, 0], ["b", 0, 1]]
    path = workbook(tmp_path / "a.xlsx", {"9А": rows, "9Б": rows, "Пояснения": [["текст"]]})
    with pytest.warns(cdx.CompetencyDxWarning, match="Other sheets hold answers too and were not read: 9Б"):
        load_responses(path)


def test_cells_under_no_heading_are_told_of(tmp_path: Path, bank: ItemBank) -> None:
    rows: list[list[object]] = [["person", "M01", "M05"], ["a", "3", "2.5"], ["b", "4", "2.5", "сдвиг"]]
    with pytest.warns(cdx.CompetencyDxWarning, match="under no heading .*: column 4"):
        found = load_responses(workbook(tmp_path / "a.xlsx", {"Лист": rows}), bank=bank)
    assert found.items == ("M01", "M05")


def test_a_sheet_that_the_book_names_and_has_not(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", {"Лист": [["id", "Q1"], ["a", "1"]]})
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "b.xlsx", "w") as new:
        for name in old.namelist():
            if "worksheets/sheet" not in name:
                new.writestr(name, old.read(name))
    with pytest.raises(ResponsesError, match="not readable as a workbook"):
        load_responses(tmp_path / "b.xlsx")


@pytest.mark.parametrize(
    "cells",
    [
        "АБВГ",
        "А-2; Б-3|Б-1; А-4|А-1; Б-1|Б-2; А-2",
        "0,80 ± 0,05|0,7 ± 0,1|1|2",
        "ДЕЖЗ",
        "К1=1|К1=2|К2=0|К1=0",
        "А1Б2В3|В1Г3А2|БВА|АБВГ",
    ],
)
@pytest.mark.parametrize("head", ["person;Q1", "Код участника;Q1", "код;№1"])
def test_cp1251_of_hardly_any_words_is_cp1251(cells: str, head: str) -> None:
    given = cells.split("|") if "|" in cells else [*cells]
    text = head + "\n" + "".join(f"т{k % 4}{k};{given[k % 4]}\n" for k in range(60))
    assert decode(text.encode("cp1251")) == (text, "cp1251")


@pytest.mark.parametrize("page", ["cp1251", "koi8-r", "cp866", "iso8859-5"])
@pytest.mark.parametrize("word", ["Лицей", "Ёж", "село"])
def test_two_encodings_in_one_file_are_named(tmp_path: Path, bank: ItemBank, page: str, word: str) -> None:
    whole = BODY + f"т-3;{word};3;2,5\n"
    (tmp_path / "a.csv").write_bytes(whole.encode().replace(word.encode(), word.encode(page)))
    with pytest.raises(ResponsesError, match="line 4 holds text in another encoding"):
        load_responses(tmp_path / "a.csv", bank=bank)
    (tmp_path / "cut.csv").write_bytes(BODY.encode() + "т-3;Лицей".encode()[:-1])
    with pytest.raises(ResponsesError, match="breaks off inside a letter"):
        load_responses(tmp_path / "cut.csv", bank=bank)


@pytest.mark.parametrize("page", ["cp1251", "latin-1", "cp1252", "cp866"])
def test_text_encoded_twice_is_named(tmp_path: Path, bank: ItemBank, page: str) -> None:
    twice = BODY.encode().decode(page, errors="replace")
    (tmp_path / "a.csv").write_text(twice, encoding="utf-8")
    with pytest.raises(ResponsesError, match="encoded twice"):
        load_responses(tmp_path / "a.csv", bank=bank)
    word = "Село".encode().decode(page, errors="replace")
    with pytest.raises(ResponsesError, match="column Место holds text that was encoded twice"):
        load_responses({"person": ["a", "b"], "Место": ["Город", word], "M01": ["3", "1"]}, bank=bank)


@pytest.mark.parametrize("mark", [" ", "\t", ";", ","])
@pytest.mark.parametrize(("ids", "quote"), [("т-{}", '"'), ("{}", '"'), ("a b {}", '"'), ("т-{}", ""), ("{}", "")])
def test_tables_as_r_writes_them(tmp_path: Path, mark: str, ids: str, quote: str) -> None:
    head = mark.join(f"{quote}I{j}{quote}" for j in range(1, 5))
    rows = [mark.join([quote + ids.format(k) + quote, *(str(k * j % 2) for j in range(1, 5))]) for k in range(1, 7)]
    (tmp_path / "a.txt").write_text("\n".join([head, *rows]), encoding="utf-8")
    found = load_responses(tmp_path / "a.txt")
    assert found.persons.tolist() == [ids.format(k) for k in range(1, 7)]
    assert found.items == ("I1", "I2", "I3", "I4")
    assert found.scores.tolist() == [[k * j % 2 for j in range(1, 5)] for k in range(1, 7)]
