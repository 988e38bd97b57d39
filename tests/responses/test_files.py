"""The files that analysts really have."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from competency_dx.errors import CompetencyDxWarning, ResponsesError
from competency_dx.findings import Finding
from competency_dx.responses import Layout, Reason, Responses, load_responses

if TYPE_CHECKING:
    from pathlib import Path

    from competency_dx.bank import Item, ItemBank

openpyxl = pytest.importorskip("openpyxl")
xlsxwriter = pytest.importorskip("xlsxwriter")
pytest.importorskip("python_calamine")

Rows = Sequence[Sequence[object]]

TABLE: Rows = [
    ["Код участника", "Муниципалитет", "M01", "M05", "M06"],
    ["т-1", "Город", "3", "2,5", "013"],
    ["т-2", "Село", "4", "2,65", "031"],
    ["т-3", "Село", "", "7", "013"],
]
SCORES = [[1, 1, 1], [0, 0, 0], [0, 0, 1]]


def codes(responses: Responses) -> list[str]:
    return [f.code.removeprefix("responses.") for f in responses.findings]


def finding(responses: Responses, code: str) -> Finding:
    return next(f for f in responses.findings if f.code == f"responses.{code}")


def write_xlsx(path: Path, rows: Rows, sheet: str = "Лист1") -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = sheet
    for row in rows:
        book.active.append(["" if c is None else c for c in row])
    book.save(path)
    return path


def write_csv(path: Path, rows: Rows, mark: str = ";", encoding: str = "utf-8") -> Path:
    quoted = [[f'"{c}"' if mark in str(c) else str(c) for c in row] for row in rows]
    path.write_bytes("\r\n".join(mark.join(row) for row in quoted).encode(encoding))
    return path


@pytest.mark.parametrize("mark", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_csv_in_every_encoding_with_decimal_commas(tmp_path: Path, bank: ItemBank, mark: str, encoding: str) -> None:
    found = load_responses(write_csv(tmp_path / "a.csv", TABLE, mark, encoding), bank=bank)
    assert found.persons.tolist() == ["т-1", "т-2", "т-3"]
    assert found.items == ("M01", "M05", "M06")
    assert found.scores.tolist() == SCORES
    assert found.reasons[2, 0] == Reason.NOT_ADMINISTERED
    assert found.background["Муниципалитет"].tolist() == ["Город", "Село", "Село"]
    assert ("encoding" in codes(found)) == (encoding in {"cp1251", "utf-16"})


def test_csv_with_a_line_for_excel_and_titles(tmp_path: Path, bank: ItemBank) -> None:
    path = tmp_path / "a.csv"
    body = "\n".join(";".join(map(str, row)) for row in TABLE)
    path.write_text(f"sep=;\nДиагностика 2025;;;;\n\n{body}\n;;;;\n\x1a", encoding="utf-8")
    found = load_responses(path, bank=bank)
    assert found.scores.tolist() == SCORES
    assert "Диагностика 2025" in finding(found, "header_rows").ru


def test_csv_with_a_row_too_long(tmp_path: Path, bank: ItemBank) -> None:
    path = tmp_path / "a.csv"
    lines = ["person;M01", *(f"p{k};3" for k in range(60)), "p99;3;4;5"]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ResponsesError, match="more cells than the header"):
        load_responses(path, bank=bank)


@pytest.mark.parametrize(("line", "named"), [("p1\t3\t4", "tab"), ("p1,3,4", "','"), ("p1|3|4", "'\\|'")])
def test_a_row_of_another_delimiter_is_no_person(tmp_path: Path, bank: ItemBank, line: str, named: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"person;M01;M02\np0;3;4\np2;;\n{line}\n", encoding="utf-8")
    with pytest.raises(ResponsesError, match=f"line 4 is delimited by {named}, the header by ';'"):
        load_responses(path, bank=bank)


def test_workbook_equals_csv(tmp_path: Path, bank: ItemBank) -> None:
    found = load_responses(write_xlsx(tmp_path / "a.xlsx", TABLE), bank=bank)
    assert found.scores.tolist() == SCORES
    assert found.persons.tolist() == ["т-1", "т-2", "т-3"]


def test_two_header_rows_merged_cells_and_totals(tmp_path: Path, bank: ItemBank) -> None:
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.merge_range("A1:E1", "Результаты диагностики")
    sheet.merge_range("A2:A3", "Код участника")
    sheet.merge_range("B2:B3", "Муниципалитет")
    sheet.merge_range("C2:E2", "Предметный блок")
    sheet.write_row("C3", ["M01", "M05", "M06"])
    for k, row in enumerate(TABLE[1:], start=3):
        sheet.write_row(k, 0, row)
    sheet.write_row(7, 0, ["Итого", "", 0.33, 0.67, 0.67])
    sheet.write_row(8, 0, ["Средний балл", "", 1, 1, 1])
    book.close()
    found = load_responses(path, bank=bank)
    assert found.persons.tolist() == ["т-1", "т-2", "т-3"]
    assert found.scores.tolist() == SCORES
    assert list(found.background) == ["Муниципалитет"]
    assert {"header_rows", "total_rows", "empty_rows"} <= set(codes(found))
    assert "Итого" in finding(found, "total_rows").ru


def test_totals_label_beside_an_empty_id(tmp_path: Path, bank: ItemBank) -> None:
    rows = [*TABLE, ["", "Всего", "2", "1", "2"]]
    found = load_responses(write_csv(tmp_path / "a.csv", rows), bank=bank)
    assert len(found.persons) == 3


def test_a_category_called_average_is_a_person(tmp_path: Path, bank: ItemBank) -> None:
    rows = [["person", "образование", "M01"], ["a", "высшее", "3"], ["b", "среднее", "3"]]
    assert load_responses(write_csv(tmp_path / "a.csv", rows), bank=bank).persons.tolist() == ["a", "b"]


def test_a_person_without_id_is_an_error(tmp_path: Path, bank: ItemBank) -> None:
    rows = [*TABLE, ["", "Село", "2", "1", "2"]]
    with pytest.raises(ResponsesError, match=r"rows 4 have no id in column Код участника"):
        load_responses(write_csv(tmp_path / "a.csv", rows), bank=bank)


def test_zeros_lost_in_a_number_column_are_restored_and_said(tmp_path: Path, bank: ItemBank) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [["person", "M06"], ["a", 13], ["b", 31], ["c", "013"], ["d", 999]])
    with pytest.warns(CompetencyDxWarning, match="leading zeros restored"):
        found = load_responses(path, bank=bank)
    assert found.scores[:, 0].tolist() == [1, 0, 1, 0]
    assert "2 answers" in finding(found, "zeros_restored").en
    assert finding(found, "zeros_restored").scope == ("M06",)
    assert found.explain("a", "M06", bank).raw == "13"
    assert found.explain("a", "M06", bank).normalised == "013"


def test_zeros_lost_in_text_are_not_restored_but_said(tmp_path: Path, bank: ItemBank) -> None:
    path = write_csv(tmp_path / "a.csv", [["person", "M06"], ["a", "13"], ["b", "013"], ["c", "31"]])
    with pytest.warns(CompetencyDxWarning, match="were not restored"):
        found = load_responses(path, bank=bank)
    assert found.scores[:, 0].tolist() == [0, 1, 0]
    assert "1 answer would" in finding(found, "zeros_lost").en


def test_answers_turned_into_dates(tmp_path: Path, bank: ItemBank) -> None:
    rows: Rows = [["person", "M03", "M05"], ["a", dt.date(2025, 2, 1), 2.5], ["b", "31", 2.45]]
    with pytest.warns(CompetencyDxWarning, match="turned into dates"):
        found = load_responses(write_xlsx(tmp_path / "a.xlsx", rows), bank=bank)
    assert found.reasons[:, 0].tolist() == [Reason.INVALID, Reason.ANSWERED]
    assert found.scores.tolist() == [[0, 1], [1, 1]]
    assert "2025-02-01" in finding(found, "date").en


def test_headers_of_several_lines(tmp_path: Path, bank: ItemBank) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [["Табельный\nномер", " M01\n"], ["7", "3"]])
    found = load_responses(path, bank=bank, layout=Layout(person="Табельный\nномер"))
    assert found.persons.tolist() == ["7"]
    assert found.items == ("M01",)


def test_the_sheet_with_the_items_is_read(tmp_path: Path, bank: ItemBank) -> None:
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Пояснения к таблице"])
    sheet = book.create_sheet("Ответы")
    for row in TABLE:
        sheet.append(list(row))
    book.save(path)
    found = load_responses(path, bank=bank)
    assert found.scores.tolist() == SCORES
    assert "Ответы" in finding(found, "sheet").ru
    assert load_responses(path, bank=bank, layout=Layout(sheet="Ответы")).scores.tolist() == SCORES
    with pytest.raises(ResponsesError, match="no sheet 'Ключи'"):
        load_responses(path, bank=bank, layout=Layout(sheet="Ключи"))


def test_parquet_and_json(tmp_path: Path, bank: ItemBank) -> None:
    header, *rows = TABLE
    frame = pd.DataFrame([[str(c) for c in r] for r in rows], columns=[str(h) for h in header])
    frame.to_parquet(tmp_path / "a.parquet")
    records = [dict(zip(map(str, header), row, strict=True)) for row in rows]
    (tmp_path / "a.json").write_text(json.dumps(records), encoding="utf-8")
    for name in ("a.parquet", "a.json"):
        assert load_responses(tmp_path / name, bank=bank).scores.tolist() == SCORES


def test_a_document_of_responses_is_read_back(tmp_path: Path, bank: ItemBank) -> None:
    first = load_responses(write_csv(tmp_path / "a.csv", TABLE), bank=bank)
    (tmp_path / "r.json").write_text(first.to_json(), encoding="utf-8")
    assert load_responses(tmp_path / "r.json").to_json() == first.to_json()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.docx", b"x", "files of type '.docx' are not read"),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"a\0b", "the file is no text"),
        ("a.json", b"{", "is not JSON"),
        ("a.json", b"{}", "expected a list of objects"),
        ("a.json", b'[{"person": "a", "M01": 1, "M01": 0}]', "names twice: M01"),
        ("a.jsonl", b'{"person": "a", "M01": 1}\n{"person": "b", "M01": 1, "M01": 0}', "names twice: M01"),
        ("a.xlsx", b"no zip", "not readable as a workbook"),
        ("a.parquet", b"no parquet", "not readable as parquet"),
        ("a.csv", b"person;M01\n", "no rows of answers"),
        ("a.csv", b"person;M01;M01\na;1;2\n", "columns named twice: M01"),
        ("a.csv", b"person;x;y\na;1;2\n", "no column is an item of bank small"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, bank: ItemBank, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ResponsesError, match=sentence):
        load_responses(tmp_path / name, bank=bank)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ResponsesError, match="there is no such file"):
        load_responses("nowhere.csv")


def test_names_and_addresses_are_refused_or_dropped(tmp_path: Path, bank: ItemBank) -> None:
    rows = [
        ["ФИО", "Почта", "Телефон", "СНИЛС", "Название школы", "Код участника", "M01"],
        ["Иванова Анна Петровна", "a@mail.ru", "+7 912 345-67-89", "112-233-445 95", "Школа № 1", "т-1", "3"],
        ["Петров Иван Ильич", "b@mail.ru", "8 (912) 345-67-80", "112-233-446 98", "Лицей имени Ломоносова", "т-2", "4"],
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    with pytest.raises(ResponsesError, match=r"personal data: ФИО \(name\), Почта \(e-mail\), Телефон \(phone\), СНИЛС"):
        load_responses(path, bank=bank)
    found = load_responses(path, bank=bank, layout=Layout(pii="drop"))
    assert list(found.background) == ["Название школы"]
    assert found.persons.tolist() == ["т-1", "т-2"]
    assert "Иванова" not in found.to_json()
    assert set(finding(found, "personal_data").scope) == {"ФИО", "Почта", "Телефон", "СНИЛС"}


@pytest.mark.parametrize(
    ("header", "cells", "personal"),
    [
        ("имя", ["Анна", "Пётр"], True),
        ("имя", ["т-1", "т-2"], False),
        ("участник", ["Иванов И. И.", "Петрова А.Б."], True),
        ("участник", ["Иванов Иван", "Петров Пётр"], True),
        ("Столбец", ["Кузнецова Ольга Игоревна", "Ли Ким Оглы"], True),
        ("код", ["anna@school.ru", "x"], True),
        ("муниципалитет", ["Нижний Новгород", "Великий Устюг"], False),
        ("стаж", ["10", "12"], False),
        ("телефон", ["89123456789", "89123456780"], True),
        ("номер", ["1234567890", "1234567891"], False),
        ("Фам.", ["Кузнецова", "Ли"], True),
        ("Nachname", ["Schmidt", "Weber"], True),
        ("Инициалы", ["И. П.", "А.Б."], True),
        ("инициалы", ["ИП", "АБВ"], True),
        ("latitude", ["55.7558", "59.9386"], True),
        ("Широта", ["55,7558", "59,9386"], True),
        ("устройство", ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5f"], True),
        ("initial level", ["A", "B"], False),
    ],
)
def test_personal_data_by_header_and_cells(bank: ItemBank, header: str, cells: list[str], personal: bool) -> None:
    records = [{header: c, "M01": "3"} for c in cells]
    if personal:
        with pytest.raises(ResponsesError, match="personal data"):
            load_responses(records, bank=bank)
    else:
        assert len(load_responses(records, bank=bank).persons) == 2


def test_a_person_column_of_names_becomes_numbers(bank: ItemBank) -> None:
    records = [{"ФИО": n, "M01": "3"} for n in ("Иванов Иван", "Петров Пётр", "Иванов Иван")]
    plan = Layout(person="ФИО", pii="drop", attempts="last")
    assert load_responses(records, bank=bank, layout=plan).persons.tolist() == ["1", "2"]


def test_a_bank_item_of_names_is_an_answer(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> None:
    bank = make_bank([make_item("имя", "text", key=["Пушкин"])])
    assert load_responses([{"имя": "Пушкин"}, {"имя": "Гоголь"}], bank=bank).scores.tolist() == [[1], [0]]


def test_rows_that_a_filter_hides_are_told_of(tmp_path: Path, bank: ItemBank) -> None:
    frame = pd.DataFrame({"person": [f"T{k}" for k in range(12)], "M01": ["3", "1"] * 6})
    for hidden in (0, 1, 5):
        path = tmp_path / f"{hidden}.xlsx"
        with pd.ExcelWriter(path, engine="openpyxl") as book:
            frame.to_excel(book, index=False)
            sheet = next(iter(book.sheets.values()))
            sheet.column_dimensions["B"].hidden = True
            for row in range(3, 3 + hidden):
                sheet.row_dimensions[row].hidden = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            found = load_responses(path, bank=bank)
        told = [f.facts["rows"] for f in found.findings if f.code == "responses.hidden_rows"]
        assert (len(found.persons), told) == (12, [hidden] * (hidden > 0))


@pytest.mark.parametrize("key", ["answers", "responses", "ответы"])
@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("nested", ["object", "list"])
def test_records_with_answers_below_them_are_read(tmp_path: Path, bank: ItemBank, key: str, *, lines: bool, nested: str) -> None:
    given = {"M01": "3", "M02": ["1", "3"], "M03": {"А": "3", "Б": "1"}}
    below = given if nested == "object" else [{"item": i, "answer": a} for i, a in given.items()]
    records = [{"person": f"T{k}", "group": "x", key: below} for k in range(6)]
    path = tmp_path / ("a.jsonl" if lines else "a.json")
    text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    for source in (path, records):
        found = load_responses(source, bank=bank)
        assert (found.items, found.scores.tolist()) == (("M01", "M02", "M03"), [[1, 2, 1]] * 6)
    empty = [{**records[0], key: type(below)()}, *records[1:]]
    if nested == "object":
        assert load_responses(empty, bank=bank).persons.tolist() == [f"T{k}" for k in range(6)]
    else:  # whoever has no answer is not lost in silence
        with pytest.raises(ResponsesError):
            load_responses(empty, bank=bank)
