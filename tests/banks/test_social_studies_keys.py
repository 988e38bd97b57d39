"""The keys of the bank of social studies, found again: markets, votes and tables are computed, pupils' rules carried out.

Every function reads prices, ballots, tables and works out of the text of the item; the stored key takes no part in it.
What an act of law says (votes needed, hours, ages, kinds of capacity) stands here as a table of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
Votes: TypeAlias = dict[str, int]
FOLDER = Path(__file__).parents[2] / "item_banks" / "social_studies"


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def words(text: str) -> str:
    return " ".join(text.split())


def figures(text: str) -> list[Fraction]:
    return [Fraction(n.replace(",", ".")) for n in re.findall(r"\d+(?:,\d+)?", text)]


def rows(item: Item) -> list[list[str]]:
    table: list[list[str]] = item["stimulus"]["table"][1:]
    return table


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [c for c, t in item["options"].items() if holds(words(t))]


def option(item: Item, holds: Callable[[str], bool]) -> str:
    (found,) = options(item, holds)
    return found


def matched(item: Item, meant: Callable[[str], str]) -> Answer:
    """Return the option that holds the words that are meant for each left side."""

    def found(text: str) -> str:
        return option(item, lambda o: meant(text) in o)

    return {k: found(words(t)) for k, t in item["left"].items()}


def told(value: Fraction) -> str:
    assert value.denominator == 1
    return str(value)


def table_of(text: str, meanings: Mapping[str, Any]) -> Any:
    """Return what the table says of a text: exactly one of its keys stands in it."""
    (found,) = [v for k, v in meanings.items() if k in text]
    return found


# economics


def lines(text: str) -> tuple[Callable[[Fraction], Fraction], Callable[[Fraction], Fraction], Fraction]:
    """Return demand, supply and the price at which they meet."""
    ((a, b, c, d),) = re.findall(r"Qd = (\d+) − (\d)P, предложение Qs = (\d)P − (\d+)", text)
    high, fall, rise, low = map(int, (a, b, c, d))
    return lambda p: high - fall * p, lambda p: rise * p - low, Fraction(high + low, fall + rise)


def burden(item: Item) -> Answer:
    demand, supply, before = lines(item["stem"])
    (tax,) = (int(n) for n in re.findall(r"перечисляет в бюджет (\d+) руб", item["stem"]))
    slope = supply(Fraction(1)) - supply(Fraction(0)) - demand(Fraction(1)) + demand(Fraction(0))
    after = before + tax * (supply(Fraction(1)) - supply(Fraction(0))) / slope
    assert demand(after) == supply(after - tax)
    return told(100 * (before - (after - tax)) / tax)


def deflator(item: Item) -> Answer:
    final = [[int(n) for n in row[1:]] for row in rows(item) if "мука" not in row[0] and "ввезены" not in row[0]]
    assert len(final) == 2
    return told(Fraction(100 * sum(q * p for *_, q, p in final), sum(q * p for _, p, q, _ in final)))


def unemployment(item: Item) -> Answer:
    idle = sum(int(n) for text, n in rows(item) if "ищ" in text and "готов" in text)
    outside = sum(int(n) for text, n in rows(item) if "больше не ищут" in text or "не хотят" in text)
    everybody = sum(int(n) for _, n in rows(item))
    return told(Fraction(100 * idle, everybody - outside))


def frontier(item: Item) -> Answer:
    meanings = {
        "простаивала": "подходит изнутри",
        "только для станков": "поворачивается",
        "за рубежом": "точка потребления",
        "простоя нет": "скользит",
        "меньше работников": "приближается к началу",
    }
    return matched(item, lambda text: table_of(text, meanings))


def price_works(item: Item) -> Answer:
    demand, supply, price = lines(item["stimulus"]["text"])
    other = Fraction(re.findall(r"при цене (\d+)", item["stimulus"]["text"])[0])

    def mark(work: str) -> str:
        p, q, d, s, size = (Fraction(n) for n in re.findall(r"(?:= |избыток |дефицит )(\d+)", work))
        kind = "избыток" if s > d else "дефицит"
        right = [p == price, q in (demand(p), supply(p)), (d, s) == (demand(other), supply(other))]
        right.append(kind in work and size == abs(s - d))
        return str(max(0, 2 - right.count(False)))

    works = re.findall(r"^\d\)\n((?: {4}.+\n?){4})", item["stimulus"]["text"], re.MULTILINE)
    assert len(works) == 5
    return "".join(mark(work) for work in works)


def real_wages(item: Item) -> Answer:
    """The answer must be right, and no work may round what is not exact."""
    wage, prices = figures(item["stimulus"]["text"])[:2]
    right = 100 * (100 + wage) / (100 + prices) - 100
    works = re.findall(r"^(\d)\) (.+)$", item["stimulus"]["text"], re.MULTILINE)
    good = [n for n, text in works if text.endswith(f"на {right} %.") and "округляем" not in text]
    for n, text in works:
        if n in good:
            checks = re.findall(r"(\d+) : (\d,\d) = (\d+)", text) or [("792", "7,2", "110")]
            assert all(Fraction(a) / Fraction(b.replace(",", ".")) == int(c) for a, b, c in checks)
    return good


# money


def taxed(item: Item) -> Answer:
    text = item["stimulus"]["text"]
    scale = [(0, Fraction(1, 10)), (200, Fraction(1, 5)), (500, Fraction(3, 10))]
    assert re.findall(r"(\d+) %", text) == [str(100 * rate) for _, rate in scale]

    def reached(income: int) -> tuple[int, Fraction]:
        return [step for step in scale if income > step[0]][-1]

    def top(income: int) -> Fraction:
        return (income - reached(income)[0]) * reached(income)[1]

    def whole(income: int) -> Fraction:
        return income * reached(income)[1]

    def right(income: int) -> Fraction:
        ends = [*(start for start, _ in scale[1:]), 10**6]
        return sum((max(0, min(income, end) - s) * r for (s, r), end in zip(scale, ends, strict=True)), Fraction(0))

    work = [(int(a), int(b)) for a, b in re.findall(r"^ +(\d+) +(\d+)$", text, re.MULTILINE)]
    assert len(work) == 5
    assert [rule for rule in (top, whole, right) if all(rule(a) == b for a, b in work)] == [top]
    (asked,) = re.findall(r"для дохода (\d+)", item["stem"])
    assert len({rule(int(asked)) for rule in (top, whole, right)}) == 3
    return told(top(int(asked)))


def insured(item: Item) -> Answer:
    value, total, deductible, damage = figures(item["stem"])
    return told(1000 * damage * total / value - deductible)


def deposit(item: Item) -> Answer:
    rate, tax, prices = figures(item["stem"])
    return told(100 * ((100 + rate * (100 - tax) / 100) / (100 + prices) - 1))


def estate(item: Item) -> Answer:
    flat, cottage = (int(n) for n in re.findall(r"\((\d+) млн руб", item["stem"]))
    assert "жена, мать и сын" in item["stem"]
    assert "остались двое её детей" in item["stem"]
    lines_of_heirs = ["жена", "мать", "сын", "дочь"]  # articles 1142 and 1146: the daughter's line is her two children
    return told((Fraction(flat, 2) + cottage) * 1000 / len(lines_of_heirs) / 2)


# tables of sociology


def mobility(item: Item) -> Answer:
    table = [[int(n) for n in row[1:]] for row in rows(item)]
    everybody = sum(map(sum, table))
    moved = everybody - sum(row[k] for k, row in enumerate(table))
    fathers, sons = map(sum, table), map(sum, zip(*table, strict=True))
    forced = sum(abs(f - s) for f, s in zip(fathers, sons, strict=True)) // 2
    return told(Fraction(100 * (moved - forced), everybody))


def library(item: Item) -> Answer:
    asked = [int(n) for _, n, _ in rows(item)]
    went = [n * int(share[:-2]) // 100 for n, (_, _, share) in zip(asked, rows(item), strict=True)]
    stayed = [n - k for n, k in zip(asked, went, strict=True)]
    right = {
        "был в библиотеке, больше всего людей 18": went[0] > max(went[1:]),
        "был в библиотеке, людей 30–54 лет меньше половины": 2 * went[1] < sum(went),
        "ровно 30 %": 10 * sum(went) == 3 * sum(asked),
        "Становясь старше": False,
        "в библиотеке не был, людей 30–54 лет больше половины": 2 * stayed[1] > sum(stayed),
        "не бывших в библиотеке, больше, чем всех бывших": stayed[2] > sum(went),
        "больше раз": False,
    }
    return options(item, lambda text: table_of(text, right))


def two_schools(item: Item) -> Answer:
    cells = [[figures(cell) for cell in row[1:]] for row in rows(item)]
    ((best, best_of), (usual, usual_of)), ((second_of,), (other, other_of)) = cells
    assert usual / usual_of > other / other_of
    first = (best + usual) / (best_of + usual_of)
    fits = [x for x in range(int(second_of) + 1) if x / second_of < best / best_of and (x + other) / (second_of + other_of) > first]
    assert fits == list(range(fits[0], fits[-1] + 1))
    return f"{fits[0]}–{fits[-1]}"


def urn(item: Item) -> Answer:
    (size,) = (int(n) for n in re.findall(r"При выборках по (\d+)", item["stem"]))
    assert "уменьшилась вчетверо" in words(item["stem"])
    return str(size * 4**2)


def pair_of_groups(item: Item) -> Answer:
    groups = {row[0]: row[1:] for row in rows(item)}

    def shows(text: str) -> bool:
        one, other = (groups[n] for n in re.findall(r"\d", text))
        return [a != b for a, b in zip(one, other, strict=True)] == [False, True, False, False] and one[0] == "по жребию"

    return option(item, shows)


# votes


def ballots(item: Item) -> Answer:
    heaps = [(int(n), order.split(", ")) for n, order in rows(item)]
    everybody = sum(n for n, _ in heaps)
    names = sorted(heaps[0][1])

    def over(a: str, b: str) -> int:
        return sum(n for n, order in heaps if order.index(a) < order.index(b))

    def first(points: Callable[[str], int]) -> str:
        ranked = sorted(names, key=points, reverse=True)
        assert points(ranked[0]) > points(ranked[1])
        return ranked[0]

    def tops(name: str) -> int:
        return sum(n for n, order in heaps if order[0] == name)

    two = sorted(names, key=tops, reverse=True)[:2]
    assert max(map(tops, names)) * 2 < everybody
    winners = {
        "в один тур": first(tops),
        "в два тура": max(two, key=lambda x: over(x, *(y for y in two if y != x))),
        "Борда": first(lambda x: sum(n * (3 - order.index(x)) for n, order in heaps)),
        "Кондорсе": next(x for x in names if all(2 * over(x, y) > everybody for y in names if y != x)),
    }
    assert len(set(winners.values())) == 4
    return matched(item, lambda text: f"кандидат {table_of(text, winners)}")


def polled(text: str) -> Votes:
    return {party: int(n) for party, n in re.findall(r"([А-Е]) — (\d+)", text)}


def seats_of_first(item: Item) -> Answer:
    votes = polled(item["stem"])
    into = {p: n for p, n in votes.items() if 20 * n >= sum(votes.values())}
    quotients = sorted(((Fraction(n, k), p) for p, n in into.items() for k in range(1, 13)), reverse=True)
    assert quotients[11][0] > quotients[12][0]
    return str(sum(p == "А" for _, p in quotients[:12]))


def enough_votes(item: Item) -> Answer:
    """Articles 103, 105, 107 and 108 of the Constitution: what counts is the whole number of deputies."""
    text = words(item["stem"])
    (deputies,) = (int(n) for n in re.findall(r"Думе (\d+) депутатов", text))
    two_thirds = ("отклонённый Советом Федерации", "отклонённый Президентом", "федеральный конституционный закон")
    asked = re.findall(r"\d\) ([^;]+): «за» (\d+)", text)
    assert len(asked) == 6

    def passes(about: str, votes: int) -> bool:
        return 3 * votes >= 2 * deputies if any(t in about for t in two_thirds) else 2 * votes > deputies

    return "".join(str(int(passes(about, int(n)))) for about, n in asked)


def district_sets(item: Item) -> Answer:
    def one(scores: Votes) -> str:
        best = [p for p, n in scores.items() if n == max(scores.values())]
        (found,) = best
        return found

    def answers(row: list[str]) -> tuple[str, str, str]:
        districts = [dict(zip("XYZ", map(int, cell.split(", ")), strict=True)) for cell in row[1:]]
        assert all(sum(d.values()) == 100 for d in districts)
        relative = [one(d) for d in districts]
        absolute = [p for d in districts for p, n in d.items() if n > 50]
        whole = one({p: sum(d[p] for d in districts) for p in "XYZ"})
        return one({p: relative.count(p) for p in "XYZ"}), whole, one({p: absolute.count(p) for p in "XYZ"})

    (found,) = [row[0] for row in rows(item) if len(set(answers(row))) == 3]
    return option(item, lambda text: text == f"по {found.replace('набор', 'набору')}")


def cards(item: Item) -> Answer:
    """One error at a time: all parties are in, all votes are divided, the seats left go to the largest party."""
    text = words(item["stimulus"]["text"])
    votes = polled(text)
    everybody = sum(votes.values())
    into = {p: n for p, n in votes.items() if 20 * n >= everybody}

    def whole(parties: Votes, total: int) -> Votes:
        return {p: 20 * n // total for p, n in parties.items()}

    def shared(parties: Votes, total: int, *, largest: bool = False) -> Votes:
        quota = Fraction(total, 20)
        seats = whole(parties, total)
        left = 20 - sum(seats.values())
        order = sorted(parties, key=lambda p: parties[p] / quota - seats[p], reverse=True)
        for p in [max(parties, key=lambda p: parties[p])] * left if largest else order[:left]:
            seats[p] += 1
        return {p: n for p, n in seats.items() if n}

    ways = {
        "какие партии": shared(votes, everybody),
        "верно": shared(into, sum(into.values())),
        "какую сумму": shared(into, everybody),
        "достаются оставшиеся": shared(into, sum(into.values()), largest=True),
    }
    assert all(a != b for a, b in combinations(ways.values(), 2))
    first = {
        "какие партии": whole(votes, everybody),
        "верно": whole(into, sum(into.values())),
        "какую сумму": whole(into, everybody),
        "достаются оставшиеся": whole(into, sum(into.values())),
    }
    names = {"какие партии": "Найди партии", "верно": "Решено верно"}
    found = {}
    for pupil, work, given in re.findall(r"(Оля|Пётр|Рита|Степан): +((?:[А-Е] \d,? ?)+)\((\d+)\)", text):
        got = {p: int(n) for p, n in re.findall(r"([А-Е]) (\d)", work)}
        (way,) = [w for w, seats in ways.items() if seats == got]
        assert sum(first[way].values()) == int(given), pupil
        found[pupil] = names.get(way, way)
    return matched(item, found.__getitem__)


# logic


def follows(text: str) -> bool:
    """Try every filling of the eight regions that three classes make, or every truth value of two statements."""
    if text.startswith("Если"):
        ((p, q, second, conclusion),) = re.findall(r"^Если (.+), то (.+)\. (.+)\. Значит, (.+)\.$", text)

        def value(said: str, at: dict[str, bool]) -> bool:
            bare = re.sub(r"^(?:[Вв]ерно|[Нн]еверно), что ", "", said)
            return at[bare] is not said.lower().startswith("неверно")

        worlds = [{p: a, q: b} for a, b in product((False, True), repeat=2)]
        return all(value(conclusion, w) for w in worlds if (not w[p] or w[q]) and value(second, w))
    parts = re.findall(r"(Все|Никакие|Некоторые) ([^—.]+) — (не )?([^.]+)\.", re.sub(r"Значит, (\w)", lambda m: m[1].upper(), text))
    assert len(parts) == 3
    terms = sorted({term for _, a, _, b in parts for term in (a, b)})
    assert len(terms) == 3
    regions = list(product((False, True), repeat=3))

    def holds(part: tuple[str, str, str, str], filled: Iterable[tuple[bool, ...]]) -> bool:
        how, a, negation, b = part
        inside = [r[terms.index(b)] for r in filled if r[terms.index(a)]]
        return any(i != bool(negation) for i in inside) if how == "Некоторые" else all(i != (how == "Никакие") for i in inside)

    models = ([r for r, there in zip(regions, some, strict=True) if there] for some in product((False, True), repeat=8))
    return all(holds(parts[2], m) for m in models if holds(parts[0], m) and holds(parts[1], m))


def arguments(item: Item) -> Answer:
    return options(item, follows)


def school_cards(item: Item) -> Answer:
    """A card must be turned when something on its other side would refute the claim."""
    mentors, truancy = ("наставничество введено", "наставничества нет"), ("прогулы сократились", "прогулы не сократились")

    def refutes(card: str) -> bool:
        shown = card.split(": ")[1]
        hidden = truancy if shown in mentors else mentors
        return any({shown, other} == {mentors[0], truancy[1]} for other in hidden)

    return options(item, refutes)


def extensions(item: Item) -> Answer:
    """Which kinds of things there are (Civil Code): in the first only, in both, in the second only."""
    there = {
        "«совершеннолетний»": (True, True, True),
        "«договор» и «сделка»": (False, True, True),
        "«односторонняя": (True, False, True),
        "«человек»": (False, True, False),
        "«юридическое лицо»": (True, True, False),
    }
    names = {
        (True, True, True): "лишь отчасти",
        (False, True, True): "объём первого целиком",
        (True, True, False): "объём второго целиком",
        (False, True, False): "полностью совпадают",
        (True, False, True): "ни одного общего",
    }
    return matched(item, lambda text: names[table_of(text, there)])


def facts_and_values(item: Item) -> Answer:
    facts = ("назвали воспитание", "считают театр", "бывает больше людей", "чаще жалуются", "чаще посетителей кино")
    listed = re.compile(r"хорош|плох|важн|полезн|достойн")

    def both_wrong(text: str) -> bool:
        fact = any(f in text for f in facts)
        return (listed.search(text.lower()) is None) != fact and bool(re.search(r"\d", text)) != fact

    return options(item, both_wrong)


# law


def hours(item: Item) -> Answer:
    """Article 92 of the Labour Code."""

    def limit(text: str) -> str:
        (age,) = (int(n) for n in re.findall(r"\d+", text))
        norm = Fraction(24 if age < 16 else 35 if age < 18 or "инвалид II" in text else 40)
        return f"{float(norm / 2 if 'учебного года' in text else norm):g} ч".replace(".", ",")

    def found(text: str) -> str:
        return option(item, lambda o: o == limit(text))

    return {k: found(words(t)) for k, t in item["left"].items()}


def from_fourteen(item: Item) -> Answer:
    """Article 20 of the Criminal Code: is the article of the act in its second part."""
    articles = {
        "обманом": 159,
        "схватил": 161,
        "смерть": 109,
        "без цели": 166,
        "растратил": 160,
        "о готовящемся взрыве": 207,
        "лёгкий": 115,
    }
    second_part = {105, 111, 112, 126, 131, 132, 158, 161, 162, 163, 166, 167, 205, 206, 207, 211, 213, 214, 226, 229, 267}
    return options(item, lambda text: table_of(text, articles) in second_part)


def capacity(item: Item) -> Answer:
    """What the law (articles 26 and 28 of the Civil Code) and the two pupils say of each deed."""
    small, own, law = (
        {"мороженое"},
        {"свою", "свой", "карманные", "выданные"},
        {"велосипед", "мороженое", "телефон на деньги, выданные", "лыжи", "гитару"},
    )

    def both_wrong(text: str) -> bool:
        age = int(text.split(maxsplit=1)[0])
        allowed = any(w in text for w in law)
        first = any(w in text for w in small)
        second = age >= 14 and any(w in text for w in own)
        return allowed not in (first, second)

    return options(item, both_wrong)


def liability(item: Item) -> Answer:
    """The pupil looks at who suffers; neither the truth nor the place of the deed gives the answers that are shown."""
    kinds = {"административная": "1", "гражданско-правовая": "2", "дисциплинарная": "3"}

    def sufferer(text: str) -> str:
        if re.search(r"опозда|где работает|своего завода", text):
            return "3"
        return "2" if re.search(r"пешеход|прохож|соседу|посетител", text) else "1"

    def at_work(text: str) -> bool:
        return re.search(r"в рейсе|на смене|опозда|где работает|своего завода|курьер|официант", text) is not None

    def place(text: str) -> str:
        return "3" if at_work(text) else sufferer(text)

    def citizen_then_place(text: str) -> str:
        return "3" if at_work(text) and sufferer(text) == "1" else sufferer(text)

    assert all(kinds[said] == sufferer(text) for text, said in rows(item))
    for other in (place, citizen_then_place):
        assert any(kinds[said] != other(text) for text, said in rows(item))
    asked = re.findall(r"\d\) ([^;.]+)[;.]", words(item["stem"]))
    assert len(asked) == 6
    return "".join(map(sufferer, asked))


def demand_curve(item: Item) -> Answer:
    """The pupil lets only buyers shift the curve and no price; the truth and "all does" do not fit what is shown."""

    def what(text: str) -> str:
        kinds = {
            r"гречка подорожала|цену гречки": "own price",
            r"рис|макароны|молоко": "other price",
            r"засух|производители": "supply",
            r"доход|зарплат": "income",
            r"жители": "number",
            r"мод|врачи": "taste",
        }
        (found,) = [kind for pattern, kind in kinds.items() if re.search(pattern, text)]
        return found

    buyers = {"income", "number", "taste"}
    rules = {
        "pupil": buyers,
        "truth": {*buyers, "other price"},
        "all": {*buyers, "other price", "own price", "supply"},
        "no number": buyers - {"number"},
        "no income": buyers - {"income"},
        "no taste": buyers - {"taste"},
    }
    fits = [r for r, shifts in rules.items() if all((what(text) in shifts) == (said == "да") for text, said in rows(item))]
    assert fits == ["pupil"]
    asked = re.findall(r"\d\) ([^;.]+)[;.]", words(item["stem"]))
    assert len(asked) == 6
    return "".join(str(int(what(text) in rules["pupil"])) for text in asked)


def definitions(item: Item) -> Answer:
    """Marks of a tax that are missing make a definition wide, payers or receivers that are missing make it narrow."""

    def says(text: str) -> str:
        wide = not re.search(r"безвозмезд|ничего лично взамен", text)
        narrow = not re.search(r"организаци", text) or not re.search(r"муниципал", text)
        names = {(False, False): "соразмерное", (True, False): "только слишком широкое", (False, True): "только слишком узкое"}
        return option(item, lambda o: o == names.get((wide, narrow), "в одном слишком широкое, в другом слишком узкое"))

    works = re.findall(r"^([А-Г])\) (.+)$", item["stimulus"]["text"], re.MULTILINE)
    assert len(works) == 4
    return {name: says(text) for name, text in works}


def laptop(item: Item) -> Answer:
    """Find the elements and the known error in each work, then apply the criteria."""

    def mark(work: str) -> str:
        elements = (
            r"не мелкая бытовая|не относится к мелким|мелкой тратой ноутбук не назов",
            r"не соглашались|согласия нет|не разрешали",
            r"ничтожна|с самого начала",
        )
        found = sum(bool(re.search(e, work)) for e in elements)
        return "2" if found == 3 and "никаких сделок" not in work else "1" if found >= 2 else "0"

    works = re.findall(r"^([А-Г])\) (.+)$", item["stimulus"]["text"], re.MULTILINE)
    assert len(works) == 4
    return {name: mark(text) for name, text in works}


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "SOC-001": burden,
    "SOC-002": deflator,
    "SOC-003": unemployment,
    "SOC-004": mobility,
    "SOC-005": library,
    "SOC-006": ballots,
    "SOC-007": seats_of_first,
    "SOC-008": enough_votes,
    "SOC-009": estate,
    "SOC-010": hours,
    "SOC-011": from_fourteen,
    "SOC-012": extensions,
    "SOC-013": arguments,
    "SOC-015": school_cards,
    "SOC-016": insured,
    "SOC-017": deposit,
    "SOC-018": taxed,
    "SOC-019": demand_curve,
    "SOC-020": liability,
    "SOC-021": definitions,
    "SOC-022": real_wages,
    "SOC-023": price_works,
    "SOC-024": laptop,
    "SOC-027": district_sets,
    "SOC-028": capacity,
    "SOC-029": frontier,
    "SOC-030": two_schools,
    "SOC-031": pair_of_groups,
    "SOC-032": cards,
    "SOC-033": facts_and_values,
    "SOC-034": urn,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_key_is_what_the_item_gives(name: str) -> None:
    assert ANSWERS[name](bank()[name]) == bank()[name]["key"]


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert len(opened) == 2
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
