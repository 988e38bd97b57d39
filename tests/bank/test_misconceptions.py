"""Wrong options that name a declared misconception: read, refused, written, and in the mathematics bank worked out."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

import competency_dx as cdx
from competency_dx.bank import Item, ItemBank, Text, parse
from competency_dx.errors import BankError
from competency_dx.result import encode_fields

MakeBank = Callable[..., ItemBank]
Shown = Callable[[float], float]

CHOICE: dict[str, Any] = {
    "id": "x",
    "type": "single",
    "options": {"1": "a", "2": "b", "3": "c"},
    "key": "1",
    "competencies": {"S.1.1": 1.0},
}
DECLARED = {"sign": Text(ru="Ошибка в знаке", en="A wrong sign"), "units": Text(ru="Перепутаны единицы")}


def _item(**changes: Any) -> Item:
    return parse(Item, copy.deepcopy(CHOICE) | changes, "items")


def test_options_of_several_items_share_a_misconception(make_bank: MakeBank) -> None:
    items = [
        _item(misconception_codes={"2": "sign", "3": "units"}),
        _item(id="y", type="multiple", key=["1", "3"], misconception_codes={"2": "sign"}),
    ]
    bank = make_bank(items, misconceptions=DECLARED)
    assert bank.misconception_options("sign") == (("x", "2"), ("y", "2"))
    assert bank.misconception_options("units") == (("x", "3"),)
    assert bank.misconceptions["sign"].text("en") == "A wrong sign"
    assert bank.misconceptions["units"].text("en") == "Перепутаны единицы"
    with pytest.raises(BankError, match="declares no misconception 'other'; it has sign, units"):
        bank.misconception_options("other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"misconception_codes": {"9": "sign"}}, "options that do not exist: 9; options are 1, 2, 3"),
        ({"misconception_codes": {"1": "sign"}}, "right options: 1"),
        ({"type": "multiple", "key": ["1", "3"], "misconception_codes": {"3": "sign"}}, "right options: 3"),
        (
            {"key": None, "scoring": {"rule": "map", "scores": {"1": 2, "2": 1}}, "misconception_codes": {"1": "sign"}},
            "right options: 1",
        ),
        ({"type": "number", "options": {}, "key": "5", "misconception_codes": {"4": "sign"}}, "not for 'number'"),
        ({"misconception_codes": {"2": 7}}, "must stand in quotes"),
    ],
)
def test_codes_at_other_places_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BankError, match=message):
        _item(**changes)


def test_an_option_that_earns_part_of_the_points_may_be_marked() -> None:
    item = _item(key=None, scoring={"rule": "map", "scores": {"1": 2, "2": 1}, "zero": ["3"]}, misconception_codes={"2": "sign"})
    assert item.misconception_codes == {"2": "sign"}


def test_an_undeclared_code_names_item_and_option(make_bank: MakeBank) -> None:
    items = [_item(), _item(id="y", misconception_codes={"2": "sign", "3": "sing"})]
    with pytest.raises(BankError, match=r"items\[1\]\.misconception_codes \(y\), option 3: unknown misconception 'sing'.*sign"):
        make_bank(items, misconceptions=DECLARED)


def test_a_bank_without_declarations_says_so(make_bank: MakeBank) -> None:
    with pytest.raises(BankError, match="which has none"):
        make_bank([_item(misconception_codes={"2": "sign"})])


def test_codes_with_spaces_are_refused(make_bank: MakeBank) -> None:
    with pytest.raises(ValueError, match="misconceptions"):
        make_bank([_item()], misconceptions={"a sign": DECLARED["sign"]})


def test_what_is_written_reads_back(make_bank: MakeBank, tmp_path: Any) -> None:
    bank = make_bank([_item(misconception_codes={"2": "sign"}), _item(id="y")], misconceptions=DECLARED)
    again = cdx.load_bank(cdx.save_bank(bank, tmp_path / "bank"))
    assert again.digest == bank.digest
    assert again.misconceptions["sign"] == DECLARED["sign"]
    assert again.items[0].misconception_codes == {"2": "sign"}
    assert ItemBank.from_json(bank.to_json()).digest == bank.digest
    text = (tmp_path / "bank" / "items.yaml").read_text(encoding="utf-8")
    assert text.count("misconception_codes") == 1


def test_the_digest_covers_codes_and_titles(make_bank: MakeBank) -> None:
    banks = [
        make_bank([_item()]),
        make_bank([_item()], misconceptions=DECLARED),
        make_bank([_item(misconception_codes={"2": "sign"})], misconceptions=DECLARED),
        make_bank([_item(misconception_codes={"3": "sign"})], misconceptions=DECLARED),
        make_bank([_item()], misconceptions=DECLARED | {"sign": Text(ru="Иначе")}),
    ]
    assert len({bank.digest for bank in banks}) == len(banks)


def test_banks_without_codes_look_as_they_did(make_bank: MakeBank) -> None:
    """Nothing of the new fields is in their content, which the digest is taken of."""
    document = make_bank([_item()]).to_json()
    assert "misconception_codes" not in document
    assert json.loads(document)["items"][0]["misconceptions"] == {}  # the older field of items
    assert document.count("misconceptions") == 1


@pytest.mark.parametrize("name", ["history", "physics"])
def test_shipped_banks_without_codes_carry_nothing_new(name: str) -> None:
    plain = encode_fields(cdx.load_bank(name))
    assert "misconceptions" not in plain["header"]
    assert not any("misconception_codes" in item for item in plain["items"])


def test_mappings_are_frozen(make_bank: MakeBank) -> None:
    bank = make_bank([_item(misconception_codes={"2": "sign"})], misconceptions=DECLARED)
    with pytest.raises(TypeError):
        bank.items[0].misconception_codes["3"] = "units"
    with pytest.raises(TypeError):
        bank.header.misconceptions["new"] = DECLARED["sign"]


# --- the mathematics bank: each mark worked out ---------------------------------------------------------------------------

ROOT3 = math.sqrt(3)
# What working through the item with the misconception ends at.
WORKED: dict[str, dict[tuple[str, str], float | Fraction]] = {
    "inner-derivative-lost": {
        ("MAT-020", "1"): Fraction(1, 2) / 3,  # 1 / (2√u) at u = 9
        ("MAT-020", "3"): Fraction(1, 3),  # 1 / √u, the half of the outer derivative lost too
    },
    "order-counted": {
        ("MAT-036", "2"): Fraction(math.comb(6, 3)),  # first team, second team
        ("MAT-036", "3"): Fraction(math.comb(6, 3) * math.factorial(3)),  # the order within the first team too
        ("MAT-036", "4"): Fraction(math.factorial(6)),  # the order of all six
    },
}
# Identities offered, both sides; where the modulus is not needed they hold, elsewhere they do not.
IDENTITIES: dict[str, tuple[Shown, Shown]] = {
    "2": (lambda x: math.log2(x**2), lambda x: 2 * math.log2(abs(x)) if x > 0 else math.nan),
    "5": (lambda x: math.sqrt(1 - math.sin(x) ** 2), math.cos),
}


def _number(text: str) -> Fraction:
    found = re.fullmatch(r"(−?)(\d+)(?:/(\d+))?", text)
    assert found, text
    return Fraction(int(found[2]), int(found[3] or 1)) * (-1 if found[1] else 1)


@pytest.fixture(scope="module")
def mathematics() -> ItemBank:
    return cdx.load_bank("mathematics")


@pytest.mark.parametrize("code", list(WORKED))
def test_numbers_follow_from_the_misconception(code: str, mathematics: ItemBank) -> None:
    assert set(WORKED[code]) == set(mathematics.misconception_options(code))
    for (item, option), value in WORKED[code].items():
        assert _number(mathematics.item(item).options[option]) == value
        assert _number(mathematics.item(item).options[str(mathematics.item(item).key)]) != value


def test_the_modulus_is_what_is_lost(mathematics: ItemBank) -> None:
    assert set(mathematics.misconception_options("modulus-lost")) == {("MAT-008", "1"), ("MAT-009", "2"), ("MAT-009", "5")}
    nested, identities = mathematics.item("MAT-008"), mathematics.item("MAT-009")
    assert nested.options["1"] == "2√3 − 2"
    assert pytest.approx(7 - 4 * ROOT3) == (ROOT3 - 2) ** 2  # the root is taken as √3 − 2, which is negative
    assert pytest.approx(2 * ROOT3 - 2) == (ROOT3 - 2) + ROOT3
    assert identities.options["2"] == "log₂(x²) = 2·log₂ x"
    assert identities.options["5"] == "√(1 − sin² x) = cos x"
    for left, right in IDENTITIES.values():
        assert left(0.7) == pytest.approx(right(0.7))
        assert left(-2.5) != pytest.approx(right(-2.5))


def test_per_cent_and_points_are_what_is_mixed_up(mathematics: ItemBank) -> None:
    """From 48 % to 54 % is a rise by 6 points, which is 12.5 per cent of 48."""
    points, per_cent = Fraction(54 - 48), Fraction(54 - 48, 48) * 100
    assert set(mathematics.misconception_options("percent-and-point")) == {("MAT-003", "1"), ("MAT-003", "3")}
    item = mathematics.item("MAT-003")
    assert _both(item.options[str(item.key)]) == (per_cent, points)
    assert _both(item.options["1"]) == (points, per_cent)  # exchanged
    assert _both(item.options["3"]) == (points, points)  # not told apart


def _both(option: str) -> tuple[Fraction, Fraction]:
    """Return the per cent and the percentage points that an option names."""
    found = re.fullmatch(r"на ([\d,]+) процент\w*, то есть на ([\d,]+) процентн\w+ пункт\w*", option)
    assert found, option
    per_cent, points = (Fraction(number.replace(",", ".")) for number in found.groups())
    return per_cent, points


def test_marks_stand_at_wrong_options_with_titles_in_both_languages(mathematics: ItemBank) -> None:
    marked = [(i, o) for i in mathematics.items for o in i.misconception_codes]
    assert len(marked) == 10
    assert all(option in item.misconceptions for item, option in marked)
    assert all(title.en and title.ru for title in mathematics.misconceptions.values())
    assert all(mathematics.misconception_options(code) for code in mathematics.misconceptions)
