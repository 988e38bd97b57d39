"""Codes that a framework has retired: one replacement is a remark, several are a question to the author of the bank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.bank import load_bank_workbook, save_bank_template, save_bank_workbook
from competency_dx.bank.framework import SHARED, CompetencyFramework, Node
from competency_dx.errors import BankError

TEACHER = cdx.load_framework("teacher")
RETIRED = {node.code: node.replaced_by for node in TEACHER.nodes if node.replaced_by}
HISTORY = cdx.load_bank("history")


def bank_with(*codes: str, subject: str = "HIS", version: str = TEACHER.version) -> cdx.ItemBank:
    """Return the bank of history whose first items are coded so."""
    items = [item.model_copy(update={"competencies": {code: 1.0}}) for item, code in zip(HISTORY.items, codes, strict=False)]
    named = HISTORY.header.framework.model_copy(update={"version": version})
    header = HISTORY.header.model_copy(update={"subject": subject, "framework": named})
    return replace(HISTORY, header=header, items=(*items, *HISTORY.items[len(items) :]))


def remarks(bank: cdx.ItemBank) -> list[str]:
    return [f.text("en") for f in bank.findings() if f.code == "bank.retired_codes"]


@given(st.lists(st.sampled_from(sorted(RETIRED)), min_size=1, max_size=5, unique=True))
@settings(max_examples=40, deadline=None)
def test_a_bank_with_retired_codes_is_told_what_replaced_them(codes: list[str]) -> None:
    several = [code for code in codes if len(RETIRED[code]) > 1]
    if several:
        with pytest.raises(BankError) as caught:
            bank_with(*codes)
        told = caught.value.text("en")
        assert f"code {several[0]} of framework teacher is retired" in told
        assert told.endswith(": " + ", ".join(RETIRED[several[0]]))
        assert told.count("items[") == 1
    else:
        bank = bank_with(*codes)
        (told,) = remarks(bank)
        assert all(f"{code} → {RETIRED[code][0]}" in told for code in codes)
        assert [[*item.competencies] for item in bank.items[: len(codes)]] == [[code] for code in codes]


def test_a_bank_of_an_older_framework_hears_of_its_retired_codes_first() -> None:
    with pytest.raises(BankError, match=r"items\[0\]\.competencies .*PEO\.S\.05 .* is retired.*: PHE\.S\.05, LSF\.S\.06$"):
        bank_with("PEO.S.05", version="0.2")
    with pytest.raises(BankError, match=r"asks for teacher 0\.2, found teacher"):
        bank_with("PEO.S.03", version="0.2")


def test_a_retired_subject_names_those_that_replaced_it() -> None:
    """Acceptance example 8 of the domain: a code of yesterday leads to those of today."""
    with pytest.raises(BankError, match=r"subject: code PEO .* is retired; .*: PHE, LSF$"):
        bank_with(subject="PEO")
    (told,) = remarks(bank_with(subject="PEO.S.03"))
    assert "PEO.S.03 → PHE.S.03" in told


@pytest.mark.parametrize("name", cdx.bank.shipped_banks())
def test_shipped_banks_use_codes_in_force(name: str) -> None:
    bank = cdx.load_bank(name)
    assert remarks(bank) == []
    assert bank.framework.replacements("MAT.S.01") == bank.framework.replacements("no code") == ()


def test_a_retired_code_travels_in_the_workbook_and_is_not_offered(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    old = Node(code="OLD", title=TEACHER.node("MAT").title, kind="category", replaced_by=("MAT", "PHY"))
    plain = TEACHER.model_dump() | {"id": "own", "nodes": (*TEACHER.nodes, old)}
    framework = CompetencyFramework.model_validate(plain)
    named = HISTORY.header.framework.model_copy(update={"id": "own"})
    bank = replace(HISTORY, header=HISTORY.header.model_copy(update={"framework": named}), framework=framework)
    again = load_bank_workbook(save_bank_workbook(bank, tmp_path / "own.xlsx"))
    assert again.framework.node("OLD").replaced_by == ("MAT", "PHY")
    assert again.digest == bank.digest
    template = openpyxl.load_workbook(save_bank_template(tmp_path / "new.xlsx", subject="RUS"))
    (offered,) = [c for c in template["Списки"].columns if str(c[1].value).startswith("RUS")]
    codes = {str(cell.value).split(" — ")[0] for cell in offered[1:] if cell.value}
    assert {"RUS.S.09.1", "RUS.S.12.3", "GEN.P.01", SHARED} <= codes
    assert not codes & {*RETIRED, "MAT.S.01"}


def test_a_workbook_names_the_cell_of_a_retired_code(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = save_bank_workbook(HISTORY, tmp_path / "history.xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book["Задания"]
    cell = next(c for c in sheet[2] if str(c.value).startswith("HIS.S"))
    cell.value = "RUS.S.09.2"
    book.save(path)
    with pytest.raises(BankError, match=rf"Задания!{cell.coordinate}.*RUS\.S\.09\.2.*RUS\.S\.10, RUS\.S\.11"):
        load_bank_workbook(path)


def test_only_well_being_stands_outside_a_category() -> None:
    """It is no competency and must not be summed with competencies."""
    assert [n.code for n in TEACHER.nodes if n.parent is None and n.kind != "category"] == ["GEN.W"]
    assert {n.code for n in TEACHER.children(SHARED)} >= {"ANY.S", "GEN.M", "GEN.P", "GEN.C", "GEN.N", "GEN.D", "GEN.G"}
    assert not TEACHER.within("GEN.W.01", SHARED)


def test_frame_shows_what_replaced_a_code() -> None:
    frame = TEACHER.to_frame().set_index("code")
    assert frame.loc["PEO", "replaced_by"] == "PHE, LSF"
    assert frame.loc["MAT", "replaced_by"] == ""
