"""Families of items: what a draw must tell apart, that it is the same everywhere, and that shipped members are what it wrote."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

import competency_dx as cdx
from competency_dx.bank import Item

FOLDER = Path(__file__).parents[2] / "item_banks"
sys.path.insert(0, str(FOLDER))
from families import SUBJECTS, Family, Rule, drawn  # noqa: E402
from families.family import number, tells  # noqa: E402

FAMILIES = [family for subject in SUBJECTS.values() for family in subject]
SEEDS = range(40)


def test_names_and_codes_are_unique_and_known() -> None:
    assert max(Counter(f.name for f in FAMILIES).values()) == 1
    codes = {node.code for node in cdx.load_framework("teacher").nodes}
    for family in FAMILIES:
        assert {family.subject, family.methodical} <= codes
        assert len({bug.code for bug in family.bugs}) == len(family.bugs) >= 2
        assert all(bug.source and bug.code for bug in family.bugs)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_a_draw_fits_one_wrong_rule_and_parts_all_answers(family: Family) -> None:
    """Worked out anew from the rules: the evidence is this rule's and nobody else's, no two rules give one option."""
    for seed in SEEDS:
        found = drawn(family, seed)
        assert found == drawn(family, seed)
        fitting = [
            rule.code
            for rule in (family.truth, *family.bugs)
            if all(family.answers(task)[rule.code] == family.answers(task)[found.bug.code] for task in found.evidence)
        ]
        assert fitting == [found.bug.code]
        pupil = Item.model_validate(found.pupil_item("NEW-001"))
        subject = Item.model_validate(found.subject_item("NEW-002"))
        assert len(set(pupil.options.values())) == len(family.bugs) + 1
        assert pupil.options[str(pupil.key)] == family.shown(found.bug.apply(*found.question))
        assert subject.options[str(subject.key)] == family.shown(family.truth.apply(*found.question))
        assert set(subject.misconception_codes.values()) == {bug.code for bug in family.bugs}
        assert set(pupil.misconceptions) == set(pupil.options) - {pupil.key}
        assert pupil.family == subject.family
        assert pupil.family is not None
        assert pupil.family.seed == seed


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_every_rule_is_asked_for_and_the_key_stands_anywhere(family: Family) -> None:
    found = [drawn(family, seed) for seed in range(100)]
    assert {f.bug.code for f in found} == {bug.code for bug in family.bugs}
    assert len({f.code_of(f.bug) for f in found}) >= 2
    assert len({(f.evidence, f.question, f.bug.code) for f in found}) > 90


def test_draws_that_cannot_tell_are_refused() -> None:
    def made(bugs: tuple[Rule, ...], low: int) -> Family:
        return Family("toy", "MAT.S.01.1", "MAT.M.05", "Игрушка", "5-9", "", lambda r: (r.randint(low, 3),), "{}".format,
                      number, Rule("", "верно", lambda x: x + 2), bugs)  # fmt: skip

    double, square = Rule("double", "удваивает", lambda x: 2 * x), Rule("square", "возводит в квадрат", lambda x: x * x)
    family = made((double, square), 1)
    assert tells(family, ((2,), (3,)), (1,), square)
    assert not tells(family, ((2,),), (3,), double)  # 4 is the answer of all three
    assert not tells(family, ((3,),), (2,), double)  # the question does not part them
    assert tells(family, ((3,),), (1,), double)
    with pytest.raises(ValueError, match="toy: no draw of 2000"):
        drawn(made((double, Rule("same", "складывает с собой", lambda x: x + x)), 1), 0)
    with pytest.raises(ValueError, match="toy: no draw of 2000"):
        drawn(made((Rule("none", "делит на нуль", lambda x: x // 0), double), 1), 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(5, 2), "2,5"), (-3, "−3"), (Fraction(1, 3), "1/3"), (12000, "12\u00a0000"), (Fraction(-7, 6), "−7/6"), ("0", "0")],
)  # fmt: skip
def test_numbers_are_printed_as_in_a_school_text(value: int | Fraction | str, text: str) -> None:
    assert number(value) == text
    assert number(5, "см²") == "5\u00a0см²"


def test_shipped_members_are_what_their_family_writes() -> None:
    """An item with a seed has the stem, the options and the key of the draw; at most 30 % of a bank come from families."""
    known = {family.name: family for family in FAMILIES}
    for name in cdx.bank.shipped_banks():
        bank = cdx.load_bank(name)
        members = [item for item in bank.items if item.family is not None and item.family.seed is not None]
        assert len(members) <= 0.3 * len(bank.items)
        for item in members:
            assert item.family is not None
            assert item.family.seed is not None
            if item.family.name not in known:
                continue  # a family that only declares who must not meet
            found = drawn(known[item.family.name], item.family.seed)
            made = found.subject_item(item.id) if item.part == "subject" else found.pupil_item(item.id)
            document = item.model_dump(mode="json")
            assert {f: document[f] for f in ("stem", "options", "key")} == {f: made[f] for f in ("stem", "options", "key")}


def test_the_command_prints_an_item_that_a_bank_can_hold() -> None:
    from ruamel.yaml import YAML

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "families", *words], cwd=FOLDER, capture_output=True, text=True, check=False, encoding="utf-8"
        )

    name = SUBJECTS["physics"][0].name
    assert name in run("physics").stdout
    printed = YAML(typ="safe").load(run("physics", name, "7").stdout)
    assert Item.model_validate(printed[0]).key == drawn(SUBJECTS["physics"][0], 7).pupil_item("NEW-001")["key"]
    assert run("alchemy").returncode == run("physics", name, "x").returncode == 2


def test_a_seed_means_the_same_draw_on_every_machine() -> None:
    """Texts seed the Mersenne Twister of the standard library by their SHA-512: a draw written down once stays."""
    found = drawn(next(f for f in FAMILIES if f.name == "range-bounds"), 3)
    assert (found.evidence, found.question, found.bug.code) == (((3, 15, 3), (5, 9, 2)), (6, 18, 3), "step-unseen")
