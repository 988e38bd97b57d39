"""A bank goes into a workbook and out of it by command; faults are lines, and nothing is written then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from competency_dx.bank import load_bank

openpyxl = pytest.importorskip("openpyxl")
Command = Callable[..., tuple[int, str, str]]


def test_a_bank_goes_into_a_workbook_and_comes_back(command: Command, tmp_path: Path) -> None:
    book, folder = tmp_path / "physics.xlsx", tmp_path / "physics"
    assert command("bank", "to-xlsx", "physics", book)[:2] == (0, f"{book}\n")
    assert command("bank", "from-xlsx", book, folder)[:2] == (0, f"{folder}\n")
    assert load_bank(folder).digest == load_bank("physics").digest


def test_a_template_is_filled_in_and_its_content_checked(command: Command, tmp_path: Path) -> None:
    path, folder = tmp_path / "new.xlsx", tmp_path / "new"
    assert command("bank", "template", path, "--subject", "MAT")[:2] == (0, f"{path}\n")
    book = openpyxl.load_workbook(path)
    page = book["Банк"]
    assert (page["A4"].value, page["B3"].value) == ("Название банка", "new")
    page["B4"] = "Новый банк"
    for title in book.sheetnames:  # the examples become items
        for row in book[title].iter_rows(min_row=2, max_col=1):
            if str(row[0].value).startswith("ПРИМЕР"):
                row[0].value = str(row[0].value).replace("ПРИМЕР", "NEW")
    page = book["Варианты ответа"]
    page["C2"].value = "2"  # the words of an option are the code of another
    book.save(path)
    assert command("bank", "from-xlsx", path, folder)[:2] == (0, f"{folder}\n")
    code, out, _ = command("validate", folder, "--content")
    assert code == 1
    assert "NEW-1" in out


def test_faults_are_lines_and_nothing_is_written(command: Command, tmp_path: Path) -> None:
    path, folder = tmp_path / "new.xlsx", tmp_path / "new"
    command("bank", "template", path, "--language", "en")
    code, out, err = command("bank", "from-xlsx", path, folder, "--language", "en")
    assert (code, out) == (2, "")
    head, *lines = err.splitlines()
    assert "3 faults, nothing was written" in head
    assert [line.partition(",")[0].partition(":")[0] for line in lines] == ["Bank!B4", "Bank!B6", "Items!A2"]
    assert not folder.exists()
    code, _, err = command("bank", "to-xlsx", "physics", tmp_path / "book.xls", "--language", "en")
    assert code == 2
    assert err.startswith(f"{tmp_path / 'book.xls'}: the workbook of a bank is an .xlsx file")
