"""The keys of the bank of Russian language and literature, found again.

Works of pupils, lines and words are taken out of the items, and the rules (of the language, of the pupil, of the marking) are
applied to them; the stored key takes no part in it. What rests on a dictionary alone or on an argument is not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "russian"


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def blocks(item: Item) -> list[list[str]]:
    """Return the blocks of indented lines of the stimulus, each as its lines."""
    found = re.findall(r"(?:^ {4}.*\n)+", item["stimulus"]["text"] + "\n", re.MULTILINE)
    return [[line.strip() for line in block.splitlines()] for block in found]


def numbered(text: str) -> list[str]:
    return [part.strip(" .;") for part in re.split(r"\d\)", text)[1:]]


def bits(values: Iterable[object]) -> str:
    return "".join(str(int(bool(v))) for v in values)


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [c for c, text in item["options"].items() if holds(text)]


def pairs(item: Item, fits: Callable[[str, str], bool]) -> dict[str, str]:
    """Match every left side to the only option that fits it."""
    out = {}
    for letter, left in item["left"].items():
        (out[letter],) = (c for c, text in item["options"].items() if fits(left, text))
    return out


# sounds

VOICE = dict(zip("бвгджз", "пфктшс", strict=True))
SONANT, VOICELESS = "лмнр", "пфктшсхцчщ"


def all_voiceless(word: str) -> bool:
    """Tell whether no consonant sounds voiced: assimilation runs from the end to the beginning."""
    sounds: list[str] = []
    for at in range(len(word) - 1, -1, -1):
        letter = word[at]
        if letter in "ъь":
            continue
        if letter in "аоуыэиеёюя":
            iotated = letter in "еёюя" and (at == 0 or word[at - 1] in "аоуыэиеёюяъь")
            sounds += ["_", "j"] if iotated else ["_"]
            continue
        after = sounds[-1] if sounds else ""
        if letter in VOICE and (after == "" or after in VOICELESS):
            letter = VOICE[letter]
        elif letter in VOICE.values() and after in VOICE and after != "в":
            letter = {v: k for k, v in VOICE.items()}[letter]
        sounds.append(letter)
    return all(s == "_" or s in VOICELESS for s in sounds)


def voiceless_words(item: Item) -> Answer:
    return bits(all_voiceless(word) for word in numbered(item["stem"].split("\n")[0]))


def sounds_as_the_pupil_counts(word: str) -> int:
    return sum({"ъ": 0, "ь": 0}.get(c, 2 if c in "еёюя" else 1) for c in word)


def counted_sounds(item: Item) -> Answer:
    for line in blocks(item)[0]:
        word, said = line.split(" — ")
        assert sounds_as_the_pupil_counts(word) == int(said)
    (asked,) = re.findall(r"в слове «(\w+)»", item["stem"])
    return str(sounds_as_the_pupil_counts(asked))


# words

INSTRUMENTAL = {5: "пятью", 600: "шестьюстами", 40: "сорока", 7: "семью", 1000: "тысячами"}


def numeral(item: Item) -> Answer:
    (number,) = (int(n) for n in re.findall(r"располагает (\d+)", item["stem"]))
    parts = [number // 1000, 1000, number // 100 % 10 * 100, number // 10 % 10 * 10, number % 10]
    return " ".join(INSTRUMENTAL[p] for p in parts)


def prefixed(word: str) -> bool:
    return bool(re.match(r"(?:не|с(?=к)|вы)", word))


def one_letter_or_two(item: Item) -> Answer:
    seen, asked = blocks(item)
    for line in seen:
        (word,) = (w for w in line.split() if re.search(r"[её]?н(?:ая|ый|ые)$", w) and w != "гости")
        assert prefixed(word) == bool(re.search(r"нн\w\w$", word)), word
    return bits(prefixed(re.findall(r"\w+(?=…)", line)[0]) for line in asked)


def vowels_of_endings(item: Item) -> Answer:
    seen, asked = blocks(item)
    for line in seen:
        verb, form = re.findall(r"^(\w+) — I{1,2} спряжение, (\w+)$", line)[0]
        assert form.endswith("ит") == verb.endswith("ить")
    return bits(re.findall(r"\) +(\w+)", line)[0].endswith("ить") for line in asked)


FEMININE = {"ноч", "туч", "задач"}
SHORT = {"могуч", "свеж", "горяч"}
SOFT_SIGN = {"ноч"}


def both_show(item: Item) -> Answer:
    def wrong(text: str, rule: set[str]) -> bool:
        return any((w in rule) != (w in SOFT_SIGN) for w in re.findall(r"(\w+)…", text))

    def second_wrong(text: str) -> bool:
        return any(w in SHORT for w in re.findall(r"(\w+)…", text))

    (found,) = options(item, lambda t: wrong(t, FEMININE) and second_wrong(t))
    return found


LABELS = {"и": 1, "допуст.": 1, "допуст. устар.": 1, "не рек.": 0, "не рек. устар.": 0, "неправ.": 0}


def labels(item: Item) -> Answer:
    read = [re.sub(r"^\d\)\s+а(?:,| и(?= допуст))? ?|\s*б$", "", line).strip() for line in blocks(item)[0]]
    return bits(LABELS[label] for label in read)


# sentences

PHRASES = ("заросшая травой", "заросший травой", "покрытой льдом", "покрытая льдом")


def commas_of_the_pupil(item: Item) -> Answer:
    def commas(sentence: str, phrases: Iterable[str]) -> int:
        low = sentence.lower().rstrip(".")
        return sum((not low.startswith(p)) + (not low.endswith(p)) for p in phrases if p in low)

    for line in blocks(item)[0]:
        assert commas(line, PHRASES) == line.count(","), line
    asked = " ".join(re.findall(r"«([^»]+)»", item["stem"])[0].split())
    phrases = ("выпавший ночью", "ведущие к дому", "не собранные садовником")
    assert all(p in asked.lower() for p in phrases)
    return str(commas(asked, phrases))


DICTATION = (
    "Ранним утром мы вышли из деревни. Низкое солнце ещё не могло пробиться сквозь туман, расстилавшийся над рекой. Тропинка, "
    "которая вела к переправе, шла вдоль нескошенного луга. Несмотря на росу, идти было легко. Кто-то громко пел за рекой, "
    "и песня то затихала, то становилась громче."
)
SPELLING = {"сонце": 1, "пробится": 1, "растилавшийся": 1, "не скошеного": 2, "Не смотря": 1}


def dictation(item: Item) -> Answer:
    (lines,) = blocks(item)
    text, spelling = " ".join(lines), 0
    right = {"сонце": "солнце", "пробится": "пробиться", "растилавшийся": "расстилавшийся"}
    right |= {"не скошеного": "нескошенного", "Не смотря": "Несмотря"}
    for wrong, errors in SPELLING.items():
        assert text.count(wrong) == 1
        text, spelling = text.replace(wrong, right[wrong]), spelling + errors
    bare = text.replace(",", "")
    assert bare == DICTATION.replace(",", "")

    def places(t: str) -> set[int]:
        return {at - t[:at].count(",") for at, c in enumerate(t) if c == ","}

    return f"{spelling}{len(places(text) ^ places(DICTATION))}"


def marks_of_explanations(item: Item) -> Answer:
    works = re.split(r"^\d\)$", item["stimulus"]["text"], flags=re.MULTILINE)[1:]
    assert len(works) == 5

    def mark(work: str) -> int:
        low = work.lower()
        bases = "солнце село" in low and "туман поднялся" in low
        return int(bool(re.search(r"сложно(?:е|сочин)", low))) + int(bases)

    return "".join(str(mark(work)) for work in works)


# (finite verbs, bases, subjects, nominatives that are neither subject nor its attribute)
FEATURES = {
    "Стемнело, и путники зажгли фонарь.": (2, 2, 1, 0),
    "Этот юноша — будущий геолог.": (0, 1, 1, 1),
    "Солнце село, и над рекой встал туман.": (2, 2, 2, 0),
    "Ветер стих и больше не поднимался.": (2, 1, 1, 0),
    "В лесу раздавались и смех, и голоса.": (1, 1, 2, 0),
    "Усталые дети вернулись домой.": (1, 1, 1, 0),
}


def refuted_sentences(item: Item) -> Answer:
    def refutes(rule: str, sentence: str) -> bool:
        verbs, bases, subjects, nominatives = FEATURES[sentence]
        if "два глагола" in rule:
            return verbs == 2 and bases != 2
        if "подлежащее в предложении одно" in rule:
            return subjects == 1 and bases > 1
        if "запятая" in rule:
            return ", и " in sentence and bases == 1
        return nominatives > 0

    return pairs(item, refutes)


# letters, sounds; hard consonant before е; soft last consonant; long consonant
SOUNDS = {"рожь": 3, "ванна": 4, "темп": 4, "аккорд": 5, "юг": 3, "мяч": 3}


def refuted_words(item: Item) -> Answer:
    def refutes(rule: str, word: str) -> bool:
        if "Буква е" in rule:
            return word == "темп" and "е" in word
        if "Буква ь" in rule:
            return word.endswith("ь") and word[-2] in "жшц"
        if "я или ю" in rule:
            return bool(set(word) & set("яю")) and SOUNDS[word] <= len(word)
        return bool(re.search(r"([^аеиоуыэюя])\1", word)) and word != "ванна"

    return pairs(item, refutes)


# verse

STRESSES = {
    "Выхожу один я на дорогу": (3, 5, 9),
    "По небу полуночи ангел летел": (2, 5, 8, 11),
    "Адмиралтейская игла": (4, 8),
    "Не гулял с кистенём я в дремучем лесу": (3, 6, 9, 12),
    "Буря мглою небо кроет": (1, 3, 5, 7),
    "Однажды, в студёную зимнюю пору": (2, 5, 8, 11),
    "На заре ты её не буди": (3, 6, 9),
    "У лукоморья дуб зелёный": (4, 6, 8),
    "Кроет уж лист золотой": (1, 4, 7),
    "Мороз и солнце; день чудесный!": (2, 4, 6, 8),
    "Последняя туча рассеянной бури!": (2, 5, 8, 11),
    "Надрывается сердце от муки": (3, 6, 9),
    "Мчатся тучи, вьются тучи": (1, 3, 5, 7),
    "Тучки небесные, вечные странники!": (1, 4, 7, 10),
    "Люблю тебя, Петра творенье": (2, 4, 6, 8),
}


def metre(line: str) -> str:
    at = STRESSES[line]
    assert at[-1] <= len(re.findall("[аеёиоуыэюя]", line.lower()))
    feet = {"хорей": (2, 1), "ямб": (2, 0), "дактиль": (3, 1), "амфибрахий": (3, 2), "анапест": (3, 0)}
    (found,) = (name for name, (n, rest) in feet.items() if all(s % n == rest for s in at))
    return found


def as_the_pupil_says(line: str) -> str:
    return ("дактиль", "ямб", "анапест", "четырёхсложный размер")[STRESSES[line][0] - 1]


def metre_by_the_first_stress(item: Item) -> Answer:
    seen, asked = blocks(item)
    for line in seen:
        text, said = line.split(" — ")
        assert as_the_pupil_says(text) == said
    lines = [re.sub(r"^\d\)\s+", "", line) for line in asked]
    return bits(as_the_pupil_says(line) == metre(line) for line in lines)


# the ends of the lines of the first stanza; a hyphen marks the stress on the last syllable but one
ENDS: tuple[str, ...] = ("правил-", "занемог", "заставил-", "не мог", "наука-", "скука-", "ночь", "прочь", "коварство-", "забавлять")
ENDS += ("поправлять", "лекарство-", "про себя", "тебя")


def onegin(item: Item) -> Answer:
    rhymes = list(dict.fromkeys(end.rstrip("-")[-2:] for end in ENDS))
    letters = ("abcdefg"[rhymes.index(end.rstrip("-")[-2:])] for end in ENDS)
    scheme = "".join(c.upper() if end.endswith("-") else c for c, end in zip(letters, ENDS, strict=True))
    (found,) = options(item, lambda text: text.replace(" ", "") == scheme)
    return found


YEARS = {
    "Слово о законе": 1050,
    "Задонщина": 1400,
    "Хождение": 1474,
    "Житие": 1675,
    "Путешествие": 1790,
    "книгопродавца": 1824,
    "Смерть Поэта": 1837,
    "гражданин": 1856,
    "Юбилейное": 1924,
    "фининспектором": 1926,
}


def by_year(item: Item) -> Answer:
    def year(code: str) -> int:
        (found,) = (y for words, y in YEARS.items() if words in item["options"][code])
        return found

    return sorted(item["options"], key=year)


def comparisons_without_words(item: Item) -> Answer:
    other_ways = r"\w+ет \w+ снегом|\w+ей лазури"
    return options(item, lambda t: bool(re.search(other_ways, t)) and not re.search(r"(?i)\b(?:как|словно|будто|точно)\b", t))


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "RUS-001": voiceless_words,
    "RUS-008": numeral,
    "RUS-023": lambda item: pairs(item, lambda left, text: metre(left) == text),
    "RUS-024": onegin,
    "RUS-026": by_year,
    "RUS-033": one_letter_or_two,
    "RUS-034": commas_of_the_pupil,
    "RUS-037": vowels_of_endings,
    "RUS-038": counted_sounds,
    "RUS-040": metre_by_the_first_stress,
    "RUS-041": dictation,
    "RUS-042": marks_of_explanations,
    "RUS-049": both_show,
    "RUS-052": comparisons_without_words,
    "RUS-055": refuted_words,
    "RUS-056": refuted_sentences,
    "RUS-060": by_year,
    "RUS-063": labels,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_key_is_what_the_item_gives(name: str) -> None:
    item = bank()[name]
    key = item["key"][0] if item["type"] == "text" else item["key"]
    assert ANSWERS[name](item) == key


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert opened
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
