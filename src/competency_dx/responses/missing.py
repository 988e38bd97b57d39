"""Why a cell holds no answer, the tokens people write for it, and what an estimation does with each reason."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, value
from competency_dx.errors import ResponsesError
from competency_dx.responses.normalise import fold_text, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(IntEnum):
    """The state of a cell: answered, or why there is no answer that counts."""

    ANSWERED = 0
    NOT_ADMINISTERED = 1
    OMITTED = 2
    NOT_REACHED = 3
    INVALID = 4


ReasonName = Literal["not_administered", "omitted", "not_reached", "invalid"]
Meaning = ReasonName | Literal["blank"]
"""What a token stands for: a reason, or what an empty cell stands for."""
Treatment = Literal["ignore", "incorrect"]
Omissions = Literal["ignore", "incorrect", "modelled"]
Reasons = NDArray[np.uint8]

BLANK = 255
"""While a table is read: an empty cell whose reason follows from the person's form. Never in a result."""
ABSENT = 254
"""While a table is read: a token that says the person did not come. Never in a result."""

_WORDS: Mapping[str, tuple[str, str]] = {
    "omitted": ("пропущенные", "omitted"),
    "not_reached": ("недостигнутые", "not reached"),
    "invalid": ("нечитаемые", "invalid"),
    "not_administered": ("непредъявленные", "not administered"),
}

_TOKENS: Mapping[int, tuple[str, ...]] = {
    ABSENT: ("н/я", "н\\я", "неявка", "не явился", "не явилась", "отсутствовал", "отсутствовала", "absent"),
    Reason.OMITTED: (
        "нет ответа", "-", "--", "---", "omitted", "пропуск", "пропущено", "не приступал", "не приступала", "no answer",
        "без ответа", "не ответил", "не ответила", "не знаю", "затрудняюсь ответить", "затрудняюсь", "don't know",
        "i don't know", "dont know",
    ),
    Reason.NOT_REACHED: ("не дошел", "не дошла", "not reached", "not_reached"),
    Reason.INVALID: ("*", "**", "#", "нечитаемо", "неразборчиво", "illegible"),
    BLANK: ("na", "n/a", "<na>", "#n/a", "#н/д", "nan", "null", "none", "nil", "н/д", "нет данных", ".", "-99", "-999"),
}  # fmt: skip
BUILTIN: Mapping[str, int] = {token: code for code, tokens in _TOKENS.items() for token in tokens}
NEGATIVE_CODES = frozenset({"-1", "-9"})
"""Missing in a table of points or of option codes; an answer like any other where the answer is a number."""


@value
class MissingPolicy:
    """What enters an estimation: each reason is either left out (`ignore`) or scored 0 (`incorrect`).

    Omissions can be `modelled` in a diagnosis: left out, while how much a person omits tells of the person.

    By default an omitted answer is wrong, as in exams; an item that was not reached or not administered says nothing
    about the person, and neither does a cell that cannot be read.
    """

    omitted: Omissions = "incorrect"
    not_reached: Treatment = "ignore"
    invalid: Treatment = "ignore"
    not_administered: Treatment = "ignore"

    def __post_init__(self) -> None:
        for name in _WORDS:
            possible = get_args(Omissions if name == "omitted" else Treatment)
            if getattr(self, name) not in possible:
                raise ResponsesError("responses.policy", name=name, given=getattr(self, name), choices=possible)

    def check_scored(self) -> None:
        """Refuse omissions that are modelled: an estimation other than a diagnosis needs to know how they count."""
        if self.omitted == "modelled":
            raise ResponsesError("responses.modelled")

    def table(self) -> Bools:
        """Return for each value of `Reason` whether such a cell enters the estimation, shape (5,)."""
        out = np.zeros(len(Reason), dtype=np.bool_)
        out[Reason.ANSWERED] = True
        for name in _WORDS:
            out[Reason[name.upper()]] = getattr(self, name) == "incorrect"
        return out

    def describe(self, language: str = "en") -> str:
        """Return the policy as one sentence."""
        column = 0 if language == "ru" else 1
        groups = {t: [w[column] for n, w in _WORDS.items() if getattr(self, n) == t] for t in get_args(Omissions)}
        wrong, left = ", ".join(groups["incorrect"]), ", ".join(groups["ignore"] + groups["modelled"])
        modelled = "; omissions modelled", "; склонность к пропускам моделируется"
        more = modelled[language == "ru"] if groups["modelled"] else ""
        if language == "ru":
            return f"как неверные: {wrong or 'никакие'}; не учитываются: {left or 'никакие'}{more}"
        return f"scored 0: {wrong or 'none'}; left out: {left or 'none'}{more}"


def reason_word(reason: Reason, language: str) -> str:
    """Return how a sentence calls a reason for which there is no answer."""
    return _WORDS[reason.name.lower()][0 if language == "ru" else 1]


def cell_word(reason: Reason, language: str) -> str:
    """Return the text that a table has in a cell without an answer for this reason, empty where nothing was given."""
    tokens = [t for t in _TOKENS.get(reason, ()) if t[0].isalpha() and t.isascii() == (language != "ru")]
    return tokens[0] if tokens else ""


def reason_code(name: str, where: str) -> int:
    """Return the code of a reason given by name, or `BLANK`; raises `ResponsesError` naming the place."""
    if name not in _WORDS and name != "blank":
        raise ResponsesError("responses.reason", where=where, name=name, words=_WORDS)
    return BLANK if name == "blank" else int(Reason[name.upper()])


def token_code(text: str, stated: Mapping[str, int], *, usual: bool = True) -> int | None:
    """Return the `Reason`, `BLANK` or `ABSENT` of a text that stands for a missing answer.

    `stated` are the user's own tokens, in the form of `tidy` or `fold_text`; then come those that people usually write.
    """
    folded = fold_text(text)
    code = stated.get(tidy(text), stated.get(folded or tidy(text)))
    return code if code is not None or not usual else BUILTIN.get(text.strip().casefold()) or BUILTIN.get(folded)
