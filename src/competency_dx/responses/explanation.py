"""Why an answer earned its points: the stored raw answers and the explanation of one of them."""

from dataclasses import replace
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Ints, held_to, value
from competency_dx.bank import CodeMap, Item, Text, Tolerance
from competency_dx.display import result_words
from competency_dx.errors import LANGUAGES
from competency_dx.responses.normalise import fold_code
from competency_dx.responses.rules import Element, judge_of, written

Kind = Literal["text", "number", "date"]
KeyShown = Literal["hidden", "shown"]
State = Literal["answered", "not_administered", "omitted", "not_reached", "invalid"]


@value
class RawAnswers:
    """Raw answers, compactly: one code per cell into the distinct answers of its item.

    `codes` (P, I) are places in the item's vocabulary, -1 where the cell was empty; `vocabulary` has the distinct raw answers per item,
    as they stood in the source, `kinds` how the source stored each of them: "text", "number", "date".
    """

    codes: Annotated[NDArray[np.int32], held_to("persons", "items", minimum=-1)]
    vocabulary: Annotated[tuple[tuple[str, ...], ...], held_to("items")]
    kinds: Annotated[tuple[tuple[Kind, ...], ...], held_to("items")]

    def of(self, row: int, place: int) -> tuple[str, Kind] | None:
        """Return the raw answer of a person to an item and how it was stored; None where the cell was empty."""
        code = int(self.codes[row, place])
        return None if code < 0 else (self.vocabulary[place][code], self.kinds[place][code])

    def spelled(self, place: int, item: Item | None = None) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return the answers to an item in one spelling each, sorted, and which of them each person gave (P,), or -1."""
        one = judge_of(item) if item is not None and item.type == "single" else None
        given = zip(self.vocabulary[place], self.kinds[place], strict=True)
        folded = [fold_code((one and item and one(*written(item, (text,), (kind,))).normalised) or text) for text, kind in given]
        labels = tuple(sorted(set(folded)))
        return labels, np.array([*(labels.index(text) for text in folded), -1], dtype=np.int32)[self.codes[:, place]]

    def joined(self, later: Self, at: tuple[Ints, Ints], taken: Bools, n: int) -> Self:
        """Return answers to `n` items: these, and those `taken` from further ones, which stand `at` rows and columns."""
        beyond = n - len(self.vocabulary)
        codes = np.pad(self.codes, ((0, 0), (0, beyond)), constant_values=-1)
        vocabulary, kinds = [*self.vocabulary, *[()] * beyond], [*self.kinds, *[()] * beyond]
        for k, j in enumerate(at[1]):
            new, shift = later.codes[:, k], len(vocabulary[j])
            vocabulary[j], kinds[j] = (*vocabulary[j], *later.vocabulary[k]), (*kinds[j], *later.kinds[k])
            chosen = taken[:, k] & (new >= 0)
            codes[at[0][chosen], j] = new[chosen] + shift
        return replace(self, codes=codes, vocabulary=tuple(vocabulary), kinds=tuple(kinds))


@value
class Explanation:
    """What was answered, how it was read, by which rule it was scored, and what it earned.

    Attributes
    ----------
    raw : The answer as it stood in the source; None where there was none or the source held points.
    normalised : The answer as the rule read it.
    key : The right answer, only when it was asked for.
    rule : The rule in words.
    elements : Points part by part, for rules that score parts.
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
        say = result_words("responses", language)
        read = say("read_as", normalised=self.normalised) if self.normalised else ""
        lines = [
            f"{self.person}, {self.item}: {say(f'state_{self.state}')}",
            say("answer", raw=self.raw) + read if self.raw is not None else "",
            say("key", key=self.key) if self.key else "",
            say("rule", rule=self.rule.text(language)),
            *(f"  {e.label}: {e.given} → {e.points}" for e in self.elements),
            say("points", points=str(self.points), most=str(self.max_score)),
        ]
        return "\n".join(filter(None, lines))

    def __str__(self) -> str:
        return self.text("en")


def key_text(item: Item) -> str:
    """Return the right answer in one line."""
    key = item.key
    if isinstance(item.rule, CodeMap):
        return "; ".join(f"{code} = {points}" for code, points in item.rule.scores.items())
    if isinstance(key, dict):
        return "; ".join(f"{left} - {option}" for left, option in key.items())
    return (" | " if item.type == "text" else " ").join(key) if isinstance(key, tuple) else key or ""


def rule_text(item: Item) -> Text:
    """Return the scoring rule of an item in words."""
    rule = item.rule
    kind: str = rule.rule
    if isinstance(rule, Tolerance):
        kind = "relative" if rule.relative not in {"0", ""} else "absolute" if rule.absolute not in {"0", ""} else "equal"
    facts = rule.model_dump() | {"top": item.max_score, "criteria": ", ".join(f"{c.id} 0-{c.max_score}" for c in item.rubric)}
    return Text(**{language: result_words("responses", language)(f"rule_{kind}", **facts) for language in LANGUAGES})
