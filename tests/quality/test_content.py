"""What the gates of the content refuse: for each an item that falls and a near neighbour that passes; shipped banks pass all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

import competency_dx as cdx
from competency_dx.bank import Form, Item, ItemBank, ParameterRecord, parse
from competency_dx.quality import check_content

MakeBank = Callable[..., ItemBank]


def refusals(bank: ItemBank) -> dict[str, list[str]]:
    """Return the ids of every refusal by gate."""
    out: dict[str, set[str]] = {}
    for finding in check_content(bank):
        out.setdefault(finding.code, set()).add(" ".join(finding.scope))
    return {code: sorted(ids) for code, ids in sorted(out.items())}


@pytest.mark.parametrize("name", cdx.bank.shipped_banks())
def test_no_gate_refuses_anything_in_a_shipped_bank(name: str) -> None:
    assert refusals(cdx.load_bank(name)) == {}


def item(n: int = 1, **changes: Any) -> Item:
    """Return a plain item that no gate refuses."""
    plain = {
        "id": f"i{n}",
        "type": "single",
        "stem": f"Вопрос {n}?",
        "options": {"1": f"слово{n} да", "2": f"слово{n} не", "3": f"слово{n} ни", "4": f"слово{n} ну"},
        "key": "1234"[n % 4],
        "competencies": {"S.1.1": 1},
        "part": "subject",
    }
    return parse(Item, plain | changes, "item")


def number(n: int = 1, **changes: Any) -> Item:
    return item(n, **({"type": "number", "options": {}, "key": "5"} | changes))


def worded(n: int = 1, **changes: Any) -> Item:
    return item(n, **({"type": "text", "options": {}, "key": ["уран"]} | changes))


def several(n: int, size: int) -> Item:
    """Return an item of multiple choice with a key of this size."""
    key = [str(k + 1) for k in range(size)]
    return item(n, type="multiple", options={str(k): f"слово{n}{k}" for k in range(1, 7)}, key=key)


def single(n: int, key: int, longest: int) -> Item:
    options = {str(k): "слово да" + "а" * (3 * (k == longest)) for k in range(1, 5)}
    return item(n, options=options, key=str(key))


def ordering(*labels: str, key: str) -> Item:
    return item(type="ordering", options={str(k + 1): t for k, t in enumerate(labels)}, key=list(key))


STEMS = ("Почему железная руда тонет в холодной воде?", "Где железная руда тонет в море?")
SUMMIT = "Соборное деяние 1682 года отменило местничество навсегда."
CASES: list[tuple[str, list[Item], list[Item]]] = [
    (
        "option_is_code",
        [item(options={"1": "2 балла", "2": "1 балл"}, key="1")],
        [item(options={"1": "1 балл", "2": "2 балла"}, key="1")],
    ),
    (
        "option_is_code",
        [item(options={"1": "4,00", "2": "7,00", "4": "9,00"}, key="1")],
        [item(options={"1": "4,25", "2": "7,00", "4": "9,00"}, key="1")],
    ),
    ("option_is_code", [item(options={"1": "r = 2", "2": "r = 5"}, key="1")], [item(options={"1": "r = −2", "2": "r = 5"}, key="1")]),
    ("option_is_code", [item(options={"А": "Б", "Б": "всё"}, key="А")], [item(options={"А": "Бор", "Б": "всё"}, key="А")]),
    ("key_sizes", [several(n, 3) for n in range(6)], [several(n, 2 + n % 3) for n in range(6)]),
    ("key_sizes", [several(n, s) for n, s in enumerate((2, 3, 3, 3, 4))], [several(n, s) for n, s in enumerate((2, 3, 3, 2, 4))]),
    ("key_length", [single(n, 1 + n % 4, 1 + n % 4) for n in range(12)], [single(n, 1 + n % 4, 1 + n % 3) for n in range(12)]),
    ("key_length", [single(n, 1 + n % 4, 1 + (n + 1) % 4) for n in range(16)], [single(n, 1 + n % 4, 1 + n // 4) for n in range(16)]),
    ("key_position", [single(n, 2, 1 + n % 4) for n in range(8)], [single(n, 1 + n % 4, 1 + n // 4) for n in range(16)]),
    ("key_position", [single(n, 1 + n % 3, 1 + n % 4) for n in range(28)], [single(n, 1 + n % 4, 1 + n % 3) for n in range(28)]),
    ("title_shows_key", [worded(title={"ru": "Цепочка распадов урана"})], [worded(title={"ru": "Цепочка распадов"})]),
    (
        "title_shows_key",
        [item(title={"ru": "О силе тока"}, key="1", options={"1": "сила растёт", "2": "поле", "3": "заряд", "4": "время"})],
        [item(title={"ru": "О силе тока"}, key="1", options={"1": "сила растёт", "2": "сила та же", "3": "силы нет", "4": "время"})],
    ),
    (
        "points_differ",
        [number(1), number(2), number(3, scoring={"rule": "tolerance", "points": 2})],
        [number(1), number(2), number(3, part="methodical", scoring={"rule": "tolerance", "points": 2})],
    ),
    (
        "recall_outweighs",
        [
            number(1, part="methodical"),
            item(2, type="digits", options={}, key="1", cognitive="knowing", scoring={"rule": "exact", "points": 3}),
        ],
        [
            number(1, part="methodical"),
            item(2, type="digits", options={}, key="1", cognitive="applying", scoring={"rule": "exact", "points": 3}),
        ],
    ),
    ("answer_refused", [number(key="5.2", accept=["5 и 1/5"])], [number(key="5.2", accept=["5 1/5", "5,2", "26/5", "5⅕"])]),
    (
        "answer_refused",
        [item(type="digits", options={}, key="080005", accept=["0,80 ± 0,05"])],
        [number(key="0.80 ± 0.05", answer_format="uncertainty", accept=["0,80 ± 0,05", "(0,8+-0,05)"], reject=["0,80 ± 0,5", "0,8"])],
    ),
    (
        "answer_refused",
        [worded(key=["уран-234"], accept=["уран 234", "²³⁴U"])],
        [worded(key=["уран-234", "U-234"], answer_format="isotope", accept=["уран 234", "²³⁴U", "234U"], reject=["уран", "U-235"])],
    ),
    (
        "answer_refused",
        [number(key="10", accept=["10–12"])],
        [number(key="10–12", answer_format="range", accept=["10–12", "от 10 до 12", "10...12"], reject=["10–13", "10"])],
    ),
    (
        "answer_credited",
        [number(scoring={"rule": "tolerance", "absolute": "1"}, reject=["6"])],
        [number(scoring={"rule": "tolerance", "absolute": "1"}, reject=["7", "шесть"])],
    ),
    (
        "items_overlap",
        [item(1, stem=STEMS[0]), item(2, stem=STEMS[1])],
        [item(1, stem=STEMS[0], enemies=["i2"]), item(2, stem=STEMS[1])],
    ),
    (
        "items_overlap",
        [item(1, stem=STEMS[0]), item(2, stem=STEMS[1])],
        [item(1, stem=STEMS[0]), item(2, stem="Где железная старая руда тонет в море?")],
    ),
    (
        "items_overlap",
        [item(n, facts={"Собор построен в 1152 году": ["ПВЛ"]}) for n in (1, 2)],
        [item(n, facts={f"Собор построен в 115{n} году": ["ПВЛ"]}) for n in (1, 2)],
    ),
    (
        "item_shows_key",
        [number(1, key="1682", stem="В каком году соборное деяние отменило местничество?"), item(2, stem=SUMMIT)],
        [
            number(1, key="1682", stem="В каком году соборное деяние отменило местничество?"),
            item(2, stem="В 1682 году начался Хованский бунт."),
        ],
    ),
    (
        "item_shows_key",
        [
            worded(1, key=["закуп"], stem="Кем становился крестьянин, взявший купу?"),
            item(2, stem="Крестьянин, взявший купу, звался закупом."),
        ],
        [
            worded(1, key=["закуп"], stem="Кем становился крестьянин, взявший купу?"),
            item(2, stem="Крестьянин, взявший купу, мог выкупиться."),
        ],
    ),
    ("order_shown", [ordering("рожь", "овёс", "ячмень", key="123")], [ordering("рожь", "овёс", "ячмень", key="213")]),
    (
        "order_shown",
        [ordering("мир 1721 года", "битва 1709 года", "поход 1711 года", key="231")],
        [ordering("1721", "1709", "1711", key="231")],
    ),
    (
        "order_shown",
        [ordering("Провести прямую", "Затем отметить точку", "Взять отрезок", key="312")],
        [ordering("Провести прямую", "Отметить точку", "Взять отрезок", key="312")],
    ),
    (
        "family_twice",
        [item(n, family={"name": "roots", "seed": n}) for n in (1, 2)],
        [item(n, family={"name": f"roots{n}"}) for n in (1, 2)],
    ),
    ("repealed", [item(stem="Учитель ОБЖ спрашивает.")], [item(stem="Учитель ОБЗР спрашивает.")]),
    ("repealed", [item(stem="На уроке технологии пилят.")], [item(stem="Урок «Труд (технология)» о технологии пайки.")]),
    ("repealed", [item(stem="Обществознание в 7 классе.")], [item(stem="Обществознание в 9 классе, история в 7 классе.")]),
]
TYPOGRAPHY = [
    ("заряды +6q и –2q", "заряды +6q и −2q"),
    ("разность 6 – 2 равна 4", "разность 6 − 2 равна 4"),
    ("E = –13,6/n²", "E = −13,6/n²"),
    ("функция x-1", "изотоп U-234"),
    ("в 1941-1945", "в 1941–1945"),
    ("дом - это", "дом — это"),
    ("длина 5 см", "длина 5\u00a0см"),
    ("доля 54 %.", "доля 54\u00a0%, то есть 5 с половиной"),
    ("путь 3 м.", "путь 3\u00a0м."),
    ("А. С. Пушкин", "А.\u00a0С.\u00a0Пушкин"),
    ('слово "да"', "слово «да»"),
    ("x-1", "`x-1` и `print(-1)`"),
]


def found(make_bank: MakeBank, items: Iterable[Item]) -> set[str]:
    return {f.code.removeprefix("quality.") for f in check_content(make_bank(list(items)))}


@pytest.mark.parametrize(("gate", "falls", "passes"), CASES, ids=[f"{gate}-{n}" for n, (gate, *_) in enumerate(CASES)])
def test_a_gate_refuses_its_fault_and_not_its_neighbour(gate: str, falls: list[Item], passes: list[Item], make_bank: MakeBank) -> None:
    assert gate in found(make_bank, falls)
    assert gate not in found(make_bank, passes)


@pytest.mark.parametrize(("falls", "passes"), TYPOGRAPHY)
@pytest.mark.parametrize("field", ["stem", "solution"])
def test_typography(field: str, falls: str, passes: str, make_bank: MakeBank) -> None:
    assert found(make_bank, [item(1, **{field: falls})]) == {"typography"}
    assert found(make_bank, [item(1, **{field: passes})]) == set()


def test_one_style_of_dash_in_a_bank(make_bank: MakeBank) -> None:
    long = [item(n, stem="Дом — это") for n in (1, 2)]
    refused = check_content(make_bank([*long, item(3, stem="Дом – это")]))
    assert [(f.code, f.scope) for f in refused if f.code == "quality.dash_styles"] == [("quality.dash_styles", ("i3",))]
    assert "dash_styles" not in found(make_bank, [*long, item(3, stem="годы 1941–1945")])


def parted(n: int, part: str, **changes: Any) -> Item:
    return number(n, part=part, **changes)


def opened(n: int, part: str = "methodical") -> Item:
    rubric = [{"id": "К1", "title": {"ru": "Суть"}, "levels": {"0": "нет", "1": "есть"}}]
    return item(n, type="open", options={}, key=None, rubric=rubric, part=part)


def forms(
    make_bank: MakeBank, *, difficulties: tuple[float, float] = (0.0, 0.0), second: str = "subject", common: int = 10
) -> set[str]:
    """Return what is refused in a bank of two forms with a common part, each with an item of its own."""
    items = [parted(n, "subject" if n % 2 else "methodical") for n in range(common)]
    items += [opened(97), parted(98, "subject"), parted(99, second)]
    hard = dict(zip(("i98", "i99"), difficulties, strict=True))
    records = [ParameterRecord(item=i.id, model="2PL", a=8.0, b=(hard.get(i.id, 0.0),), status="provisional") for i in items]
    ids = [f"i{n}" for n in (*range(common), 97)]
    two = [Form(id="A", items=(*ids, "i98")), Form(id="B", items=(*ids, "i99"))]
    bank = make_bank(items, records, forms=two)
    return {f.code.removeprefix("quality.") for f in check_content(bank)} & {"forms_differ", "form_anchor"}


def test_forms_that_are_parallel_pass(make_bank: MakeBank) -> None:
    assert forms(make_bank) == set()
    assert forms(make_bank, second="methodical") == set()  # a point of difference is allowed


def test_forms_that_are_not_parallel_fall(make_bank: MakeBank) -> None:
    assert forms(make_bank, common=8) == {"form_anchor"}
    items = [*(parted(n, "subject") for n in range(4)), opened(5)]
    for first, second in ((("i0", "i1", "i2"), ("i3",)), (("i0", "i5"), ("i0", "i1"))):
        bank = make_bank(items, forms=[Form(id="A", items=first), Form(id="B", items=second)])
        assert "quality.forms_differ" in refusals(bank)
    bank = make_bank(
        [parted(n, "subject") for n in range(4)], forms=[Form(id="A", items=("i0", "i1")), Form(id="B", items=("i2", "i3"))]
    )
    assert "quality.forms_differ" not in refusals(bank)


def test_expected_points_at_the_cuts_are_compared(make_bank: MakeBank) -> None:
    items = [parted(n, "subject") for n in range(6)]
    sides = [Form(id="A", items=("i0", "i1", "i2")), Form(id="B", items=("i3", "i4", "i5"))]
    for b, differ in ((3.0, True), (0.2, False)):
        records = [
            ParameterRecord(item=i.id, model="2PL", a=1.0, b=(-b if n < 3 else b,), status="provisional") for n, i in enumerate(items)
        ]
        assert ("quality.forms_differ" in refusals(make_bank(items, records, forms=sides))) == differ


def test_members_of_a_family_may_stand_in_two_forms_if_percent_counts_one(make_bank: MakeBank) -> None:
    items = [item(n, family={"name": "roots", "seed": n}) for n in (1, 2)]
    apart = [Form(id="A", items=("i1",)), Form(id="B", items=("i2",))]
    assert "quality.family_twice" in refusals(make_bank(items, forms=apart))
    assert "quality.family_twice" not in refusals(make_bank(items, forms=apart, reference_set=("i1",)))


def test_items_that_never_meet_may_overlap(make_bank: MakeBank) -> None:
    items = [item(1, stem=STEMS[0]), item(2, stem=STEMS[1])]
    apart = [Form(id="A", items=("i1",)), Form(id="B", items=("i2",))]
    assert "quality.items_overlap" not in refusals(make_bank(items, forms=apart))


def test_instructions_are_shared_by_all(make_bank: MakeBank) -> None:
    tail = " Расположите события в хронологической последовательности. Ответ запишите целым положительным числом."
    items = [number(n, stem=f"Вопрос{n}?{tail}") for n in range(3)]
    assert found(make_bank, items) == set()
