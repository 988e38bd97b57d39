"""The keys of the physics bank, computed again from the data in the text of each item.

Every function reads the numbers out of the stem (so a changed stem changes the answer), applies the law in SI units
and says which answer is right; the stored key takes no part in it. Items of families are drawn again elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import optimize

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | float | set[str] | list[str] | dict[str, str]

FOLDER = Path(__file__).parents[2] / "item_banks" / "physics"
NUMBER = r"([–-]?\d+(?:[ \u00a0]\d{3})*(?:,\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)"
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ").replace("−", "–")
    data = YAML(typ="safe", pure=True).load(text)  # typography has gates of its own
    return {item["id"]: item for item in data["items"]}


def to_float(text: str) -> float:
    mantissa, _, power = text.replace(" ", "").replace("\u00a0", "").partition("·10")
    value = float(mantissa.replace(",", ".").replace("–", "-"))
    return value * 10 ** int(power.translate(SUPERSCRIPTS)) if power else value


def numbers(text: str, template: str) -> list[float]:
    """Numbers standing at the places marked # of a template that must occur in the text."""
    pattern = re.escape(template).replace(r"\#", NUMBER).replace(r"\ ", r"\s+")
    found = re.search(pattern, text)
    assert found is not None, f"{template!r} is not in the text {text!r}"
    return [to_float(group) for group in found.groups()]


def given(item: Item, *templates: str) -> list[float]:
    return [value for template in templates for value in numbers(item["stem"], template)]


def options(item: Item) -> dict[str, str]:
    return dict(item["options"])


def first_number(text: str) -> float:
    return numbers(text, "#")[0]


def the_option(item: Item, value: float, read: Callable[[str], float] = first_number, relative: float = 0.01) -> str:
    """The one option whose content equals the value; any other option must be distinguishable from it."""
    right = [code for code, text in options(item).items() if math.isclose(read(text), value, rel_tol=relative)]
    assert len(right) == 1, f"the value {value} fits the options {right}"
    return right[0]


def true_options(item: Item, verdicts: Mapping[str, bool]) -> set[str]:
    """Codes of the true statements; every option must hold exactly one of the fragments, and each must be used."""
    chosen, used = set(), set()
    for code, text in options(item).items():
        fragments = [fragment for fragment in verdicts if fragment in text]
        assert len(fragments) == 1, f"option {code} of {item['id']} fits {fragments}"
        used.add(fragments[0])
        if verdicts[fragments[0]]:
            chosen.add(code)
    assert used == set(verdicts)
    return chosen


def the_true_option(item: Item, verdicts: Mapping[str, bool]) -> str:
    (code,) = true_options(item, verdicts)
    return code


def code_of(item: Item, fragment: str) -> str:
    (code,) = [code for code, text in options(item).items() if fragment in text]
    return code


def change(item: Item, before: float, after: float) -> str:
    if math.isclose(before, after, rel_tol=1e-9):
        return code_of(item, "без изменения")
    return code_of(item, "увеличение" if after > before else "уменьшение")


def ascending(values: Mapping[str, float]) -> list[str]:
    return sorted(values, key=lambda code: values[code])


# ------------------------------------------------------------------------------------------- measurement


def wire_diameter(item: Item) -> str:
    turns, length, error = given(item, "из # витков", "(# ± #) мм")[:3]
    return f"{length / turns:.2f} ± {error / turns:.2f}"


def pendulum_pairs(item: Item) -> set[str]:
    trials = {n: given(item, f"№ {n}: длина нити # см, масса шарика # г, начальное отклонение #°") for n in ("1", "2", "3", "4", "5")}
    chosen = set()
    for code, text in options(item).items():
        one, two = (np.array(trials[n]) for n in re.findall(r"№ (\d)", text))
        if list(one != two) == [True, False, False]:
            chosen.add(code)
    return chosen


def spring_constant(item: Item) -> float:
    rows = re.findall(rf"F = {NUMBER} Н: x = {NUMBER} см", item["stem"])
    assert len(rows) == 4
    force, reading = np.array([[to_float(f), to_float(x) / 100] for f, x in rows]).T
    slope = float(np.polyfit(reading, force, 1)[0])
    assert np.allclose(np.diff(force) / np.diff(reading), slope)
    return slope


def density_error(item: Item) -> str:
    mass, edge = (e / 100 for e in given(item, "погрешностью # %, длина ребра a — с относительной погрешностью # %"))
    tiny = 1e-6
    worst = max(abs((1 + s * mass * tiny) / (1 + t * edge * tiny) ** 3 - 1) for s in (-1, 1) for t in (-1, 1)) / tiny
    return the_option(item, 100 * worst)


# ------------------------------------------------------------------------------------------- mechanics


