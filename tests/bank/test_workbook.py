"""The authoring workbook: every field has a column, round trips lose nothing, every fault is told at its cell."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from competency_dx.bank import (
    BankPopulation,
    CorrelationMatrix,
    Item,
    ItemBank,
    LeafPopulation,
    ParameterRecord,
    load_bank,
    load_bank_workbook,
    load_framework,
    parse,
    save_bank,
    save_bank_template,
    save_bank_workbook,
    shipped_banks,
)
from competency_dx.bank.bank_file import BankDocument, read_yaml
from competency_dx.bank.document import Document
from competency_dx.bank.item import ALLOWED_RULES
from competency_dx.bank.item_bank import BankRecord
from competency_dx.bank.workbook import EXAMPLES
from competency_dx.bank.workbook.sheet_plan import NUMBERED, sheet_plans
from competency_dx.bank.workbook.sheet_reading import read_grids
from competency_dx.errors import BankError, CompetencyDxError, LimitError
from competency_dx.storage import Limits

openpyxl = pytest.importorskip("openpyxl")
LANGUAGES = ("ru", "en")
Edit = Callable[[Any], None]


# ---------------------------------------------------------------- columns


def test_every_field_has_a_column() -> None:
    """A field that is no plain value and has no sheet would be lost: name its sheet in workbook.toml."""
    plans = sheet_plans()
    covered = {(*p.at, *(c.path.split(".") if c.path[0] != "@" else ())) for p in plans for c in p.columns}
    covered |= {(*p.at, *f.split(".")) for p in plans for f in p.fields}
    for root, document in (("header", BankDocument), ("items", Item), ("parameters", ParameterRecord)):
        assert root in BankRecord.__annotations__
        assert {path[1] for path in covered if path[0] == root and len(path) > 1} == set(document.model_fields)


def leaves(kind: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the fields of a document type that hold no document, with their types without None."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from leaves(args[0], path)
    elif origin in {Union, UnionType}:
        for part in args:
            yield from leaves(part, path) if part is not NoneType else ()
    elif isinstance(kind, type) and issubclass(kind, Document):
        for name, field in kind.model_fields.items():
            yield from leaves(field.annotation, (*path, name))
    elif origin is dict and get_origin(args[0]) is Literal:
        for choice in get_args(args[0]):
            yield from leaves(args[1], (*path, choice))
    elif origin in {tuple, dict} and next(leaves(args[origin is dict]))[0]:
        yield from leaves(args[origin is dict], path)
    else:
        yield path, kind


def test_columns_are_the_fields_of_the_documents() -> None:
    """The kinds and choices that workbook.toml tells are those of the types."""
    plans = sheet_plans()
    kinds: dict[tuple[str, ...], list[Any]] = {}
    for root, document in get_type_hints(BankRecord).items():
        for path, kind in leaves(document, (root,)):
            kinds.setdefault(path, []).append(kind)
    columns = {(*p.at, *(c.path.split(".") if c.path[0] != "@" else ())): c for p in plans for c in p.columns}
    elsewhere = {(*p.at, *f.split(".")) for p in plans for f in p.fields}
    assert kinds.keys() - columns.keys() - elsewhere == {("digest",), ("provenance",)}  # of no author
    assert {path for path, c in columns.items() if c.path[0] != "@"} <= {*kinds, ("items", "stimulus", "table", "cells")}
    for path, found in kinds.items():
        column = columns.get(path)
        if column is None or column.path[0] == "@":
            continue
        literal = [get_args(kind) for kind in found if get_origin(kind) is Literal]
        choices = tuple(dict.fromkeys(choice for part in literal for choice in part if isinstance(choice, str)))
        assert column.choices == choices, path
        whole = {int in (kind, *map(type, get_args(kind))) for kind in found}
        assert (column.kind == "integer") == (whole == {True}), (path, found)
        assert (column.kind == "number") == (found == [float]), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_column_has_a_heading_of_its_own_and_a_note(language: str) -> None:
    for plan in sheet_plans():
        parts = [p for c in plan.columns for p in (c.numbered(1) if c.kind in NUMBERED else (c,))]
        headings = [part.heading(language) for part in parts]
        assert len(set(headings)) == len(headings), plan.id
        for part, heading in zip(parts, headings, strict=True):
            assert part.note(language), (plan.id, part.path)
            assert bool(re.search("[а-яё]", heading)) == (language == "ru"), (plan.id, part.path)


# ---------------------------------------------------------------- round trips


FEW = {("common", "ru"), ("chemistry", "en"), ("primary", "ru")}
"""What the ordinary run reads back; the slow studies take every bank in both languages."""


@pytest.mark.parametrize(
    ("name", "language"),
    [
        pytest.param(name, language, marks=() if (name, language) in FEW else pytest.mark.recovery)
        for name in shipped_banks()
        for language in LANGUAGES
    ],
)
def test_shipped_banks_come_back_as_they_were(name: str, language: Any, tmp_path: Path) -> None:
    bank = load_bank(name)
    first = save_bank_workbook(bank, tmp_path / "a.xlsx", language=language)
    again = load_bank_workbook(first)
    assert again.digest == bank.digest
    second = save_bank_workbook(again, tmp_path / "b.xlsx", language=language)
    assert first.read_bytes() == second.read_bytes()
    save_bank(again, tmp_path / "folder")
    assert load_bank(tmp_path / "folder").digest == bank.digest


ODD = (
    "=1+1",
    "1/2",
    "013",
    "1e5",
    "+7",
    "-1",
    "@x",
    "'a",
    '"',
    "_x0041_",
    "TRUE",
    "3,5",
    "#N/A",
    " края ",
    "а\nб\n",
    "\t",
    "«»",
    "1.02",
)
prose = st.one_of(st.sampled_from(ODD), st.text("аБ1 =\n\"'−\u00a0\r&<", min_size=1, max_size=12)).filter(
    lambda text: text.strip() and text != '""'
)
code = st.text("АБВ1234xy", min_size=1, max_size=3)
number = st.floats(-9, 9).map(lambda x: x + 0.0)
TITLE = st.builds(lambda ru, en: {"ru": ru, **({"en": en} if en else {})}, prose, st.none() | prose)


def fold_apart(codes: list[str]) -> bool:
    return len({c.upper().translate(str.maketrans("АВХУ", "ABXY")) for c in codes}) == len(codes)


codes = st.lists(code, min_size=2, max_size=4, unique=True).filter(fold_apart)


@st.composite
def items(draw: st.DrawFn, kind: str, k: int) -> Item:
    """Return an item of a type with any of its fields filled in."""
    options, left = draw(codes), draw(codes)
    with_options = kind in {"single", "multiple", "matching", "ordering"}
    plain: dict[str, Any] = {
        "id": f"{kind}-{k}",
        "type": kind,
        "stem": draw(prose),
        "competencies": draw(st.dictionaries(st.sampled_from(["MAT.S.01", "MAT.M.05", "MAT.S.02.1"]), st.floats(0.1, 3), min_size=1)),
        "options": {o: draw(prose | st.just("")) for o in options} if with_options else {},
    }
    keys: dict[str, Any] = {
        "single": options[0],
        "multiple": options[1:],
        "ordering": options[::-1],
        "matching": {a: draw(st.sampled_from(options)) for a in left},
        "number": draw(st.sampled_from(["0.5", "1/3", "-2"])),
        "digits": "013",
        "text": draw(st.lists(prose, min_size=1, max_size=3)),
    }
    plain |= {"key": keys[kind]} if kind in keys else {}
    plain |= {"left": {a: draw(prose) for a in left}} if kind == "matching" else {}
    rules = [rule for rule in ALLOWED_RULES[kind] if rule.__name__ != "CodeMap"]
    name = draw(st.sampled_from([str(rule.model_fields["rule"].annotation).split("'")[1] for rule in rules]))
    stated = {"rule": name, **({"points": 3} if name in {"exact", "one_error", "given"} else {})}
    plain |= draw(st.sampled_from([{}, {"scoring": stated}]))
    if kind in {"single", "text"} and draw(st.booleans()):
        plain |= {"key": None, "scoring": {"rule": "map", "scores": {options[0]: 2, "00": 0}, "zero": [options[1], "9 9"]}}
    if kind == "open":
        levels = {"0": draw(prose), "1": "", "2": draw(prose)}
        plain["rubric"] = [{"id": c, "title": draw(TITLE), "levels": levels} for c in options]
        plain["samples"] = [{"answer": draw(prose), "marks": dict.fromkeys(options, 2)}]
    elif kind != "scored":
        plain |= {"accept": draw(st.lists(prose, max_size=2)), "reject": draw(st.lists(prose, max_size=2))}
    stimuli = [None, {"text": draw(prose)}, {"table": [["a", ""], ["", draw(prose)]]}, {"svg": "<svg><g/></svg>", "alt": draw(TITLE)}]
    optional = {
        "title": draw(TITLE),
        "cognitive": "applying",
        "task": "planning",
        "part": draw(st.sampled_from(["subject", "methodical"])),
        "stage": "10-11",
        "time_s": 90,
        "family": {"name": "f", "seed": 2**40},
        "facts": {draw(prose): [draw(prose), draw(prose)], "b": []},
        "review": {"blind": [draw(prose)], "lay_right": 0, "lay_runs": 5, "changes": [draw(prose), "x"]},
        "unit": draw(TITLE),
        "solution": draw(prose),
        "source": draw(prose),
        "status": "retired",
        "misconceptions": {options[1]: draw(prose)} if with_options else {},
        "stimulus": draw(st.sampled_from(stimuli)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(optional))))
    return parse(Item, plain | {f: optional[f] for f in chosen if optional[f]}, "item")


@st.composite
def banks(draw: st.DrawFn) -> ItemBank:
    """Return a bank with items of every type, forms, parameters of any numbers, and an estimated population or none."""
    made = [draw(items(kind, k)) for k, kind in enumerate(ALLOWED_RULES)]
    first, second, *_ = [item.id for item in made]
    made[0] = made[0].model_copy(update={"enemies": (second, made[2].id)})
    if made[0].key is not None:
        wrong = [o for o in made[0].options if o not in made[0].right_options]
        made[0] = made[0].model_copy(update={"misconception_codes": {wrong[0]: "m-1"}})
    records = []
    for item in draw(st.lists(st.sampled_from(made), unique_by=lambda i: i.id)):
        steps = tuple(draw(st.lists(number, min_size=item.max_score, max_size=item.max_score)))
        se = draw(st.none() | st.floats(0, 2))
        records.append(
            ParameterRecord(
                item=item.id, model="GPCM", a=draw(st.floats(0.1, 3)), b=steps, se_b=(se,) * len(steps), n=3, date="2026-05-15"
            )
        )
    shipped = load_bank("mathematics")
    header = shipped.header.model_copy(
        update={
            "schema_version": 3,
            "licence": draw(prose),
            "forms": parse(
                BankDocument,
                shipped.header.model_dump()
                | {"schema_version": 3, "forms": [{"id": "A", "items": [first, second], "anchors": [second], "title": draw(TITLE)}]},
                "header",
            ).forms,
            "misconceptions": {"m-1": shipped.title},
            "reference_set": draw(st.sampled_from(["all", (first,)])),
        }
    )
    bank = ItemBank(header=header, items=tuple(made), framework=shipped.framework, parameters=tuple(records))
    leaves = tuple(dict.fromkeys(bank.leaves.values()))
    if draw(st.booleans()):
        pairs = len(leaves) * (len(leaves) - 1) // 2
        population = BankPopulation(
            leaves={leaf: LeafPopulation(mean=draw(number), sd=0.1 + 0.2) for leaf in leaves},
            correlations=CorrelationMatrix(leaves=leaves, values=(1 / 3,) * pairs, se=(0.1 + 0.2,) * pairs),
            status="estimated",
            group="",
            n=300,
        )
        bank = replace(bank, header=header.model_copy(update={"population": population}))
    return bank


@pytest.mark.filterwarnings("default::hypothesis.errors.HypothesisWarning")  # a bank is long to show
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=list(Phase)[:3])
@given(bank=banks(), language=st.sampled_from(LANGUAGES))
def test_any_bank_comes_back_as_it_was(bank: ItemBank, language: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("books")
    first = save_bank_workbook(bank, folder / "a.xlsx", language=language)
    again = load_bank_workbook(first)
    assert again.header == bank.header
    assert again.items == bank.items
    assert again.parameters == bank.parameters
    second = save_bank_workbook(again, folder / "b.xlsx", language=language)
    assert [g.cells.keys() for g in read_grids(first)] == [g.cells.keys() for g in read_grids(second)]
    assert first.read_bytes() == second.read_bytes()


# ---------------------------------------------------------------- faults


def test_examples_show_every_type_and_are_items() -> None:
    for language, plain in read_yaml(EXAMPLES).items():
        made = [parse(Item, item, language) for item in plain]
        assert {item.type for item in made} == set(ALLOWED_RULES)
        assert all(code in load_framework("teacher") for item in made for code in item.competencies)


@pytest.fixture(scope="module")
def small() -> ItemBank:
    """Return a bank of one item of each type, those that the template shows."""
    plain = [item | {"id": item["id"].replace("ПРИМЕР", "T")} for item in read_yaml(EXAMPLES)["ru"]]
    shipped = load_bank("mathematics")
    header = shipped.header.model_copy(update={"schema_version": 3, "id": "small", "forms": ()})
    made = tuple(parse(Item, item, item["id"]) for item in plain)
    records = (ParameterRecord(item="T-1", model="2PL", a=1.0, b=(0.5,), se_b=(0.8,)),)
    return ItemBank(header=header, items=made, framework=shipped.framework, parameters=records)


@pytest.fixture(scope="module")
def written(small: ItemBank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its workbook."""
    return save_bank_workbook(small, tmp_path_factory.mktemp("small") / "small.xlsx")


