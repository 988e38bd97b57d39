"""Answers as a JSON document give the same as a table; what is wrong is one sentence with its path, without the answer.

``python tests/responses/test_answers.py`` writes the published schema anew.
"""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import competency_dx as cdx
from competency_dx.bank import CodeMap, Criterion, Given, Item, PerElement, Text
from competency_dx.errors import CompetencyDxError, DocumentError
from competency_dx.responses import Reason, answers_schema, parse_answers

WIDE = cdx.Layout(cells="raw", kind="wide", person="person")
BANKS = [cdx.load_bank(name) for name in cdx.bank.shipped_banks()]
MATHEMATICS = cdx.load_bank("mathematics")
FIRST = {item.type: item.id for item in reversed(MATHEMATICS.items)}


def natural(item: Item, raw: Any, rng: random.Random) -> Any:
    """Return an answer of a table as the JSON of the item's type."""
    if item.type in {"multiple", "ordering"}:
        return list(raw)
    if item.type == "matching":
        return dict(zip(item.left, raw, strict=True))
    if item.type in {"open", "scored"} or (item.type == "single" and raw.isdigit() and rng.random() < 0.5):
        return int(raw)
    plain = item.type == "number" and item.answer_format is None
    return float(raw) if plain and rng.random() < 0.5 else raw


def raw(item: Item, rng: random.Random) -> str:
    """Return an answer as it stands in a table: right or not."""
    if item.type in {"single", "multiple", "ordering"}:
        size = {"single": 1, "multiple": 2, "ordering": len(item.options)}[item.type]
        return "".join(rng.sample(list(item.options), size))
    if item.type == "matching":
        return "".join(rng.choices(list(item.options), k=len(item.left)))
    if item.type in {"open", "scored"}:
        return str(rng.randint(0, item.max_score))
    right = item.key[0] if isinstance(item.key, tuple) else str(item.key)
    return right if rng.random() < 0.5 else {"text": "иное", "digits": "12"}.get(item.type, "7")


@pytest.mark.parametrize("bank", BANKS, ids=lambda b: b.id)
def test_a_document_gives_the_same_as_a_table(bank: cdx.ItemBank, tmp_path: Path) -> None:
    rng, records = random.Random(5), []
    persons: list[dict[str, Any]] = []
    for k in range(12):
        form = bank.forms[k % len(bank.forms)]
        given = {i: raw(bank.item(i), rng) for i in form.items}
        left = [i for i in form.items if rng.random() < 0.2]
        answers = {i: natural(bank.item(i), given[i], rng) for i in form.items}
        records.append({"person": f"T-{k}", "form": form.id} | given | dict.fromkeys(left))
        persons.append({"person": f"T-{k}", "form": form.id, "answers": answers | dict.fromkeys(left)})
        if k % 2:  # of a form what is not named was left blank
            persons[-1]["answers"] = {i: a for i, a in persons[-1]["answers"].items() if i not in left}
    document = {"kind": "answers", "schema_version": 1, "bank": bank.id, "persons": persons}
    jsonschema.validate(document, answers_schema(bank), jsonschema.Draft202012Validator)
    jsonschema.validate(document, answers_schema(), jsonschema.Draft202012Validator)
    table, ours = cdx.load_responses(records, bank=bank, layout=WIDE), cdx.load_responses(document, bank=bank)
    assert (ours.items, list(ours.persons)) == (table.items, list(table.persons))
    assert (ours.scores == table.scores).all()
    assert (ours.reasons == table.reasons).all()
    assert ours.background["form"].tolist() == table.background["form"].tolist()
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    assert cdx.load_responses(file, bank=bank).to_json() == ours.to_json()
    alone = cdx.load_responses({"persons": persons[3:4]}, bank=bank)
    assert (alone.scores == ours.select(persons=["T-3"], items=alone.items).scores).all()
    assert (alone.reasons == ours.select(persons=["T-3"], items=alone.items).reasons).all()


def test_null_is_blank_and_what_is_not_named_was_not_shown() -> None:
    first, second, third = [i.id for i in MATHEMATICS.items if i.type == "single"][:3]
    persons = [
        {"person": "a", "answers": {first: None, second: "1"}},
        {"person": "b", "answers": {third: None}},
        {"person": "c", "form": None, "answers": {}},
    ]
    out = cdx.load_responses({"persons": persons}, bank=MATHEMATICS)
    assert out.items == (first, second, third)
    omitted, unseen = Reason.OMITTED, Reason.NOT_ADMINISTERED
    assert out.reasons.tolist() == [[omitted, Reason.ANSWERED, unseen], [unseen, unseen, omitted], [unseen] * 3]