def average_speed(item: Item) -> float:
    slow, fast = given(item, "с постоянной скоростью # км/ч, а оставшуюся", "по шоссе с постоянной скоростью # км/ч")
    assert "Первую треть пути" in item["stem"]
    return 1 / ((1 / 3) / slow + (2 / 3) / fast)


def flight_ranges(item: Item) -> list[str]:
    def landing(angle: float, v: float = 20.0, g: float = 10.0) -> float:
        vx, vy = v * math.cos(angle), v * math.sin(angle)
        moment = optimize.brentq(lambda t: vy * t - g * t * t / 2, 1e-6, 10 * v / g)
        return vx * float(moment)

    return ascending({code: landing(math.radians(first_number(text))) for code, text in options(item).items()})


def lower_orbit(item: Item) -> dict[str, str]:
    def orbit(radius: float) -> tuple[float, float, float, float]:
        speed = math.sqrt(3.986e14 / radius)
        energy = speed**2 / 2 - 3.986e14 / radius
        return speed, 2 * math.pi * radius / speed, speed**2 / radius, energy

    assert "меньшего радиуса" in item["stem"]
    asked = ("скорости", "период", "ускорения", "энергия")
    pairs = dict(zip(asked, zip(orbit(8e6), orbit(7e6), strict=True), strict=True))
    answer = {}
    for left, text in item["left"].items():
        (word,) = [word for word in asked if word in text]
        answer[left] = change(item, *pairs[word])
    return answer


def coupling_heat(item: Item) -> float:
    m, v, rest = given(item, "тележка массой # кг движется со скоростью # м/с", "неподвижную тележку массой # кг")
    u = m * v / (m + rest)
    return m * v**2 / 2 - (m + rest) * u**2 / 2


def melting_ice_with_ball(item: Item) -> str:
    water, ice, steel = 1000.0, 900.0, 7800.0
    changes = []
    for share in np.linspace(0.001, 0.99, 200):
        volume = 1e-4  # of the ice; the ball is the given share of the largest one with which the ice still floats
        largest = volume * (water - ice) / (steel - water)
        ball = share * largest
        before = (ice * volume + steel * ball) / water
        after = ice * volume / water + ball
        changes.append("понизится" if after < before else "повысится" if after > before else "не изменится")
    assert "вморожен стальной шарик" in item["stem"]
    verdict = {name: set(changes) == {name} for name in ("понизится", "повысится", "не изменится")}
    verdict["зависит"] = len(set(changes)) > 1
    return the_true_option(item, verdict)


# ------------------------------------------------------------------------------------------- heat


def gas_cycle(item: Item) -> set[str]:
    start, gas = given(item, "T₁ = # К", "R = # Дж")
    hot = 2 * start  # isobaric doubling of the volume
    work = {"12": gas * (hot - start), "23": 0.0, "31": -gas * start * math.log(2)}
    energy = {"12": 1.5 * gas * (hot - start), "23": 1.5 * gas * (start - hot), "31": 0.0}
    heat = {side: work[side] + energy[side] for side in work}
    assert math.isclose(sum(energy.values()), 0, abs_tol=1e-9)

    def near(fragment: str, value: float) -> bool:
        (kilojoules,) = numbers(item["options"][code_of(item, fragment.partition("#")[0])], fragment)
        return math.isclose(1000 * kilojoules, value, rel_tol=0.02)

    return true_options(
        item,
        {
            "газ совершает работу около": near("газ совершает работу около # кДж", work["12"]),
            "получает количество теплоты": near("получает количество теплоты около # кДж", heat["12"]),
            "2–3 газ совершает отрицательную работу": work["23"] < 0,
            "энергия газа уменьшается": near("уменьшается примерно на # кДж", -energy["23"]),
            "3–1 газ не обменивается теплотой": math.isclose(heat["31"], 0, abs_tol=1),
            "За весь цикл газ совершает положительную работу": sum(work.values()) > 0,
        },
    )


def ice_left(item: Item) -> float:
    water, warm, ice, c, melting = given(
        item, "было # г воды при # °C", "опустили # г льда при 0 °C", "воды # Дж/(кг·°C)", "плавления льда # Дж/кг"
    )
    melted = c * water / 1000 * warm / melting * 1000
    assert 0 < melted < ice, "otherwise there is no ice in equilibrium"
    return ice - melted


def moist_air(item: Item) -> dict[str, str]:
    (humidity,) = (h / 100 for h in given(item, "относительной влажностью # %"))
    assert "уменьшили вдвое при постоянной температуре" in item["stem"]
    saturated, volume = 1.0, 1.0
    pressure = humidity * saturated
    later = min(saturated, 2 * pressure)
    quantities = {
        "парциальное давление": (pressure, later),
        "масса водяного пара": (pressure * volume, later * volume / 2),
        "плотность насыщенного": (saturated, saturated),
        "относительная влажность": (pressure / saturated, later / saturated),
    }
    answer = {}
    for left, text in item["left"].items():
        (word,) = [word for word in quantities if word in text]
        answer[left] = change(item, *quantities[word])
    return answer