def edited(written: Path, path: Path, edit: Edit) -> Path:
    """Change a workbook as a spreadsheet program does, and return the path of what it saves."""
    book = openpyxl.load_workbook(written)
    edit(book)
    book.save(path)
    return path


def at(book: Any, sheet: str, heading: str, row: int) -> Any:
    """Return a cell by the heading of its column."""
    column = next(c.column for c in book[sheet][1] if c.value == heading)
    return book[sheet].cell(row, column)


def write(sheet: str, heading: str, row: int, content: Any) -> Edit:
    return lambda book: setattr(at(book, sheet, heading, row), "value", content)


def lines(fault: BankError, language: str = "ru") -> list[str]:
    return fault.text(language).splitlines()[1:]


FAULTS: dict[str, tuple[Edit, str, str]] = {
    "a date": (write("Ключи", "Ответ", 2, dt.date(2026, 2, 1)), "Ключи!D2", "дата 2026-02-01"),
    "a formula": (write("Задания", "Баллы", 3, "=1+1"), "Задания!G3", "формула '=1+1'"),
    "no number": (write("Параметры", "Различение", 2, "один"), "Параметры!C2", "'один' — не число"),
    "no whole number": (write("Задания", "Время, с", 2, 1.5), "Задания!T2", "не целое число"),
    "too small": (write("Задания", "Время, с", 2, -3), "Задания!T2", "должно быть не меньше 1"),
    "no such word": (write("Задания", "Тип", 2, "тест"), "Задания!B2", "ожидалось одно из: один ответ, несколько"),
    "no such competency": (write("Задания", "Компетенция 1", 2, "MAT.Z"), "Задания!K2", "кода 'MAT.Z' нет"),
    "no such option": (write("Ключи", "Ответ", 2, "9"), "Ключи!D2", "ожидался один из: 1, 2, 3, 4"),
    "no such item": (write("Ключи", "Задание", 2, "T-99"), "Ключи!A2", "кода 'T-99' нет"),
    "no such left": (write("Ключи", "Слева или код", 5, "Я"), "Ключи!C5", "кода 'Я' нет"),
    "no such form item": (write("Параметры", "Задание", 2, "T-0"), "Параметры!A2", "кода 'T-0' нет"),
    "an id twice": (write("Задания", "Код задания", 3, "T-1"), "Задания!A3", "'T-1' уже есть"),
    "an option twice": (write("Варианты ответа", "Код варианта", 3, "1"), "Варианты ответа!B3", "'1' уже есть"),
    "no id": (write("Задания", "Код задания", 2, None), "Задания!A2", "ячейка «Код задания» пуста"),
    "no type": (write("Задания", "Тип", 2, None), "Задания!B2", "поля нет, а оно обязательно"),
    "an empty answer": (write("Ключи", "Ответ", 2, None), "Ключи!D2", "ячейка пуста"),
    "digits as a number": (write("Ключи", "Ответ", 14, 13), "Ключи!D14", "13 записано как число"),
    "merged": (lambda book: book["Задания"].merge_cells("A2:A3"), "Задания!A2:A3", "объединены"),
    "hidden": (lambda book: setattr(book["Задания"].row_dimensions[4], "hidden", True), "Задания!A4", "строка скрыта"),
    "a strange heading": (write("Задания", "Тип", 1, "Вид"), "Задания!B1", "'Вид' на этом листе нет"),
    "a heading twice": (write("Задания", "Баллы", 1, "Тип"), "Задания!G1", "«Тип» уже есть"),
    "a strange sheet": (lambda book: book.create_sheet("Черновик"), "Черновик!A1", "листа с таким именем"),
    "a logical value": (write("Ключи", "Ответ", 2, True), "Ключи!D2", "логическое значение"),
    "a spreadsheet error": (write("Задания", "Решение", 2, "#REF!"), "Задания!AB2", "ошибка таблицы #REF!"),
    "a wrong mark": (write("Образцы ответов", "Балл 1", 2, 7), "Образцы ответов!A2", "samples[0].marks"),
    "a wrong rule": (write("Задания", "Правило оценивания", 2, "по критериям"), "Задания!F2", "не подходит типу"),
    "a second key": (write("Ключи", "Что это", 11, "ключ"), "Ключи!D11", "несколько"),
    "no such misconception": (write("Варианты ответа", "Код представления", 2, "x"), "Варианты ответа!E2", "кода 'x' нет"),
    "a subject of nowhere": (write("Банк", "Значение", 6, "XYZ"), "Банк!B6", "кода 'XYZ' нет"),
    "too many steps": (write("Параметры", "Трудность 2", 2, 1), "Параметры!D2", "трудностей ступеней 2"),
    "an enemy of itself": (write("Задания", "Не вместе с", 2, "T-1"), "Задания!Q2", "не другое задание"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_at_its_cell(name: str, written: Path, tmp_path: Path) -> None:
    edit, place, words = FAULTS[name]
    with pytest.raises(BankError) as caught:
        load_bank_workbook(edited(written, tmp_path / "book.xlsx", edit))
    told = [line for line in lines(caught.value) if line.startswith((f"{place},", f"{place}:"))]
    assert len(told) == 1, caught.value.text("ru")
    assert words in told[0], told
    assert len(lines(caught.value, "en")) == len(lines(caught.value))


def test_all_faults_are_told_at_once(written: Path, tmp_path: Path) -> None:
    alone = ["a date", "too small", "no such competency", "an option twice", "no such item", "a formula"]

    def all_of_them(book: Any) -> None:
        for name in alone:
            FAULTS[name][0](book)

    with pytest.raises(BankError) as caught:
        load_bank_workbook(edited(written, tmp_path / "book.xlsx", all_of_them))
    told = "\n".join(lines(caught.value))
    assert all(re.search(rf"^{re.escape(FAULTS[name][1])}[,:]", told, re.MULTILINE) for name in alone), told


def test_what_people_type_is_read_where_it_means_one_thing(small: ItemBank, written: Path, tmp_path: Path) -> None:
    def typed(book: Any) -> None:
        at(book, "Ключи", "Ответ", 3).value = " A "  # a Latin letter for the Cyrillic one, blanks
        at(book, "Ключи", "Задание", 2).value = "Т-1 "  # a Cyrillic letter for the Latin one
        at(book, "Ключи", "Ответ", 2).value = 4  # a number for the code of an option
        at(book, "Параметры", "Трудность 1", 2).value = "−0,5 "
        at(book, "Задания", "Тип", 2).value = "single"
        at(book, "Задания", "Ступень", 2).value = "5-9 КЛАССЫ"
        at(book, "Задания", "Компетенция 1", 2).value = "mat.s.01.1"
        at(book, "Задания", "Вес 1", 2).value = None
        at(book, "Задания", "Время, с", 2).value = "90"
        at(book, "Параметры", "Дата", 2).value = dt.date(2026, 2, 1)
        book.create_sheet("# заметки")["A1"] = "что угодно"
        del book["Таблицы"]

    again = load_bank_workbook(edited(written, tmp_path / "book.xlsx", typed))
    assert again.items == small.items
    assert again.parameters[0].b == (-0.5,)
    assert again.parameters[0].date == "2026-02-01"


def test_a_difficulty_in_words_becomes_provisional_parameters(written: Path, tmp_path: Path) -> None:
    def judged(book: Any) -> None:
        book["Параметры"].delete_rows(2)
        for row, (item, said) in enumerate([("T-1", "трудно"), ("T-2", "very easy")], start=2):
            at(book, "Параметры", "Задание", row).value = item
            at(book, "Параметры", "Трудность 1", row).value = said

    one, two = load_bank_workbook(edited(written, tmp_path / "book.xlsx", judged)).parameters
    assert (one.model, one.b, one.status) == ("2PL", (0.75,), "provisional")
    assert (two.model, two.b, two.se_b) == ("GPCM", (-2.0, -1.0), (0.8, 0.8))


def test_a_framework_of_ones_own_travels_in_the_workbook(small: ItemBank, tmp_path: Path) -> None:
    framework = small.framework.model_copy(update={"id": "own", "version": "7"})
    header = small.header.model_copy(update={"framework": small.header.framework.model_copy(update={"id": "own", "version": "7"})})
    bank = replace(small, header=header, framework=framework)
    again = load_bank_workbook(save_bank_workbook(bank, tmp_path / "own.xlsx"))
    assert again.framework == framework
    assert again.digest == bank.digest


def test_what_cells_cannot_hold_is_refused_and_nothing_is_written(small: ItemBank, tmp_path: Path) -> None:
    long = small.items[0].model_copy(update={"solution": "ж" * 40_000})
    with pytest.raises(BankError, match="without loss: T-1"):
        save_bank_workbook(replace(small, items=(long, *small.items[1:])), tmp_path / "a.xlsx")
    with pytest.raises(BankError, match="xlsx"):
        save_bank_workbook(small, tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_workbook_are_one_sentence(small: ItemBank, tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    for content in (b"", b"a;b\n1;2\n", b"PK\x03\x04" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(BankError, match="no XLSX workbook"):
            load_bank_workbook(path)
    with zipfile.ZipFile(save_bank_workbook(small, path)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/workbook.xml"] = b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + parts["xl/workbook.xml"].split(b"?>", 1)[1]
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(BankError, match="no XLSX workbook"):
        load_bank_workbook(path)
    save_bank_workbook(small, path)
    with Limits(decompressed_bytes=2000), pytest.raises(LimitError, match="decompressed"):
        load_bank_workbook(path)


PARTS = ("xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/worksheets/sheet3.xml", "xl/_rels/workbook.xml.rels")
SCRAPS = (b"", b"<", b'"', b"9" * 20, b"-1", b"NaN", b"inf", b'r="ZZZZ9"', b"<v>x</v>", b"<f>", b"_xD800_", b'<c t="s">')


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(part=st.sampled_from(PARTS), at=st.floats(0, 1), length=st.integers(0, 40), scrap=st.sampled_from(SCRAPS))
def test_damaged_workbooks_are_refused_or_read(
    written: Path, tmp_path_factory: pytest.TempPathFactory, part: str, at: float, length: int, scrap: bytes
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "book.xlsx"
    with zipfile.ZipFile(written) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            start = int(at * len(content))
            copy.writestr(name, content[:start] + scrap + content[start + length :] if name == part else content)
    with contextlib.suppress(CompetencyDxError):
        assert load_bank_workbook(path).items


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_has_nothing_to_read_but_its_examples(language: Any, tmp_path: Path) -> None:
    path = save_bank_template(tmp_path / "chemistry.xlsx", subject="CHE", language=language)
    with pytest.raises(BankError) as caught:
        load_bank_workbook(path)
    told = "\n".join(lines(caught.value))
    assert "Задания!A2" in told
    assert len(lines(caught.value)) == 2, told  # and the title of the bank
    book = openpyxl.load_workbook(path)
    offered = [c.value for c in book[book.sheetnames[-1]]["A"]][1:]
    assert {c.split(".")[0].split(" ")[0] for c in offered} == {"CHE", "ANY", "GEN"}
    assert all(page.freeze_panes for page in book.worksheets[1:-1])
    with pytest.raises(BankError):
        save_bank_template(path, subject="XYZ")