def every_kind() -> cdx.ItemBank:
    """Return a bank with an item of each type and of each rule that changes the form of answers."""
    levels = {"0": "no", "1": "partly", "2": "yes"}
    criteria = tuple(Criterion(id=c, title=Text(ru=c), levels=levels) for c in ("К1", "К2"))
    codes = CodeMap(rule="map", scores={"a": 2, "b": 1}, zero=("c",))
    made = [
        {"type": "single", "key": "2", "options": {"1": "один", "2": "два"}},
        {"type": "multiple", "key": ("1", "3"), "options": dict.fromkeys("123", "x"), "scoring": PerElement(rule="per_element")},
        {"type": "ordering", "key": ("2", "1", "3"), "options": dict.fromkeys("123", "x")},
        {"type": "matching", "key": {"А": "2", "Б": "1"}, "left": {"А": "", "Б": ""}, "options": dict.fromkeys("123", "x")},
        {"type": "number", "key": "12.5"},
        {"type": "digits", "key": "013"},
        {"type": "text", "key": ("окружность",)},
        {"type": "open", "rubric": criteria},
        {"type": "scored", "scoring": Given(points=3)},
        {"type": "text", "scoring": codes},
    ]
    items = tuple(
        Item(id=f"Q{k}", competencies={"MAT.S.01": 1.0}, **fields)  # type: ignore[arg-type]
        for k, fields in enumerate(made)
    )
    header = MATHEMATICS.header.model_copy(update={"forms": (), "reference_set": "all", "misconceptions": {}})
    return replace(MATHEMATICS, header=header, items=items, parameters=())


KINDS = every_kind()


def points(**answers: Any) -> list[int]:
    out = cdx.load_responses({"persons": [{"person": "a", "answers": answers}]}, bank=KINDS)
    assert (out.reasons == Reason.ANSWERED).all()
    return [int(x) for x in out.scores[0]]


def test_each_type_has_its_natural_json() -> None:
    right = {"Q0": "2", "Q1": ["1", "3"], "Q2": ["2", "1", "3"], "Q3": {"Б": "1", "А": "2"}, "Q4": 12.5, "Q5": "013"}
    assert points(**right) == [1, 2, 1, 1, 1, 1]
    assert points(Q6="Окружность", Q7={"К2": 1, "К1": 2}, Q8=3, Q9="a") == [1, 3, 3, 2]
    assert points(Q0=2, Q1=[3, 1], Q2=[2, 1, 3], Q3={"А": 2, "Б": None}, Q4="12,5", Q7=4, Q8="3", Q9="c") == [
        1, 2, 1, 0, 1, 4, 3, 0,
    ]  # fmt: skip
    assert points(Q0="1", Q1="13", Q2="213", Q3="21", Q4=0, Q7="2;1") == [0, 2, 1, 1, 0, 3]


SECRET = "Иванова Мария Петровна"
WRONG: list[tuple[str, Any]] = [
    ("answers.persons[0].answers", {"X": "1"}),
    *((f"answers.persons[0].answers.Q{k}", {f"Q{k}": True}) for k in range(10)),
    *((f"answers.persons[0].answers.Q{k}", {f"Q{k}": [SECRET]}) for k in (0, 4, 5, 6, 7, 8, 9)),
    *((f"answers.persons[0].answers.Q{k}", {f"Q{k}": {SECRET: "1"}}) for k in (0, 1, 2, 4, 5, 6, 8, 9)),
    *((f"answers.persons[0].answers.Q{k}", {f"Q{k}": SECRET}) for k in (0, 1, 2, 3, 7, 8)),
    *((f"answers.persons[0].answers.Q{k}", {f"Q{k}": 1.5}) for k in (0, 1, 2, 3, 5, 6, 7, 8, 9)),
    ("answers.persons[0].answers.Q4", {"Q4": float("nan")}),
    ("answers.persons[0].answers.Q4", {"Q4": float("-inf")}),
    ("answers.persons[0].answers.Q5", {"Q5": 13}),
    ("answers.persons[0].answers.Q0", {"Q0": "9"}),
    ("answers.persons[0].answers.Q1[1]", {"Q1": ["1", ["3"]]}),
    ("answers.persons[0].answers.Q1[0]", {"Q1": [None]}),
    ("answers.persons[0].answers.Q1", {"Q1": ["1", "9"]}),
    ("answers.persons[0].answers.Q3", {"Q3": {"В": "1"}}),
    ("answers.persons[0].answers.Q3", {"Q3": {"А": "9"}}),
    ("answers.persons[0].answers.Q7", {"Q7": 5}),
    ("answers.persons[0].answers.Q7", {"Q7": {"К1": 1}}),
    ("answers.persons[0].answers.Q7", {"Q7": {"К1": 1, "К2": 3}}),
    ("The text is not JSON", {"Q6": "half a letter: \ud800"}),
    ("answers.persons[0].answers.Q8", {"Q8": -1}),
    ("answers.persons[0].answers.Q8", {"Q8": 10**30}),
]


