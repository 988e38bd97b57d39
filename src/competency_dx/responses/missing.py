"""Why a cell holds no answer, the tokens people write for it, and what an estimation does with each reason."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, choice
from competency_dx.display import result_words
from competency_dx.errors import ResponsesError
from competency_dx.responses.normalise import WORDS, fold_text, tidy


class Reason(IntEnum):
    """The state of a cell: answered, or why there is no answer that counts."""

    ANSWERED = 0
    NOT_ADMINISTERED = 1
    OMITTED = 2
    NOT_REACHED = 3
    INVALID = 4


ReasonName = Literal["not_administered", "omitted", "not_reached", "invalid"]
Treatment = Literal["ignore", "incorrect"]
Omissions = Literal["ignore", "incorrect", "modelled"]
Reasons = NDArray[np.uint8]
BLANK = 255  # while a table is read: an empty cell whose reason follows from the person's form. Never in a result
ABSENT = 254  # while a table is read: a token that says the person did not come. Never in a result
_NAMES: tuple[ReasonName, ...] = ("omitted", "not_reached", "invalid", "not_administered")
_TOKENS: Mapping[str, Sequence[str]] = WORDS["missing"]
_CODES = {reason.name.lower(): int(reason) for reason in Reason} | {"blank": BLANK, "absent": ABSENT}
BUILTIN = {token: _CODES[name] for name, tokens in _TOKENS.items() for token in tokens}
NEGATIVE_CODES = frozenset({"-1", "-9"})
"""Missing in a table of points or of option codes; an answer like any other where the answer is a number."""


@choice(ResponsesError)
class MissingPolicy:
    """What enters an estimation: each reason is either left out (`ignore`) or scored 0 (`incorrect`).

    Omissions can be `modelled` in a diagnosis: left out, while how much a person omits tells of the person. By default an omitted
    answer is wrong, as in exams; what was not reached, not administered or cannot be read says nothing about the person.
    """

    omitted: Omissions = "incorrect"
    not_reached: Treatment = "ignore"
    invalid: Treatment = "ignore"
    not_administered: Treatment = "ignore"

    def check_scored(self) -> None:
        """Refuse omissions that are modelled: an estimation other than a diagnosis needs to know how they count."""
        if self.omitted == "modelled":
            raise ResponsesError("responses.modelled")

    def table(self) -> Bools:
        """Return for each value of `Reason` whether such a cell enters the estimation, shape (5,)."""
        return np.array([r is Reason.ANSWERED or getattr(self, r.name.lower()) == "incorrect" for r in Reason], dtype=np.bool_)

    def counted(self, reasons: Reasons) -> Bools:
        """Return the cells (P, I) that enter an estimation, none of those who gave no answer at all: they were not there."""
        seen = self.table()[reasons]
        return np.asarray(seen & (seen & answers_given(reasons)).any(axis=1, keepdims=True))

    def describe(self, language: str = "en") -> str:
        """Return the policy as one sentence."""
        say = result_words("responses", language)
        groups = {t: [say(f"reason_{n}") for n in _NAMES if getattr(self, n) == t] for t in get_args(Omissions)}
        wrong, left = (", ".join(part) or say("policy_none") for part in (groups["incorrect"], groups["ignore"] + groups["modelled"]))
        return say("policy", wrong=wrong, left=left) + (say("policy_modelled") if groups["modelled"] else "")


def answers_given(reasons: Reasons) -> Bools:
    """Return the cells in which the person wrote something, be it unreadable."""
    return np.asarray((reasons == Reason.ANSWERED) | (reasons == Reason.INVALID))


def cell_word(reason: Reason, language: str) -> str:
    """Return the text that a table has in a cell without an answer for this reason, empty where nothing was given."""
    return next((t for t in _TOKENS.get(reason.name.lower(), ()) if t[0].isalpha() and t.isascii() == (language != "ru")), "")


def reason_code(name: str, where: str) -> int:
    """Return the code of a reason given by name, or `BLANK`; raises `ResponsesError` naming the place."""
    if name not in _NAMES and name != "blank":
        raise ResponsesError("responses.reason", where=where, name=name, words=_NAMES)
    return _CODES[name]


def token_code(text: str, stated: Mapping[str, int], *, usual: bool = True) -> int | None:
    """Return the `Reason`, `BLANK` or `ABSENT` of a text for a missing answer, by `stated` tokens of the user or by `usual` ones."""
    folded = fold_text(text)
    code = stated.get(tidy(text), stated.get(folded or tidy(text)))
    return code if code is not None or not usual else BUILTIN.get(text.strip().casefold()) or BUILTIN.get(folded)