# ------------------------------------------------------------------------------------------- electricity


def emf(item: Item) -> float:
    r1, u1, r2, u2 = given(item, "сопротивлении резистора # Ом напряжение на клеммах было равно # В", "при сопротивлении # Ом — # В")
    answer, inner = np.linalg.solve(np.array([[1.0, -u1 / r1], [1.0, -u2 / r2]]), np.array([u1, u2]))
    assert inner > 0
    return float(answer)


def resistor_powers(item: Item) -> list[str]:
    r1, r2, r3, r4, u = given(item, "R₁ = # Ом и R₂ = # Ом", "R₃ = # Ом и R₄ = # Ом", "напряжение # В")
    chain = u / (r1 + r2)
    powers = {"R₁": chain**2 * r1, "R₂": chain**2 * r2, "R₃": u**2 / r3, "R₄": u**2 / r4}
    assert len(set(powers.values())) == 4
    return ascending({code: powers[text] for code, text in options(item).items()})


def magnetic_radii(item: Item) -> str:
    mass, charge = given(item, "α-частицы в # раза, а заряд — в # раза")

    def radius(m: float, q: float, energy: float = 1.0, field: float = 1.0) -> float:
        return m * math.sqrt(2 * energy / m) / (q * field)

    def stated(text: str) -> float:
        right = text.partition("= ")[2]
        factor = 2.0 if right.startswith("2R") else math.sqrt(2) if right.startswith("√2") else 1.0
        return factor / 2 if right.endswith("/2") else factor

    return the_option(item, radius(mass, charge) / radius(1, 1), stated)


def flux(item: Item) -> set[str]:
    (resistance,) = given(item, "сопротивлением # Ом")
    t1, f0, f1, t2, t3, f2 = given(
        item, "от 0 до # с равномерно возрастает от # до # мВб, от 2 до # с остаётся равным 6 мВб", "от 5 до # с", "6 мВб до # мВб"
    )
    times, values = np.array([0, t1, t2, t3]), np.array([f0, f1, f1, f2]) * 1e-3
    emfs = -np.diff(values) / np.diff(times)
    current = emfs / resistance
    (moment,) = numbers(options(item)[code_of(item, "В момент")], "t = # с")
    (milliamperes,) = numbers(options(item)[code_of(item, "сила тока в контуре равна 6")], "равна # мА")
    (millivolts,) = numbers(options(item)[code_of(item, "модуль ЭДС")], "равен # мВ")
    (heat,) = numbers(options(item)[code_of(item, "количество теплоты")], "теплоты # мкДж")
    at_moment = current[int(np.searchsorted(times, moment)) - 1]
    assert abs(np.interp(moment, times, values)) < 1e-12, "the statement is about the moment of zero flux"
    return true_options(
        item,
        {
            "от 2 до 5 с сила тока": bool(abs(current[1]) == max(abs(current))),
            "от 0 до 2 с сила тока": math.isclose(abs(current[0]), milliamperes * 1e-3),
            "модуль ЭДС": math.isclose(abs(emfs[2]), millivolts * 1e-3),
            "В момент": bool(at_moment == 0),
            "в противоположных направлениях": bool(current[0] * current[2] < 0),
            "количество теплоты": math.isclose(current[0] ** 2 * resistance * t1, heat * 1e-6),
        },
    )


# ------------------------------------------------------------------------------------------- waves and optics


