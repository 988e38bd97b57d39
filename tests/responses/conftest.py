from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from competency_dx.bank import BankDocument, CompetencyFramework, Form, FrameworkReference, Item, ItemBank, Node, Text

MakeItem = Callable[..., Item]
MakeBank = Callable[..., ItemBank]


def _item(item_id: str, kind: str, **fields: Any) -> Item:
    return Item.model_validate({"id": item_id, "type": kind, "competencies": {"S": 1.0}, **fields})


def _bank(items: Sequence[Item], forms: Sequence[Form] = ()) -> ItemBank:
    framework = CompetencyFramework(
        id="own", version="1", title=Text(ru="Своя"), nodes=(Node(code="S", title=Text(ru="С"), kind="category"),)
    )
    header = BankDocument(
        schema_version=1,
        id="small",
        title=Text(ru="Малый"),
        subject="S",
        version="1.0",
        framework=FrameworkReference(id="own", version="1"),
        forms=tuple(forms),
    )
    return ItemBank(header=header, items=tuple(items), framework=framework)


@pytest.fixture(scope="session")
def make_item() -> MakeItem:
    return _item


@pytest.fixture(scope="session")
def make_bank() -> MakeBank:
    return _bank


@pytest.fixture(scope="session")
def bank() -> ItemBank:
    """One item of every kind, two forms."""
    four = {str(k): f"вариант {k}" for k in range(1, 5)}
    rubric = [
        {"id": "К1", "title": {"ru": "верно"}, "levels": {"0": "нет", "1": "частично", "2": "да"}},
        {"id": "К2", "title": {"ru": "полно"}, "levels": {"0": "нет", "1": "да"}},
    ]
    items = [
        _item("M01", "single", options=four, key="3"),
        _item("M02", "multiple", options=four | {"5": "вариант 5"}, key=["1", "3"], scoring={"rule": "one_error"}),
        _item("M03", "matching", options=four, left={"А": "а", "Б": "б"}, key={"А": "3", "Б": "1"}),
        _item("M04", "ordering", options={"А": "а", "Б": "б", "В": "в"}, key=["В", "А", "Б"]),
        _item("M05", "number", key="2.5", scoring={"rule": "tolerance", "absolute": "0.1"}),
        _item("M06", "digits", key="013"),
        _item("M07", "text", key=["ёж", "ежи"]),
        _item("M08", "open", rubric=rubric),
    ]
    forms = (
        Form(id="A", title=Text(ru="Вариант 1"), items=("M01", "M02", "M03", "M05")),
        Form(id="B", title=Text(ru="Вариант 2"), items=("M06", "M03", "M01", "M07")),
    )
    return _bank(items, forms)
