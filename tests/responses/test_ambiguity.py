"""Answers, rows and columns that can be taken for something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from competency_dx.errors import CompetencyDxWarning
from competency_dx.responses import Layout, Responses, load_responses

if TYPE_CHECKING:
    from pathlib import Path

    from competency_dx.bank import Item, ItemBank

RAW = Layout(cells="raw")


def codes(responses: Responses) -> list[str]:
    return [f.code.removeprefix("responses.") for f in responses.findings]


@pytest.fixture
def remainder(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> ItemBank:
    options = {"1": "−3", "2": "−6", "3": "4", "4": "3"}
    return make_bank([make_item("R1", "single", options=options, key="3")])


@pytest.mark.parametrize(
    ("cells", "points"), [(["4", "3", "−6"], [0, 1, 0]), (["4", "3", "1"], [0, 1, 0]), (["3"] * 50 + ["−6"], [1] * 50 + [0])]
)
def test_a_code_always_wins_and_every_reading_says_so(remainder: ItemBank, cells: list[str], points: list[int]) -> None:
    table = {"person": [f"p{k}" for k in range(len(cells))], "R1": cells}
    with pytest.warns(CompetencyDxWarning, match="codes of other options: R1"):
        found = load_responses(table, bank=remainder, layout=RAW)
    assert found.scores[:, 0].tolist() == points
    assert Responses.from_json(found.to_json()).explain("p0", "R1", remainder).normalised == cells[0]


def test_footers_between_persons_and_the_header_once_more(tmp_path: Path, bank: ItemBank) -> None:
    lines = [
        "person;school;M01;M05",
        "Ключ;;3;2,5",
        "a;s;3;2,5",
        "Итого по району;;1;1",
        "b;s;4;2,5",
        "person;school;M01;M05",
        ";Средний балл;1;1",
        "Итого;;1;2",
        "Исполнитель: Иванова И. И.;;;",
        "Методист Петрова;;;",
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = load_responses(path, bank=bank)
    assert found.persons.tolist() == ["a", "b"]
    assert "7 rows" in next(f for f in found.findings if f.code == "responses.total_rows").en
    assert "Иванова" not in found.to_json()


def test_several_options_as_sentences(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> None:
    options = {"1": "Если x = 0, то y = 0.", "2": "Период функции равен π.", "3": "Ничего."}
    bank = make_bank([make_item("R2", "multiple", options=options, key=["1", "2"])])
    answers = [f"{options['1']}, {options['2']}", options["3"], f"{options['2']}; {options['3']}"]
    found = load_responses({"person": ["a", "b", "c"], "R2": answers}, bank=bank, layout=RAW)
    assert found.scores[:, 0].tolist() == [1, 0, 0]
    assert "invalid" not in codes(found)
