"""Answers as a JSON document: each in the natural form of its item's type, checked against a schema before anything is scored.

An answer is a text as in a table, or a number, a list of options, an object of pairs or of criteria where the item is of that
kind. ``null`` says that the item was shown and left without an answer; an item that is not named was not shown, unless the form
of the person says that it was.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from competency_dx.bank import CodeMap, ItemBank
from competency_dx.checking import check_document, compiled
from competency_dx.errors import DocumentError, ResponsesError, checked, repeated
from competency_dx.responses.missing import Reason
from competency_dx.responses.reading.layout import Layout
from competency_dx.responses.reading.roles import Roles, refuse_personal
from competency_dx.responses.reading.scoring import TYPED
from competency_dx.responses.reading.table import KEPT_CELLS, Table, cell_text, column, fresh_column
from competency_dx.responses.responses import Responses
from competency_dx.result import parse_json

KIND = "answers"
KEPT = 128  # banks
ABSENT = object()
parse_answers = parse_json


@checked(ResponsesError)
def answers_schema(bank: ItemBank | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a document of answers: of any bank, or with the items and forms of this one."""
    path = files("competency_dx.responses.reading").joinpath("answers.json")
    content: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    out, natural = content["document"], content["natural"]
    person = out["properties"]["persons"]["items"]["properties"]
    if bank is None:
        person["answers"]["additionalProperties"] = content["any"]
        return out
    coded = {i.id: "single" if isinstance(i.rule, CodeMap) else i.type for i in bank.items}
    person["answers"] |= {"properties": {i: natural[kind] for i, kind in coded.items()}, "additionalProperties": False}
    person["form"] = {"enum": [*(f.id for f in bank.forms), None], "description": person["form"]["description"]}
    return out | {"title": f"{out['title']} of bank {bank.id} {bank.version}"}


def is_answers(source: object) -> bool:
    """Tell whether something is a document of answers, and no mapping of columns."""
    if not isinstance(source, Mapping):
        return False
    persons = source.get("persons")
    return source.get("kind") == KIND or (isinstance(persons, list) and all(isinstance(p, Mapping) for p in persons))


def answer_roles(document: Mapping[str, Any], bank: ItemBank, layout: Layout) -> Roles:
    """Return a document, once it is as `answers_schema` says and names nobody twice, as a wide table with its roles."""
    _check(document, bank)
    persons: Sequence[Mapping[str, Any]] = document["persons"]
    of_form = {f.id: set(f.items) for f in bank.forms}
    shown = [of_form.get(p.get("form") or "", set()) | set(p["answers"]) for p in persons]
    named = set().union(*shown)
    columns = {"person": fresh_column("person", [p["person"] for p in persons])}  # who they are is not remembered
    forms = [p.get("form") for p in persons]
    columns |= {"form": column("form", forms)} if any(forms) else {}
    if not (items := [item.id for item in bank.items if item.id in named]):
        raise DocumentError("responses.no_answers", where=f"{KIND}.persons")
    for item in items:  # under a name that no other column has
        given = [p["answers"].get(item, ABSENT) for p in persons]
        texts = [None if g is ABSENT else cell_text(g)[0] if isinstance(g, dict | list) else g for g in given]
        blank = [not form and g is None for form, g in zip(forms, given, strict=True)]
        cells = column(item, texts)  # what is not marked was not shown
        columns[f"answers.{item}"] = _marked_cell(cells) if blank == [True] else cells.marked(np.array(blank))
    table = Table(columns=columns, rows=len(persons), origin=KIND)
    refuse_personal(table, set(columns) - {"person"}, None, layout)
    return Roles(table, "person", "form" if any(forms) else None, {i: (f"answers.{i}",) for i in items}, ())


_check_of = lru_cache(maxsize=KEPT)(lambda bank: compiled(answers_schema(bank)))


def _check(document: Mapping[str, Any], bank: ItemBank) -> None:
    if document.get("persons") == []:
        raise DocumentError("responses.no_answers", where=f"{KIND}.persons")
    try:
        check_document(document, _check_of(bank), KIND)
        json.dumps(document, ensure_ascii=False).encode()
    except DocumentError as fault:  # without the answers themselves, and with what to do here
        facts = {name: fact for name, fact in fault.facts.items() if name != "given"}
        code = "responses.answers_fields" if fault.code == "result.fields" else "responses.answers_value"
        raise DocumentError(code, **facts) from None
    except (RecursionError, UnicodeEncodeError) as fault:  # too deep, or halves of letters
        raise DocumentError("result.not_json", fault=fault) from None
    if str(document.get("bank", bank.id)).partition("@")[0] != bank.id:
        raise DocumentError("responses.another_bank", where=f"{KIND}.bank", given=document["bank"], bank=bank.id)
    ids = [cell_text(person["person"])[0] for person in document["persons"]]
    twice = set(repeated(ids))
    if places := [f"{KIND}.persons[{k}].person" for k, i in enumerate(ids) if i in twice or not i]:
        raise DocumentError("responses.persons_of_answers", where=places)
    for k, person in enumerate(document["persons"]):
        for item, answer in person["answers"].items():  # a negative number is no code of a missing answer
            if isinstance(answer, int) and answer < 0 and bank.item(item).type != "number":
                raise DocumentError("responses.no_such_answers", where=f"{KIND}.persons[{k}].answers.{item}", bank=bank.id)


_marked_cell = lru_cache(maxsize=KEPT_CELLS)(lambda cells: cells.marked(np.ones(1, dtype=np.bool_)))


def refuse_impossible(responses: Responses, bank: ItemBank) -> None:
    """Refuse answers that no form or rater can have given: options that do not exist, points beyond the maximum."""
    cells = ((row, responses.items[k]) for row, k in np.argwhere(responses.reasons == Reason.INVALID).tolist())
    if where := [f"{KIND}.persons[{row}].answers.{item}" for row, item in cells if bank.item(item).type not in TYPED]:
        raise DocumentError("responses.no_such_answers", where=where, bank=bank.id)
