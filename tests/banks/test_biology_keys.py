"""The keys of the biology bank, found again: crosses are enumerated, wrong rules of pupils are carried out, works are marked.

Every function reads genotypes, tables, works and figures out of the text of the item; the stored key takes no part in it.
Items that rest on facts (010, 014, 026, 029, 036) and the open ones are not here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
Tree: TypeAlias = "str | tuple[Tree, ...]"
FOLDER = Path(__file__).parents[2] / "item_banks" / "biology"
HALF = Fraction(1, 2)


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def words(text: str) -> str:
    return " ".join(text.split())


def figures(text: str) -> list[Fraction]:
    return [Fraction(n.replace(",", ".")) for n in re.findall(r"\d+(?:,\d+)?", text)]


def option(item: Item, right: str) -> str:
    (found,) = options(item, lambda text: text == right)
    return found


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [c for c, t in item["options"].items() if holds(words(t))]


def meant(item: Item, value: Fraction) -> Answer:
    """Return the key where it is this number to its last place."""
    places = len(item["key"].partition(".")[2])
    return item["key"] if abs(Fraction(item["key"]) - value) * 10**places <= HALF else f"{float(value):.{places}f}"


# methods, cells


def drawing(item: Item) -> Answer:
    low, mark, high, taken, drawn = (Fraction(n.replace(",", ".")) for n in re.findall(r"\d+(?:,\d+)?(?=×| мм| делений)", item["stem"]))
    assert "сорок делений" in item["stem"]
    assert "шестьюдесятью" in item["stem"]
    return meant(item, drawn / (taken * 60 * mark / 40 * low / high))


def ratios(item: Item) -> Answer:
    seen = [int(n) for n in re.findall(r"(\d+) (?:растения с пурпурным|с белым)", item["stem"])]
    (critical,) = (float(n.replace(",", ".")) for n in re.findall(r"значение (\d,\d+)", item["stem"]))

    def stands(text: str) -> bool:
        parts = [int(n) for n in text.split(" — ", maxsplit=1)[0].split(" : ")]
        wanted = [sum(seen) * p / sum(parts) for p in parts]
        return sum((s - w) ** 2 / w for s, w in zip(seen, wanted, strict=True)) < critical

    return options(item, stands)


def respiration(item: Item) -> Answer:
    both, without, dead = (int(n) for n in re.findall(r"на (\d+) мм", item["stem"]))
    oxygen = both - dead
    return meant(item, Fraction(oxygen - (without - dead), oxygen))


def peptide(item: Item) -> Answer:
    text = words(item["stimulus"]["text"])
    (template,) = re.findall(r"5′-(\w+)-3′", text)
    code = {codon: name for group, name in re.findall(r"((?:[АУГЦ]{3}, )*[АУГЦ]{3}) — (\w+)", text) for codon in group.split(", ")}

    def read(rna: str) -> str:
        start = rna.index("АУГ")
        return "-".join(code[rna[k : k + 3]] for k in range(start, start + 12, 3))

    paired = template.translate(str.maketrans("АТГЦ", "УАЦГ"))
    wrong = (paired, template.replace("Т", "У"), template[::-1].replace("Т", "У"))
    assert {read(rna) for rna in (paired[::-1], *wrong)} == set(item["options"].values())
    return option(item, read(paired[::-1]))


def chromosomes(item: Item) -> Answer:
    (two,) = (int(n) for n in re.findall(r"2n = (\d+)", item["stem"]))
    sets = {"эндосперма": 3, "микроспороцит": 2, "генеративная": 1, "корешка": 2}

    def answer(text: str) -> str:
        n = two // 2 * next(v for k, v in sets.items() if k in text)
        apart = "анафаза митоза" in text
        wanted = [2 * n if apart else n, 2 * n]
        return options(item, lambda t: figures(t) == wanted)[0]

    return {k: answer(t) for k, t in item["left"].items()}


# crosses


def linked(item: Item) -> Answer:
    """Only the order of the alleles that her father and her son show is left to the woman; she gives it on by the distance."""
    (distance,) = (int(n) for n in re.findall(r"равным (\d+) морганидам", item["stem"]))
    from_father = ("d", "H")  # of colours and of blood; capital letters are the normal alleles
    fits = []
    for from_mother in product("Dd", "Hh"):
        normal = all(min(a, b).isupper() for a, b in zip(from_father, from_mother, strict=True))
        gametes = {from_father: 100 - distance, from_mother: 100 - distance}
        for crossed in ((from_father[0], from_mother[1]), (from_mother[0], from_father[1])):
            gametes[crossed] = gametes.get(crossed, 0) + distance
        if normal and gametes.get(("D", "h")):
            fits.append(Fraction(gametes[("D", "H")], 200))
    (share,) = fits
    return meant(item, 100 * share / 2)


def gametes(genotype: str) -> list[str]:
    return ["".join(g) for g in product(*(genotype[k : k + 2] for k in range(0, len(genotype), 2)))]


def white_plants(item: Item) -> Answer:
    first, second = re.findall(r"\b([AaBb]{4}) × ([AaBb]{4})", item["stem"])[0]
    hybrid = gametes(first)[0][0] + gametes(second)[0][0] + gametes(first)[0][1] + gametes(second)[0][1]

    def purple(one: str, other: str) -> bool:
        return {"A", "B"} <= set(one + other)

    pool: Counter[str] = Counter()
    for one, other in product(gametes(hybrid), repeat=2):
        if not purple(one, other):
            pool.update(a + b for a, b in product((one[0], other[0]), (one[1], other[1])))
    met = sum(pool[a] * pool[b] for a, b in product(pool, repeat=2) if purple(a, b))
    return meant(item, Fraction(met, pool.total() ** 2))


def not_separated(item: Item) -> Answer:
    """Enumerate every egg and sperm of parents with these eyes and one error: who and which division can be behind the child."""

    def wrong(parent: str) -> Iterable[tuple[int, str]]:
        yield from ((division, "") for division in (1, 2))
        yield 1, parent
        yield from ((2, 2 * sex) for sex in parent)

    def child(mother: str, father: str) -> Iterable[tuple[str, int, str]]:
        yield from (("матери", n, egg + sperm) for n, egg in wrong(mother) for sperm in father)
        yield from (("отца", n, egg + sperm) for n, sperm in wrong(father) for egg in mother)

    def answer(text: str) -> str:
        blind, sees = "дальтоник", "различа"
        about = re.sub("родители различают", "мать различает, отец различает", text).split(", ")
        mothers = {"гомозиготна": ("DD",), sees: ("DD", "Dd"), blind: ("dd",)}
        mother = next(m for part in about if "мать" in part for word, m in mothers.items() if word in part)
        father = next("dY" if blind in part else "DY" for part in about if "отец" in part)
        sexes = re.findall(r"(?:сын|дочь) (X[XY0]Y?)", text)[0]
        ill = blind in about[-1]
        behind = {
            (who, n)
            for m in mother
            for who, n, born in child(m, father)
            if sorted(re.sub("[Dd]", "X", born)) == sorted(sexes.replace("0", "")) and ("D" not in born) == ill
        }
        ((who, *_),) = {(w,) for w, _ in behind}
        place = {1: "в первом делении", 2: "во втором делении"}
        return option(item, f"у {who}, " + (place[next(iter(behind))[1]] if len(behind) == 1 else "деление установить нельзя"))

    return {k: answer(words(t)) for k, t in item["left"].items()}


def pupil_counts(item: Item) -> Answer:
    work = re.findall(r"^ +([A-Ea-e]+) +(\d+)$", item["stimulus"]["text"], re.MULTILINE)
    assert len(work) == 5
    assert all(len(set(genotype)) == int(said) for genotype, said in work)
    others: list[Callable[[str], int]] = [
        lambda g: len(set(gametes(g))),
        lambda g: 2 * sum(g[k] != g[k + 1] for k in range(0, len(g), 2)),
        len,
    ]
    assert all(any(rule(genotype) != int(said) for genotype, said in work) for rule in others)
    (asked,) = re.findall(r"генотипа ([A-Ea-e]+)", item["stem"])
    return str(len(set(asked)))


def one_of_three(item: Item) -> Answer:
    """A work is right when its answer is; the one whose product is of another event (nobody) is not."""
    works = re.findall(r"^(\d)\) (.+)$", item["stimulus"]["text"], re.MULTILINE)
    share = sum(Fraction(1, 64) for children in product(product("Aa", repeat=2), repeat=3) if children.count(("a", "a")) == 1)
    nobody = " · ".join(["3/4"] * 3)
    return [n for n, text in works if text.endswith(f"Ответ: {share}.") and nobody not in text]


def marks_of_crosses(item: Item) -> Answer:
    def of(line: str) -> list[list[str]]:
        return [re.findall(r"Xᴬ|Xᵃ|Y", part) for part in re.split("[×;]", line)]

    def sorted_children(pairs: Iterable[Iterable[str]]) -> list[list[str]]:
        return sorted(sorted(pair) for pair in pairs)

    def mark(work: str) -> str:
        p, g, f, said = (line.split(": ")[1] for line in work.strip().splitlines())
        false = 0
        false += sorted_children(of(p)) != sorted_children([["Xᴬ", "Xᵃ"], ["Xᵃ", "Y"]])
        false += any(set(a) != set(b) for a, b in zip(of(p), of(g), strict=True))
        born = [re.findall(r"Xᴬ|Xᵃ|Y", child) for child in f.split(",")]
        false += sorted_children(born) != sorted_children(product(*of(g)))
        sons = [child for child in born if "Y" in child]
        false += Fraction(sum("Xᴬ" not in s for s in sons), len(sons)) * 100 != int(said.split()[0])
        return str(max(0, 2 - false))

    return "".join(mark(work) for work in re.findall(r"(?:^ {4}.+\n?){4}", item["stimulus"]["text"], re.MULTILINE))


def families(item: Item) -> Answer:
    """A family fits a gene where some genotypes of the parents give every child that is seen."""

    def fits(text: str, *, linked: bool) -> bool:
        ill = {
            who: state == "больн" for who, state in re.findall(r"(мать|отец|дочь|сын) (больн|здоров)", re.sub("болен", "больн", text))
        }
        fathers = ["AY", "aY"] if linked else ["AA", "Aa", "aa"]
        for m, f in product(["AA", "Aa", "aa"], fathers):
            if ("A" not in m) == ill["мать"] and ("A" not in f) == ill["отец"]:
                daughters = {a + b for a in m for b in f if b != "Y"}
                sons = {a + b for a in m for b in f if b == "Y" or not linked}
                if all(any(("A" not in c) == ill[who] for c in born) for who, born in (("дочь", daughters), ("сын", sons))):
                    return True
        return False

    return options(item, lambda text: fits(text, linked=False) and not fits(text, linked=True))


def plasticine(item: Item) -> Answer:
    assert "2n = 6" in item["stem"]
    pairs = [["кк", "кс", "ск", "сс"], *[["к", "к", "с", "с"]] * 2]  # chromatids: the arm, behind the crossing-over
    ways = [([p[0], p[1]], [p[2], p[3]]) for p in pairs]
    cells = [way[0] for way in ways], [way[1] for way in ways]
    return str(sum(len({tuple(chromatid[k] for chromatid in cell) for k in (0, 1)}) for cell in cells))


# organisms, populations, ecosystems


def parsed(text: str) -> Tree:
    quoted = re.sub(r"[А-Яа-я]+", lambda m: f"'{m[0]}'", text)
    tree: Tree = eval(quoted, {"__builtins__": {}})
    return tree


def tips(tree: Tree) -> list[str]:
    return [tree] if isinstance(tree, str) else [t for branch in tree for t in tips(branch)]


def clades(tree: Tree) -> list[set[str]]:
    return [] if isinstance(tree, str) else [set(tips(tree)), *(c for branch in tree for c in clades(branch))]


def groups(item: Item) -> Answer:
    (written,) = re.findall(r"^(\(акула.*\))\.$", item["stem"], re.MULTILINE)
    found = clades(parsed(written))
    return options(item, lambda text: set(text.split(", ")) in found)


def predicted_kin(item: Item) -> Answer:
    tree = parsed(re.findall(r"запись: (.+)$", item["stimulus"]["alt"]["ru"])[0])
    row, found = tips(tree), clades(tree)

    def near(x: str, y: str) -> int:
        return abs(row.index(x) - row.index(y))

    def kin(x: str, y: str) -> int:
        return min(len(c) for c in found if {x, y} <= c)

    def nodes(x: str, y: str) -> int:
        return sum(len({x, y} & c) == 1 for c in found) + 1

    seen = re.findall(r"«(\w) ближе к (\w) или к (\w)\? — К (\w)»", words(item["stem"]))
    assert len(seen) == 3

    def says(rule: Callable[[str, str], int], x: str, y: str, z: str) -> str:
        assert rule(x, y) != rule(x, z) or rule is not near
        return min(y, z, key=lambda other: rule(x, other))

    assert all(says(near, x, y, z) == said for x, y, z, said in seen)
    assert all(any(says(rule, x, y, z) != said for x, y, z, said in seen) for rule in (kin, nodes))
    asked = re.findall(r"\d\) (\w) ближе к (\w) \(1\) или к (\w) \(2\)", words(item["stem"]))
    return "".join("1" if says(near, x, y, z) == y else "2" for x, y, z in asked)


def food_web(item: Item) -> Answer:
    eaters = {a: b.split(", ") for a, b in item["stimulus"]["table"][1:]}

    def above(x: str) -> set[str]:
        return {y for direct in eaters.get(x, []) for y in (direct, *above(direct))}

    def along(x: str, y: str) -> bool:
        return y in above(x) or x in above(y)

    def neighbours(x: str, y: str) -> bool:
        return y in eaters.get(x, []) or x in eaters.get(y, [])

    stem = words(item["stem"])
    seen = re.findall(r"(\w+) → (\w+) — (да|нет)", stem)
    assert len(seen) == 4
    assert all((y in above(x)) == (said == "да") for x, y, said in seen)
    others: list[Callable[[str, str], bool]] = [along, neighbours, lambda _x, _y: True]
    assert all(any(rule(x, y) != (said == "да") for x, y, said in seen) for rule in others)
    return "".join(str(int(y in above(x))) for x, y in re.findall(r"\d\) (\w+) → (\w+)", stem))


def ventilation(item: Item) -> Answer:
    text = item["stem"]
    ((slow, deep, fast, shallow),) = re.findall(r"При (\d+) вдохах в минуту по (\d+) мл и при (\d+) вдохах по (\d+) мл", text)
    (dead,) = re.findall(r"равным (\d+) мл", text)
    return meant(item, Fraction(int(slow) * (int(deep) - int(dead)), int(fast) * (int(shallow) - int(dead))))


def hormones(item: Item) -> Answer:
    """Let the loop run down to its rest: TSH falls with thyroxine, thyroxine comes from the gland as TSH calls for it."""

    def rest(gland: float, pituitary: float, tumour: float, taken: float) -> tuple[float, float]:
        thyroxine = 1.0
        for _ in range(300):
            tsh = pituitary * 2 / (1 + thyroxine**2) + tumour
            thyroxine += 0.1 * (gland * tsh + taken - thyroxine)
        return tsh, thyroxine

    usual = {"gland": 1.0, "pituitary": 1.0, "tumour": 0.0, "taken": 0.0}
    changes = {
        "удалён гипофиз": {"pituitary": 0.0},
        "опухоль": {"tumour": 2.0},
        "щитовидная": {"gland": 0.0},
        "избытка": {"taken": 3.0},
    }
    changes["нехватка иода"] = {"gland": 0.2}
    before = rest(**usual)

    def answer(text: str) -> str:
        (change,) = (c for word, c in changes.items() if word in text)
        said = ["повышен" if new > old else "понижен" for new, old in zip(rest(**usual | change), before, strict=True)]
        return option(item, f"ТТГ {said[0]}, тироксин {said[1]}")

    return {k: answer(t) for k, t in item["left"].items()}


def selection(item: Item) -> Answer:
    first, last = (Fraction(int(n), 100) for n in re.findall(r"(\d+) %", item["stem"]))
    (q,) = (Fraction(n, 100) for n in range(101) if Fraction(n, 100) ** 2 == first)
    generation = 0
    while q**2 > last:
        carriers, pure = 2 * q * (1 - q), (1 - q) ** 2
        q = carriers / 2 / (carriers + pure)
        generation += 1
    assert q**2 == last
    return str(generation)


def lost_marks(item: Item) -> Answer:
    marked, second, seen, said = (int(n) for n in re.findall(r"\d+", item["stem"]))
    assert "четверть" in item["stem"]
    assert marked * second // seen == said
    return meant(item, Fraction(3, 4) * marked * second / seen)


def conclusions(item: Item) -> Answer:
    biomass, renewal = ([int(row[k]) for row in item["stimulus"]["table"][1:]] for k in (1, 2))
    made = [b * r for b, r in zip(biomass, renewal, strict=True)]
    right = {
        "Биомасса зоопланктона больше": biomass[1] > biomass[0],
        "Продукция зоопланктона больше": made[1] > made[0],
        "Продукция рыб составляет меньше 2 %": made[2] * 50 < made[0],
        "быстрее, чем за двое суток": 2 * renewal[0] > 365,
        "Отношение продукции рыб": made[2] * made[0] > made[1] ** 2,
        "Биомасса рыб обновляется в среднем за полгода": renewal[2] == 2,
    }
    return options(item, lambda text: next(v for k, v in right.items() if k in text))


def identified(item: Item) -> Answer:
    """Follow the card with what handbooks say of the animals: pairs of legs and wings, mouth, antennae."""
    animals = {
        "блоха": (3, 0, "сосущий", True),
        "мокрица": (7, 0, "грызущий", True),
        "слепень": (3, 1, "сосущий", True),
        "скорпион": (4, 0, "грызущий", False),
        "клоп": (3, 2, "сосущий", True),
    }
    card = re.findall(r"^ +(\d)\. (.+?) → (?:группа )?(\d)\. (.+?) → (?:группа )?(\d)\.$", item["stimulus"]["text"], re.MULTILINE)
    ((first, legs, two, _, four), (second, _, one_pair, _, three), (third, mouth, gnaws, _, sucks), (fourth, _, bare, _, horned)) = card
    assert (first, second, third, fourth) == ("1", two, three, four)
    assert (legs, mouth) == ("Три пары ходильных ног", "Ротовой аппарат грызущий")

    def group(text: str) -> str:
        pairs, wings, jaws, antennae = next(v for k, v in animals.items() if k in text)
        if pairs > 3:
            return str(horned if antennae else bare)
        return str(one_pair if wings == 1 else gnaws if jaws == "грызущий" else sucks)

    return {k: group(t) for k, t in item["left"].items()}


def urea(item: Item) -> Answer:
    first, thin, last, thick = figures(item["stem"])
    return meant(item, 100 - 100 * last * thick / (first * thin))


def carbon_dioxide(item: Item) -> Answer:
    plants = ("элоде", "свёкл", "традесканц", "картофел", "морков")
    green = ("элоде", "традесканц")

    def takes(what: str, light: str, rule: str) -> bool:
        if rule == "plants":
            return any(p in what for p in plants)
        return any(g in what for g in green) and (rule == "green" or light == "свет")

    seen = item["stimulus"]["table"][1:]
    fits = [r for r in ("plants", "green", "light") if all(takes(w, o, r) == (s == "стало меньше") for w, o, s in seen)]
    assert fits == ["plants"]
    asked = re.findall(r"\d\) ([\w ]+), (темнота|свет)", words(item["stem"]))
    return "".join("2" if takes(what, light, "plants") else "1" for what, light in asked)


# lessons


def marks_of_answers(item: Item) -> Answer:
    """Find the three elements and the known error in the sentences of each work, then apply the criteria."""

    def mark(work: str) -> str:
        bound = re.search(r"(?:прочнее|крепче), чем кислород|распадается гораздо медленнее", work)
        short = re.search(r"мало кислорода|недостаёт кислорода|гораздо меньше кислорода", work)
        driven = re.search(r"вытесняет угарный газ из соединения|отнимает у угарного газа места на гемоглобине", work)
        found = sum(map(bool, (bound, short, driven)))
        return "2" if found == 3 and "карбгемоглобин" not in work else "1" if found >= 2 else "0"

    return {k: mark(text) for k, text in re.findall(r"^([А-Г])\) (.+)$", item["stimulus"]["text"], re.MULTILINE)}


def cellophane(item: Item) -> Answer:
    passes = {
        "любые частицы в обе": ({"иод"}, {"крахмал", "глюкоза"}),
        "никаких": (set[str](), set[str]()),
        "только мелкие": ({"иод"}, {"глюкоза"}),
        "только внутрь": ({"иод"}, set[str]()),
    }

    def answer(text: str) -> str:
        into, out = next(v for k, v in passes.items() if k in text)
        blue = [place for place, both in (("в мешочке", "иод" in into), ("в стакане", "крахмал" in out)) if both]
        where = {0: "синего нет нигде", 1: f"синее только {blue[0] if blue else ''}", 2: "синее в мешочке и в стакане"}[len(blue)]
        return option(item, where + ("; глюкоза в стакане есть" if "глюкоза" in out else "; глюкозы в стакане нет"))

    return {k: answer(t) for k, t in item["left"].items()}


def pair_of_plants(item: Item) -> Answer:
    rows = {row[0]: row[1:] for row in item["stimulus"]["table"][1:]}

    def shows(text: str) -> bool:
        one, other = (rows[n] for n in re.findall(r"\d", text))
        only = [a != b for a, b in zip(one, other, strict=True)] == [False, False, False, True]
        return only and one[0] == "в тёмном шкафу" and one[1] == "на свету"

    (found,) = options(item, shows)
    return found


def blood(item: Item) -> Answer:
    right = "нижняя полая вена, правое предсердие, правый желудочек, лёгочная артерия, капилляры лёгких, лёгочная вена, "
    right += "левое предсердие, левый желудочек, аорта"
    cards = {"лёгочная": "малый круг", "аорта": "большой круг", "желудочек": "камеры сердца"}

    def card(path: str) -> str:
        wrong = {a for a, b in zip(path.split(" → "), right.split(", "), strict=True) if a != b}
        assert len(wrong) == 2
        (found,) = {name for word, name in cards.items() if any(word in a for a in wrong)}
        return found

    works = re.findall(r"^ +(\w+): (.+)$", item["stimulus"]["text"], re.MULTILINE)
    return option(item, ", ".join(f"{who} — {card(path)}" for who, path in works))


def vaccine(item: Item) -> Answer:
    pupils, given, ill, ill_without = (int(n) for n in re.findall(r"\d+", item["stem"])[:4])
    return meant(item, 100 - 100 * Fraction(ill, given) / Fraction(ill_without, pupils - given))


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "BIO-001": drawing,
    "BIO-002": ratios,
    "BIO-003": respiration,
    "BIO-004": peptide,
    "BIO-005": chromosomes,
    "BIO-006": linked,
    "BIO-007": white_plants,
    "BIO-008": not_separated,
    "BIO-009": groups,
    "BIO-011": ventilation,
    "BIO-012": hormones,
    "BIO-013": selection,
    "BIO-015": lost_marks,
    "BIO-016": conclusions,
    "BIO-017": pupil_counts,
    "BIO-018": predicted_kin,
    "BIO-019": one_of_three,
    "BIO-020": food_web,
    "BIO-021": marks_of_crosses,
    "BIO-022": marks_of_answers,
    "BIO-025": families,
    "BIO-027": plasticine,
    "BIO-028": cellophane,
    "BIO-030": pair_of_plants,
    "BIO-031": blood,
    "BIO-032": vaccine,
    "BIO-033": identified,
    "BIO-034": urea,
    "BIO-035": carbon_dioxide,
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