def half_spring(item: Item) -> str:
    def period(pieces: int, turns: int = 10) -> float:
        stiffness = 1 / sum(1 / (100.0 * turns) for _ in range(turns // pieces))  # turns are springs in series
        return 2 * math.pi * math.sqrt(1.0 / stiffness)

    stated = {"T/2": 0.5, "T/√2": 1 / math.sqrt(2), "T": 1.0, "√2·T": math.sqrt(2)}
    assert "на две равные части" in item["stem"]
    return the_option(item, period(2) / period(1), stated.__getitem__)


def wavelengths(item: Item) -> list[str]:
    planck, c = given(item, "h = # эВ·с", "c = # м/с")
    values = {}
    for code, text in options(item).items():
        value = numbers(text, "# ")[0]
        unit = text.rpartition(" ")[2]
        values[code] = {"эВ": planck * c / value, "Гц": c / value, "см": value * 1e-2, "мкм": value * 1e-6}[unit]
    return ascending(values)


def grating_maxima(item: Item) -> float:
    lines, wave = given(item, "имеющую # штрихов на миллиметр", "длиной # нм")
    step = 1e-3 / lines
    return float(sum(abs(order * wave * 1e-9 / step) < 1 for order in range(-50, 51)))


# ------------------------------------------------------------------------------------------- relativity


def ship_time(item: Item) -> float:
    distance, speed = given(item, "равно # световым годам", "постоянной скоростью #c")
    departure, arrival = np.array([0.0, 0.0]), np.array([distance / speed, distance])
    t, x = arrival - departure
    return math.sqrt(t**2 - x**2)


def fast_particle(item: Item) -> str:
    (ratio,) = given(item, "энергия частицы в # раза больше её энергии покоя")
    speed = optimize.brentq(lambda v: 1 / math.sqrt(1 - v * v) - 1 - ratio, 0.0, 1 - 1e-9)
    return the_option(item, float(speed))


# ------------------------------------------------------------------------------------------- quanta and nuclei


def hydrogen_ratio(item: Item) -> float:
    (ground,) = given(item, "Eₙ = #/n²")

    def wavelength(upper: int, lower: int) -> float:
        return 1 / (ground / upper**2 - ground / lower**2)

    assert "с третьего уровня на второй больше, чем при переходе со второго уровня на первый" in item["stem"]
    return round(wavelength(3, 2) / wavelength(2, 1), 1)


def missing_particles(item: Item) -> dict[str, str]:
    names = {(1, 0): "нейтрон", (1, 1): "протон", (0, -1): "электрон", (0, 1): "позитрон", (4, 2): "α-частица"}

    def total(side: str) -> tuple[int, int]:
        nuclei = re.findall(r"([⁰¹²³⁴-⁹]+)([₀-₉]+)[A-Za-z]", side)
        return (sum(int(a.translate(SUPERSCRIPTS)) for a, _ in nuclei), sum(int(z.translate(SUBSCRIPTS)) for _, z in nuclei))

    answer = {}
    for left, text in item["left"].items():
        before, after = (total(side) for side in text.split("→"))
        answer[left] = code_of(item, names[before[0] - after[0], before[1] - after[1]])
    return answer


# ------------------------------------------------------------------------------------------- astronomy


def noon_altitude(item: Item) -> str:
    latitude, declination = (math.radians(a) for a in given(item, "на широте #° с. ш.", "день +#°"))
    zenith = np.array([math.cos(latitude), math.sin(latitude)])  # in the plane of the meridian
    sun = np.array([math.cos(declination), math.sin(declination)])
    return the_option(item, math.degrees(math.asin(float(zenith @ sun))), relative=0.02)


def star_table(item: Item) -> set[str]:
    stars = {s: given(item, f"звезда {s}: T = # К, R = #") for s in ("А", "Б", "В", "Г")}
    light = {s: r**2 * t**4 for s, (t, r) in stars.items()}
    wien = {s: 1 / t for s, (t, _) in stars.items()}
    (ratio,) = numbers(options(item)[code_of(item, "более чем в")], "более чем в # раз")
    return true_options(
        item,
        {
            "Светимость звезды А больше светимости звезды Б более": light["А"] / light["Б"] > ratio,
            "Светимость звезды В больше": light["В"] > light["Б"],
            "бо́льшую длину волны": wien["А"] > wien["Б"],
            "белым карликам": stars["В"][0] > 8000 and 0.005 < stars["В"][1] < 0.03,
            "красным гигантам": stars["Г"][0] < 4500 and stars["Г"][1] > 10,
            "А и Г одинаковы": math.isclose(light["А"], light["Г"]),
        },
    )


# ------------------------------------------------------------------------------------------- methodical items


def kettle_marks(item: Item) -> dict[str, str]:
    power, mass, cold, hot, minutes, c = given(
        item, "мощностью # кВт нагревает # кг воды от # °C до # °C за # мин", "теплоёмкость воды # Дж/(кг·°C)"
    )
    useful, spent = c * mass * (hot - cold), power * 1000 * minutes * 60
    right = 100 * useful / spent
    answer = {}
    for left, work in item["left"].items():
        result = to_float(re.findall(rf"{NUMBER} %", work)[-1])
        formulas = "cm(t₂ – t₁)" in work and "Pt" in work and "η" in work
        if not formulas:
            answer[left] = code_of(item, "не решено")
        elif math.isclose(result, right):
            answer[left] = code_of(item, "решено полностью")
        else:
            assert math.isclose(result, right * 60), "the only slip is the time left in minutes"
            answer[left] = code_of(item, "недочётом")
    return answer


def tension_errors(item: Item) -> dict[str, str]:
    volume, body, water, g, right = given(
        item, "объёмом # см³", "Плотность алюминия # кг/м³, воды # кг/м³, g = # м/с²", "Верный ответ # Н"
    )
    v = volume * 1e-6
    weight, lift = body * v * g, water * v * g
    assert math.isclose(weight - lift, right)
    slips = {
        "не учтена": weight,
        "принята за искомую": lift,
        "прибавлена": weight + lift,
        "плотность тела, а не жидкости": weight - body * v * g,
        "объём переведён неверно": (body - water) * 10 * v * g,
    }
    answer = {}
    for left, text in item["left"].items():
        (slip,) = [s for s, value in slips.items() if math.isclose(value, first_number(text), abs_tol=1e-9)]
        answer[left] = code_of(item, slip)
    return answer


# ------------------------------------------------------------------------------------------- new subject items


def block_on_plank(item: Item) -> float:
    plank, block, mu, g = given(item, "лежит доска массой # кг", "брусок массой # кг", "бруском и доской #,", "g = # м/с²")

    def slides(force: float) -> bool:
        together = force / (plank + block)
        return plank * together > mu * block * g  # friction is all that moves the plank

    assert "К бруску прикладывают" in item["stem"]
    return round(float(optimize.brentq(lambda f: slides(f) - 0.5, 0.1, 100.0)), 6)


def hottest(item: Item) -> float:
    p1, v1, p2, v2, t1 = given(
        item, "с давлением # кПа и объёмом # л в состояние", "состояние с давлением # кПа и объёмом # л", "в начале процесса # К"
    )
    volume = np.linspace(v1, v2, 20_001)
    pressure = p1 + (p2 - p1) * (volume - v1) / (v2 - v1)
    return round(float(t1 * (pressure * volume).max() / (p1 * v1)), 3)


def joined_capacitors(item: Item) -> float:
    c1, u1, c2, u2 = given(item, "ёмкостью # мкФ зарядили до напряжения # В", "ёмкостью # мкФ — до # В")
    assert "с отрицательно заряженной обкладкой другого" in item["stem"]
    return abs(c1 * u1 - c2 * u2) / (c1 + c2)


def lamp_current(item: Item) -> float:
    u0, i0, r, u = given(item, "при напряжении # В она равна # А", "сопротивлением # Ом", "напряжения # В, внутренним")
    return round(float(optimize.brentq(lambda i: u0 * (i / i0) ** 2 + r * i - u, 0.0, 10.0)), 1)


def bessel_lens(item: Item) -> float:
    length, shift = given(item, "и экраном # см", "на расстоянии # см друг от друга")
    near, far = (length - shift) / 2, (length + shift) / 2
    return 1 / (1 / near + 1 / far)


def plasticine(item: Item) -> dict[str, str]:
    assert "проходит положение равновесия" in item["stem"]
    assert "такой же массы" in item["stem"]
    k, m, v = 3.0, 1.0, 2.0
    u = m * v / (2 * m)

    def state(mass: float, speed: float) -> dict[str, float]:
        energy = mass * speed**2 / 2
        return {"период": math.sqrt(mass / k), "скорость": speed, "амплитуда": math.sqrt(2 * energy / k), "энергия": energy}

    before, after = state(m, v), state(2 * m, u)
    said = {
        "рост вдвое": 2.0,
        "рост в √2 раз": math.sqrt(2),
        "прежнее": 1.0,
        "снижение в √2 раз": 1 / math.sqrt(2),
        "снижение вдвое": 0.5,
        "снижение вчетверо": 0.25,
    }
    answer = {}
    for left, text in item["left"].items():
        (word,) = [w for w in before if w in text]
        (name,) = [n for n, ratio in said.items() if math.isclose(ratio, after[word] / before[word])]
        answer[left] = code_of(item, name)
    return answer


# ------------------------------------------------------------------------------------------- methodical items


def lines(item: Item) -> list[str]:
    return [line.strip() for line in item["stimulus"]["text"].splitlines() if line.strip()]


def resultant_along_motion(item: Item) -> str:
    """The rule "the resultant points where the body moves, and is zero at rest" explains all that the pupil said."""

    def rule(text: str) -> str:
        if "останавливается" in text or "в верхней точке" in text:
            return "0"
        return "1" if "поднимается" in text or "вверх" in text.partition("равновесия")[2] else "2"

    codes = {"вверх": "1", "вниз": "2", "равна нулю": "0"}
    said = [line.split("->") for line in lines(item) if "->" in line]
    assert len(said) == 4
    assert {answer.strip() for _, answer in said} == set(codes)
    assert all(rule(text) == codes[answer.strip()] for text, answer in said)
    return "".join(rule(line) for line in lines(item) if re.match(r"\d\)", line))


def lucky_means(item: Item) -> set[str]:
    assert "складывает наименьшую и наибольшую" in item["stem"]
    right = set()
    for code, text in options(item).items():
        said = [to_float(n) for n in re.findall(rf"{NUMBER} (?:км/ч|м/с)", text)]
        if "равноускоренно" in text or "равнозамедленно" in text:
            ends = [0.0, *said] if "трогаясь" in text else said
            truth, seen = sum(ends) / 2, ends
        elif "половину дороги" in text:
            truth, seen = 2 / (1 / said[0] + 1 / said[1]), said
        elif "Треть времени" in text:
            truth, seen = (said[0] + 2 * said[1]) / 3, said
        elif "стоял" in text:
            assert text.count("10 мин") == 3
            truth, seen = sum(said) / 3, [*said, 0.0]
        else:
            assert "половину времени" in text
            truth, seen = sum(said) / 2, said
        if math.isclose(truth, (min(seen) + max(seen)) / 2):
            right.add(code)
    return right


def three_ideas(item: Item) -> str:
    verdicts = {}
    for name, *cells in item["stimulus"]["table"][1:]:
        v1, v2, m1, m2, h1, h2 = map(to_float, cells)
        answers = {np.sign(v1 - v2), np.sign(m1 - m2), np.sign(h1 - h2)}
        verdicts[name] = len(answers) == 3
    (found,) = [n for n, right in verdicts.items() if right]
    (code,) = [c for c, text in options(item).items() if text.split()[-1] == found]
    return code


def least_ice(item: Item) -> float:
    water, warm, c, melting = given(item, "водой массой # г при температуре # °C", "воды # Дж/(кг·°C)", "плавления льда # Дж/кг")

    def assumed(ice: int) -> float:  # grams; all of it is taken for melted
        return (c * water * warm - melting * ice) / (c * (water + ice))

    return float(next(m for m in range(1, 1000) if assumed(m) < -1e-9))


def higher_graphs(item: Item) -> set[str]:
    (moment,) = given(item, "в момент t = # с")

    def values(law: str) -> tuple[float, float]:
        plain = re.sub(r"(\d)t", r"\1*t", law.partition("=")[2]).replace("–", "-").replace("t²", "t**2")
        at = [float(eval(plain, {"t": moment + d})) for d in (-1e-4, 0, 1e-4)]
        return at[1], abs(at[2] - at[0]) / 2e-4

    out = set()
    for code, text in options(item).items():
        (x1, v1), (x2, v2) = (values(law) for law in text.split(", "))
        assert x1 != x2
        if (x1 > x2) != (v1 > v2):
            out.add(code)
    return out


def rockets(item: Item) -> float:
    (more,) = given(item, "ровно на # % больше верного")
    return round(float(optimize.brentq(lambda v: 2 * v / (2 * v / (1 + v * v)) - 1 - more / 100, 0.01, 0.99)), 6)


def resting_block(item: Item) -> str:
    rest = [name for name, angle, mu, _ in item["stimulus"]["table"][1:] if math.tan(math.radians(first_number(angle))) <= to_float(mu)]
    (code,) = [c for c, text in options(item).items() if [text.split()[-1]] == rest]
    return code


def model_distance(item: Item) -> float:
    ball, sun, earth, times = given(item, "диаметром # см", "Диаметр Солнца # млн км", "до Солнца # млн км", "звезды — # таких")
    return round(ball / 100 / sun * earth * times / 1000, 6)


def telling_check(item: Item) -> str:
    g = 10.0

    def wrong(a: float, b: float) -> float:
        return (a + b) * g / 2

    def right(a: float, b: float) -> float:
        return 2 * a * b * g / (a + b)

    assert "T = (m₁ + m₂)g/2" in item["stem"]
    return the_true_option(
        item,
        {
            "единицы": False,  # kg·m/s² on both sides
            "обменять": wrong(1, 3) != wrong(3, 1),
            "равны": wrong(2, 2) != right(2, 2),
            "равна нулю": wrong(2, 0) != right(2, 0),
        },
    )


def kits(item: Item) -> str:
    emf, inner, limit, span = given(item, "с ЭДС # В", "сопротивлением # Ом", "с пределом # А", "не менее чем в # раза")
    fit = []
    for name, fixed, rheostat in item["stimulus"]["table"][1:]:
        low, high = (to_float(r) for r in rheostat.split("–"))
        most, least = (emf / (inner + to_float(fixed) + r) for r in (low, high))
        if most <= limit + 1e-9 and most / least >= span:
            fit.append(name)
    (code,) = [c for c, text in options(item).items() if [text.split()[-1]] == fit]
    return code


def trials_to_add(item: Item) -> float:
    one, two = (row[1:4] for row in item["stimulus"]["table"][1:])
    assert all(a != b for a, b in zip(one, two, strict=True))
    cells = list(product((0, 1), repeat=3))

    def enough(trials: tuple[tuple[int, ...], ...]) -> bool:
        pairs = [[a != b for a, b in zip(x, y, strict=True)] for x, y in combinations(trials, 2)]
        return {d.index(True) for d in pairs if sum(d) == 1} == {0, 1, 2}

    given_ = ((0, 0, 0), (1, 1, 1))
    return float(next(n for n in range(7) if any(enough((*given_, *new)) for new in combinations(cells, n))))


def cards(item: Item) -> dict[str, str]:
    """What is wrong in each solution is read from its equations."""
    works = re.split(r"^ *([А-Г])\) ", item["stimulus"]["text"].partition("Решения")[2], flags=re.MULTILINE)[1:]
    answer = {}
    for letter, work in zip(works[::2], works[1::2], strict=True):
        vertical = re.findall(r"N = ([^=\n]*)=", work)[0].strip()
        along = re.findall(r"ma = ([^=\n]*)=", work)[0].strip()
        faults = []
        if vertical != "mg – F·sin 30°":
            faults.append("вертикальная составляющая" if "sin" in vertical else "в уравнение для вертикали")
        if "cos" not in along:
            faults.append("в уравнение движения вдоль стола")
        if "+ Fтр" in along:
            faults.append("направлена сила трения")
        (fault,) = faults
        answer[letter] = code_of(item, fault)
    return answer


def whole_numbers(item: Item) -> str:
    emf, inner = given(item, "с ЭДС # В и внутренним сопротивлением # Ом")
    fit = []
    for code, text in options(item).items():
        r1, r2 = numbers(text, "# Ом и # Ом")
        part = r1 * r2 / (r1 + r2)
        current = emf / (part + inner)
        values = (part, current, current * part, current * part / r1, current * part / r2)
        if all(math.isclose(v, round(v), abs_tol=1e-9) for v in values) and values[3] != values[4]:
            fit.append(code)
    (answer,) = fit
    return answer


def window_losses(item: Item) -> set[str]:
    text = item["stimulus"]["text"]
    one, two, three = numbers(text, "с одним стеклом — # Вт, с двумя — # Вт, с тремя — # Вт")
    (area,) = numbers(text, "в комнате # м²")
    inside, outside = numbers(text, "в комнате # °C, на улице # °C")
    (colder,) = numbers(options(item)["2"], "до # °C")
    growth = (inside - colder) / (inside - outside)
    (energy,) = numbers(options(item)["6"], "около # кВт·ч")
    return true_options(
        item,
        {
            "потери тепла через окна в 3 раза": math.isclose(one / three, 3),
            "вырастут в 2,5 раза": math.isclose(growth, 2.5),
            "вырастут в 1,5 раза": math.isclose(growth, 1.5),
            "столько же ватт": math.isclose(one - two, two - three),
            "потери тепла комнатой": False,  # nothing is said of the walls
            "потеряют за сутки": math.isclose(two * area * (inside - outside) * 24 / 1000, energy, rel_tol=0.1),
        },
    )


def air_crew(item: Item) -> str:
    natural, hours, rate = given(item, "естественного фона # мЗв", "в полёте # ч", "полёта # мкЗв/ч")
    return the_option(item, 1 + hours * rate / 1000 / natural)


def gas_marks(item: Item) -> str:
    works = re.split(r"^ *[А-Д]\)", item["stimulus"]["text"], flags=re.MULTILINE)[1:]
    assert len(works) == 5

    def mark(work: str) -> int:
        laws = ("pV = mRT/M", "pV/T = p₀V₀/T₀", "p = nkT")
        kelvin = "300" in work and "·27)" not in work and "·27·" not in work
        return (0, 0, 1, 2)[sum((any(law in work for law in laws), kelvin, bool(re.search(r"\d (?:кг|г)\s*$", work))))]

    mass = 1.5e6 * 0.02 * 0.032 / (8.3 * 300)
    said = [to_float(re.findall(rf"= {NUMBER}", work)[-1]) for work in works]
    assert [abs(x / mass - 1) < 0.02 for x in (said[1] / 1000, said[3], said[4])] == [True] * 3
    return "".join(str(mark(work)) for work in works)


def density_report(item: Item) -> float:
    text = item["stimulus"]["text"]
    assert "ещё по три штриха" in text
    rows = {int(n): row for n, row in re.findall(r"\((\d)\) (.*)", text)}
    step, v1, v2, volume, mass, density, si = (to_float(re.findall(NUMBER, rows[n])[-1]) for n in (1, 2, 3, 4, 5, 6, 8))
    table = dict(zip(("стекло", "гранит", "алюмини"), numbers(text, "стекло #, гранит #, алюминий #"), strict=True))
    nearest = min(table, key=lambda name: abs(table[name] - density))
    right = (
        step == (80 - 60) / 4,
        v1 == 60 + step,
        v2 == 80 + 2 * step,
        volume == v2 - v1,
        mass == 50 + 20 + 2 + 0.5 + 0.2,
        abs(density - mass / volume) < 0.006,
        nearest in rows[7],
        math.isclose(si, density * 1000),
    )
    return float(sum(right))


def dictation(item: Item) -> float:
    one, less = 1.0, 0.5  # a gap, and a smaller one
    before_after = {
        1: ((1 / one, 1 / less), (1.0, 1.0), (one, less)),  # C = k/d, q, W = q²d/(2k)
        2: ((1 / one, 1 / less), (1.0, 1.0), (1 / one, 1 / less)),  # p, U of the temperature, n
        3: ((1.0, 1.0), (1.0, 1 / 1.33), (1.0, 1 / 1.33)),
        4: ((14.0, 14.0), (6.0, 7.0), (8.0, 7.0)),  # carbon to nitrogen
        5: ((1.0, 1 / math.sqrt(2)), (1.0, 2.0), (1.0, math.sqrt(2))),  # twice as stiff
    }
    total = 0
    answers = re.findall(r"\((\d)\)[^(]*?Ответ: (\d) (\d) (\d)", item["stimulus"]["text"])
    assert [int(n) for n, *_ in answers] == [*before_after]
    for n, *said in answers:
        right = ["3" if a == b else "1" if b > a else "2" for a, b in before_after[int(n)]]
        total += max(0, 2 - sum(x != y for x, y in zip(said, right, strict=True)))
    return float(total)


RECOMPUTED: dict[str, Callable[[Item], Answer]] = {
    "PHY-001": wire_diameter,
    "PHY-002": pendulum_pairs,
    "PHY-003": spring_constant,
    "PHY-004": density_error,
    "PHY-005": average_speed,
    "PHY-006": flight_ranges,
    "PHY-008": lower_orbit,
    "PHY-009": coupling_heat,
    "PHY-010": melting_ice_with_ball,
    "PHY-013": gas_cycle,
    "PHY-014": ice_left,
    "PHY-015": moist_air,
    "PHY-017": emf,
    "PHY-018": resistor_powers,
    "PHY-019": magnetic_radii,
    "PHY-020": flux,
    "PHY-021": half_spring,
    "PHY-022": wavelengths,
    "PHY-024": grating_maxima,
    "PHY-026": ship_time,
    "PHY-027": fast_particle,
    "PHY-030": hydrogen_ratio,
    "PHY-032": missing_particles,
    "PHY-034": noon_altitude,
    "PHY-036": star_table,
    "PHY-043": kettle_marks,
    "PHY-044": tension_errors,
    "PHY-049": block_on_plank,
    "PHY-050": hottest,
    "PHY-051": joined_capacitors,
    "PHY-052": lamp_current,
    "PHY-053": bessel_lens,
    "PHY-054": plasticine,
    "PHY-061": resultant_along_motion,
    "PHY-062": lucky_means,
    "PHY-063": three_ideas,
    "PHY-064": least_ice,
    "PHY-065": higher_graphs,
    "PHY-066": rockets,
    "PHY-067": resting_block,
    "PHY-069": model_distance,
    "PHY-070": telling_check,
    "PHY-072": kits,
    "PHY-074": trials_to_add,
    "PHY-075": cards,
    "PHY-076": whole_numbers,
    "PHY-077": window_losses,
    "PHY-078": air_crew,
    "PHY-083": gas_marks,
    "PHY-084": density_report,
    "PHY-085": dictation,
}

CONCEPTUAL: dict[str, str] = {
    "PHY-068": "R = R₁R₂/(R₁ + R₂), I = ℰ/(R + r), Ir, U = ℰ − Ir, P = U²/R₁: each is worked out from the one before",
    "PHY-071": "equal accelerations, free fall, gravity balanced by inertia in the frame of the station: one statement",
    "PHY-073": "the classes stand in the federal programme that the item names",
}


def matches(item: Item, answer: Answer) -> bool:
    """Whether the stored key says the same as the recomputed answer."""
    key = item["key"]
    if isinstance(answer, float):
        return abs(float(key) - answer) < 1e-6
    if item["type"] == "text":
        return answer in key
    if isinstance(answer, set):
        return answer == set(key) and len(key) == len(answer)
    return bool(answer == key)


@pytest.mark.parametrize("item_id", sorted(RECOMPUTED))
def test_key_follows_from_the_data_of_the_item(item_id: str) -> None:
    item = bank()[item_id]
    answer = RECOMPUTED[item_id](item)
    assert matches(item, answer), f"{item_id}: stored key {item['key']!r}, recomputed {answer!r}"


def test_every_keyed_item_is_recomputed_or_settled_by_a_named_law() -> None:
    keyed = {name for name, item in bank().items() if item.get("key") is not None}
    drawn = {name for name, item in bank().items() if "family" in item}  # drawn again in tests/bank/test_families.py
    assert keyed - drawn == RECOMPUTED.keys() | CONCEPTUAL.keys()
    assert not drawn & RECOMPUTED.keys()
    assert not RECOMPUTED.keys() & CONCEPTUAL.keys()


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert len(opened) == 4
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
