"""Why an answer earned its points: the stored raw answers and the explanation of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import freeze, value
from competency_dx.bank import CodeMap, Exact, Given, Item, OneError, PerElement, Rubric, Synonyms, Text, Tolerance
from competency_dx.responses.normalise import fold_code
from competency_dx.responses.rules import Element, in_codes, judge_of, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def __post_init__(self) -> None:
        freeze(self, codes=np.int32)

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


def explain_answer(
    item: Item, stored: tuple[str, Kind] | None, column: Sequence[str] = ()
) -> tuple[str | None, str, tuple[Element, ...]]:
    """Return raw answer, its normalised form and the points per element; `column` holds all answers to the item."""
    if stored is None:
        return None, "", ()
    answer = in_codes(item, (*padded(item, stored[:1], stored[1:]), *column))[0][0]
    verdict = judge_of(item)(answer)
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


def rule_text(item: Item) -> Text:  # noqa: PLR0911 - one return a rule
    """Return the scoring rule of an item in words."""
    rule, top = item.rule, item.max_score
    if isinstance(rule, Exact):
        return Text(ru=f"баллов за полностью верный ответ: {top}", en=f"{top} for a fully right answer, else 0")
    if isinstance(rule, PerElement):
        return Text(
            ru="балл за каждый верный элемент; лишний выбор в наборе отнимает балл",
            en="one point per right element; a wrong extra choice in a set costs one",
        )
    if isinstance(rule, OneError):
        return Text(
            ru=f"{top} без ошибок, на балл меньше за каждую ошибку", en=f"{top} without errors, one less per error"
        )
    if isinstance(rule, Tolerance):
        return _tolerance_text(rule)
    if isinstance(rule, Synonyms):
        return Text(ru="ответ совпадает с одним из принятых вариантов", en="the answer is one of the accepted wordings")
    if isinstance(rule, CodeMap):
        return Text(ru="баллы по таблице кодов ответа", en="points by the table of answer codes")
    if isinstance(rule, Rubric):
        names = ", ".join(f"{c.id} 0-{c.max_score}" for c in item.rubric)
        return Text(ru=f"сумма баллов эксперта по критериям: {names}", en=f"sum of rated criteria: {names}")
    assert isinstance(rule, Given)
    return Text(ru=f"готовый балл от 0 до {top}", en=f"a given score from 0 to {top}")


def _tolerance_text(rule: Tolerance) -> Text:
    if rule.relative not in {"0", ""}:
        return Text(
            ru=f"число в пределах {rule.absolute} или доли {rule.relative} от ключа",
            en=f"a number within {rule.absolute} or the share {rule.relative} of the key",
        )
    if rule.absolute in {"0", ""}:
        return Text(ru="число, равное ключу", en="a number equal to the key")
    return Text(ru=f"число в пределах {rule.absolute} от ключа", en=f"a number within {rule.absolute} of the key")
