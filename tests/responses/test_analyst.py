"""Files of an analyst at six in the evening: what was once read wrong in silence."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

import competency_dx as cdx

BANK = cdx.load_bank("mathematics")
IDS = ["MAT-003", "MAT-004", "MAT-007", "MAT-009"]
ROWS = [["T-1", "2", "4213", "76,0", "136"], ["T-2", "1", "4213", "70", "13"], ["T-3", "2", "1234", "76", "136"]]


def write(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    book = xlsxwriter.Workbook(str(path))
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                sheet.write_string(r, c, cell) if cell else None
    book.close()
    return path


def read(path: Path) -> cdx.Responses:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        return cdx.load_responses(path, bank=BANK)


def clean(tmp_path: Path) -> cdx.Responses:
    return read(write(tmp_path / "clean.xlsx", {"A": [["person", *IDS], *ROWS]}))


def test_headers_written_otherwise_are_the_same_items(tmp_path: Path) -> None:
    loose = ["MAT 003", "mat_004", "МАТ-007", "MAT-\n009"]
    found = read(write(tmp_path / "loose.xlsx", {"A": [["person", *loose], *ROWS]}))
    assert found.items == tuple(IDS)
    assert found.scores.tolist() == clean(tmp_path).scores.tolist()


def test_footers_and_keys_are_no_persons(tmp_path: Path) -> None:
    rows = [["person", *IDS], *ROWS, ["Итого", "2", "2", "2", "2"], ["Исполнитель: Иванова И. И.", "", "", "", ""]]
    found = read(write(tmp_path / "footer.xlsx", {"A": rows}))
    assert found.persons.tolist() == ["T-1", "T-2", "T-3"]
    keyed = [["person", *IDS], ["Ключ", "2", "4213", "76", "136"], *ROWS]
    assert read(write(tmp_path / "key.xlsx", {"A": keyed})).persons.tolist() == ["T-1", "T-2", "T-3"]


def test_a_second_sheet_with_answers_is_warned_of(tmp_path: Path) -> None:
    sheets = {"Вариант 1": [["person", *IDS], *ROWS], "Вариант 2": [["person", *IDS], ["T-9", *ROWS[0][1:]]]}
    with pytest.warns(cdx.CompetencyDxWarning, match="were not read: Вариант 2"):
        cdx.load_responses(write(tmp_path / "two.xlsx", sheets), bank=BANK)


def test_formulas_without_values_and_errors_are_refused(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.xlsx", {"A": [["person", *IDS], *ROWS]})
    for cell, sentence in (
        ('<c r="B2"><f>A1</f><v></v></c>', "formulas without values"),
        ('<c r="B2" t="e"><v>#REF!</v></c>', "spreadsheet errors"),
        ('<c r="B2" t="str"><f>IF(A1=1,1,"")</f><v></v></c>', ""),
    ):
        broken = tmp_path / "broken.xlsx"
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(broken, "w") as target:
            for name in source.namelist():
                text = source.read(name)
                if name == "xl/worksheets/sheet1.xml":
                    start = text.index(b'<c r="B2"')
                    text = text[:start] + cell.encode() + text[text.index(b"</c>", start) + 4 :]
                target.writestr(name, text)
        if not sentence:  # a formula whose value is an empty text
            assert cdx.load_responses(broken, bank=BANK).reasons[0, 0]
            continue
        with pytest.raises(cdx.CompetencyDxError, match=sentence) as caught:
            cdx.load_responses(broken, bank=BANK)
        assert "B2" in str(caught.value)


def test_an_index_written_without_a_name_holds_the_persons(tmp_path: Path) -> None:
    drawn = cdx.simulate(BANK, 20, rng=np.random.default_rng(1)).to_frame().set_index("person")
    drawn.rename_axis(None).to_csv(tmp_path / "index.csv")
    found = cdx.load_responses(tmp_path / "index.csv", bank=BANK, layout=cdx.Layout(cells="scored"))
    assert found.persons.tolist() == drawn.index.tolist()
    assert "column 1" not in found.items


def test_forms_are_known_by_letter_number_and_title() -> None:
    rows = []
    for k, form in enumerate(("А", "1", "Вариант 1", "B", "2", "Form 2")):
        rows.append({"person": f"T-{k}", "Вариант": form, "MAT-001": "1", "MAT-002": None, "MAT-004": "4213"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)  # some answers are outside the form: not the point here
        found = cdx.load_responses(pd.DataFrame(rows), bank=BANK, layout=cdx.Layout(cells="raw"))
    assert "responses.unknown_form" not in {f.code for f in found.findings}


@pytest.mark.parametrize(("name", "cell"), [("Контакт", "89172345678"), ("Примечание", "пишите на a.b@c.ru")])
def test_contacts_are_refused(name: str, cell: str) -> None:
    table = pd.DataFrame([{"person": f"T-{k}", name: cell, "MAT-001": "1"} for k in range(4)])
    with pytest.raises(cdx.CompetencyDxError, match="personal data"):
        cdx.load_responses(table, bank=BANK, layout=cdx.Layout(cells="raw"))
