"""Why an answer earned its points: the stored raw answers and the explanation of one of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import value
from competency_dx.bank import CodeMap, Item, Text, Tolerance
from competency_dx.responses.normalise import fold_code
from competency_dx.responses.rules import Element, judge_of, written

Kind = Literal["text", "number", "date"]
KeyShown = Literal["hidden", "shown"]
State = Literal["answered", "not_administered", "omitted", "not_reached", "invalid"]

_STATES = {
    "answered": ("есть ответ", "answered"),
    "not_administered": ("задание не предъявлялось", "not administered"),
    "omitted": ("задание пропущено", "omitted"),
    "not_reached": ("до задания не дошли", "not reached"),
    "invalid": ("ответ не читается", "unreadable"),
}

_RULES = {
    "exact": ("баллов за полностью верный ответ: {top}", "{top} for a fully right answer, else 0"),
    "per_element": (
        "балл за каждый верный элемент; лишний выбор в наборе отнимает балл",
        "one point per right element; a wrong extra choice in a set costs one",
    ),
    "one_error": ("{top} без ошибок, на балл меньше за каждую ошибку", "{top} without errors, one less per error"),
    "synonyms": ("ответ совпадает с одним из принятых вариантов", "the answer is one of the accepted wordings"),
    "map": ("баллы по таблице кодов ответа", "points by the table of answer codes"),
    "rubric": ("сумма баллов эксперта по критериям: {criteria}", "sum of rated criteria: {criteria}"),
    "given": ("готовый балл от 0 до {top}", "a given score from 0 to {top}"),
}
"""The scoring rules in words, Russian and English; a tolerance is told by its distances."""


@value
class RawAnswers:
    """Raw answers, compactly: one code per cell into the distinct answers of its item.

    Attributes
    ----------
    codes : int32 array (P, I)
        Place in the item's vocabulary, -1 where the cell was empty.
    vocabulary : tuple of I tuples of str
        Distinct raw answers per item, as they stood in the source.
    kinds : tuple of I tuples of {"text", "number", "date"}
        How the source stored each of them.
    """

    codes: NDArray[np.int32]
    vocabulary: tuple[tuple[str, ...], ...]
    kinds: tuple[tuple[Kind, ...], ...]

    def of(self, row: int, place: int) -> tuple[str, Kind] | None:
        """Return the raw answer of a person to an item and how it was stored; None where the cell was empty."""
        code = int(self.codes[row, place])
        return None if code < 0 else (self.vocabulary[place][code], self.kinds[place][code])

    def spelled(self, place: int) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return the answers to an item in one spelling each, sorted, and which of them each person gave (P,), or -1."""
        folded = [fold_code(text) for text in self.vocabulary[place]]
        labels = tuple(sorted(set(folded)))
        table = np.array([*(labels.index(text) for text in folded), -1], dtype=np.int32)
        return labels, table[self.codes[:, place]]


@value
class Explanation:
    """What was answered, how it was read, by which rule it was scored, and what it earned.

    Attributes
    ----------
    raw : str or None
        The answer as it stood in the source; None where there was none or the source held points.
    normalised : str
        The answer as the rule read it.
    key : str or None
        The right answer, only when it was asked for.
    rule : Text
        The rule in words.
    elements : tuple of Element
        Points part by part, for rules that score parts.
    """

    person: str
    item: str
    state: State
    raw: str | None
    normalised: str
    key: str | None
    rule: Text
    elements: tuple[Element, ...]
    points: int
    max_score: int

    def text(self, language: str = "en") -> str:
        """Return the explanation as a few lines."""
        ru = language == "ru"
        state = _STATES[self.state][0 if ru else 1]
        answer = ("ответ" if ru else "answer", f"«{self.raw}»" if ru else f'"{self.raw}"')
        read = f" ({'прочитан как' if ru else 'read as'} {self.normalised})" if self.normalised else ""
        lines = [f"{self.person}, {self.item}: {state}"]
        lines += [f"{answer[0]}: {answer[1]}{read}"] if self.raw is not None else []
        lines += [f"{'ключ' if ru else 'key'}: {self.key}"] if self.key else []
        lines += [f"{'правило' if ru else 'rule'}: {self.rule.text(language)}"]
        lines += [f"  {e.label}: {e.given} → {e.points}" for e in self.elements]
        return "\n".join([*lines, f"{'баллы' if ru else 'points'}: {self.points} / {self.max_score}"])

    def __str__(self) -> str:
        return self.text("en")


def explain_answer(item: Item, stored: tuple[str, Kind] | None) -> tuple[str | None, str, tuple[Element, ...]]:
    """Return raw answer, its normalised form and the points per element."""
    if stored is None:
        return None, "", ()
    verdict = judge_of(item)(*written(item, stored[:1], stored[1:]))
    return stored[0], verdict.normalised, verdict.elements


def key_text(item: Item) -> str:
    """Return the right answer in one line."""
    rule, key = item.rule, item.key
    if isinstance(rule, CodeMap):
        return "; ".join(f"{code} = {points}" for code, points in rule.scores.items())
    if isinstance(key, dict):
        return "; ".join(f"{left} - {option}" for left, option in key.items())
    if isinstance(key, tuple):
        return (" | " if item.type == "text" else " ").join(key)
    return key or ""


def rule_text(item: Item) -> Text:
    """Return the scoring rule of an item in words."""
    rule = item.rule
    if isinstance(rule, Tolerance):
        exact = ("число, равное ключу", "a number equal to the key")
        near = ("число в пределах {absolute} от ключа", "a number within {absolute} of the key")
        ru, en = near if rule.absolute not in {"0", ""} else exact
        if rule.relative not in {"0", ""}:
            ru = "число в пределах {absolute} или доли {relative} от ключа"
            en = "a number within {absolute} or the share {relative} of the key"
    else:
        ru, en = _RULES[rule.rule]
    criteria = ", ".join(f"{c.id} 0-{c.max_score}" for c in item.rubric)
    facts = rule.model_dump() | {"top": item.max_score, "criteria": criteria}
    return Text(ru=ru.format_map(facts), en=en.format_map(facts))