@pytest.mark.parametrize(("place", "answers"), WRONG, ids=lambda x: str(x)[:40])
def test_an_answer_that_cannot_be_is_named_by_its_path_and_not_repeated(place: str, answers: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        cdx.load_responses({"persons": [{"person": "a", "answers": answers}]}, bank=KINDS)
    for text in (str(caught.value), caught.value.text("ru")):
        assert text.startswith((place, "Текст — не JSON"))
        assert "Иванова" not in text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("answers", lambda d: d.pop("persons")),
        ("answers.persons", lambda d: d.update(persons=[])),
        ("answers.persons", lambda d: d.update(persons={"a": {}})),
        ("answers.persons[1]", lambda d: d["persons"].append(7)),
        ("answers.persons[0]", lambda d: d["persons"][0].pop("person")),
        ("answers.persons[0]", lambda d: d["persons"][0].update(name="Мария")),
        ("answers.persons[0].person", lambda d: d["persons"][0].update(person=7)),
        ("answers.persons[0].person", lambda d: d["persons"][0].update(person="  ")),
        ("answers.persons[0].person", lambda d: d["persons"].append(d["persons"][0] | {"person": " a"})),
        ("answers.persons[0].form", lambda d: d["persons"][0].update(form="Z")),
        ("answers.persons[0].answers", lambda d: d["persons"][0].update(answers=[])),
        ("answers.persons", lambda d: d["persons"][0].update(answers={})),
        ("answers", lambda d: d.update(extra=1)),
        ("answers.kind", lambda d: d.update(kind="answer")),
        ("answers.schema_version", lambda d: d.update(schema_version=2)),
        ("answers.bank", lambda d: d.update(bank="history@1.0.0")),
    ],
)
def test_a_document_of_another_shape_is_refused_with_the_path(place: str, change: Any) -> None:
    document: Any = {"kind": "answers", "persons": [{"person": "a", "answers": {"Q0": "1"}}]}
    change(document)
    with pytest.raises(DocumentError) as caught:
        cdx.load_responses(copy.deepcopy(document), bank=KINDS)
    assert place in str(caught.value)
    assert place in caught.value.text("ru")


def test_persons_are_pseudonyms_and_a_bank_is_needed() -> None:
    document = {"persons": [{"person": SECRET, "answers": {"Q0": "1"}}]}
    with pytest.raises(CompetencyDxError, match="personal data") as caught:
        cdx.load_responses(document, bank=KINDS)
    assert "Иванова" not in str(caught.value)
    with pytest.raises(CompetencyDxError, match="needs the bank"):
        cdx.load_responses(document)


def test_what_a_person_typed_is_never_refused() -> None:
    document = {"persons": [{"person": "a", "answers": {"Q4": "не помню", "Q5": "abc", "Q6": "<b>?</b>", "Q0": "1"}}]}
    with pytest.warns(cdx.CompetencyDxWarning):
        out = cdx.load_responses(document, bank=KINDS)
    assert dict(zip(out.items, out.reasons[0].tolist(), strict=True)) == {
        "Q0": Reason.ANSWERED, "Q4": Reason.INVALID, "Q5": Reason.INVALID, "Q6": Reason.INVALID,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": 1, "a": 2}', '{"a": NaN}', b"\xff\xfe{}", '{"a": ' + "9" * 5000 + "}"])
def test_a_text_that_says_two_things_or_nothing_is_refused(text: str | bytes) -> None:
    with pytest.raises(DocumentError):
        parse_answers(text)


def test_schemas_of_banks_are_schemas() -> None:
    for bank in (None, *BANKS, KINDS):
        jsonschema.Draft202012Validator.check_schema(answers_schema(bank))


def test_a_mapping_of_columns_is_still_a_table() -> None:
    columns = {"person": ["a", "b"], "kind": ["x", "y"], "persons": ["1", "2"], FIRST["single"]: ["1", "2"]}
    assert cdx.load_responses(columns, bank=MATHEMATICS).items == (FIRST["single"],)
